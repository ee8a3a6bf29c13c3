// FrozenLake-v1 in the page: the policy and the value of every field, and where the agent slides to.

import { ACTIONS, MAP, SIDE, isEnd, letter, move, observe, step } from '../math/frozen_lake.js';
import { fixed, html, svg, tick } from '../parts.js';

const CELL = 84;
const REST = 1; // seconds at the end of an episode
const ARROWS = ['←', '↓', '→', '↑'];

export function frozenLakeWorld(words, random, changed, trainedSlippery) {
  let agent, state, before, action, slid, steps, played, reached;
  const slippery = tick({ label: trainedSlippery ? words.slippery : words.notSlippery, checked: trainedSlippery });

  const fields = svg('g');
  const walker = svg('circle', { r: 15, class: 'dot here walker' });
  const wish = svg('line', { class: 'line thick red' });
  const stage = svg(
    'svg',
    { viewBox: `-2 -2 ${SIDE * CELL + 4} ${SIDE * CELL + 4}`, class: 'stage board' },
    fields,
    wish,
    walker,
  );
  const middle = (field) => [((field % SIDE) + 0.5) * CELL, (Math.floor(field / SIDE) + 0.5) * CELL];

  function drawFields() {
    const all = Array.from({ length: SIDE * SIDE }, (_, field) => field);
    const values = all.map((field) => agent.value(observe(field)));
    const highest = Math.max(1e-9, ...all.filter((field) => !isEnd(field)).map((field) => values[field]));
    fields.replaceChildren(...all.map((field) => drawField(field, values[field], Math.max(0, values[field] / highest))));
  }

  function drawField(field, value, shade) {
    const [x, y] = middle(field);
    const kind = letter(field);
    const node = svg('g', { transform: `translate(${x} ${y})` });
    const corner = { x: -CELL / 2, y: -CELL / 2, width: CELL, height: CELL };
    node.append(svg('rect', { ...corner, class: `field ${{ H: 'hole', G: 'goal' }[kind] ?? 'ice'}` }));
    if (isEnd(field)) {
      node.append(svg('text', { y: 5, 'text-anchor': 'middle' }, kind === 'G' ? words.goal : words.hole));
      return node;
    }
    node.append(svg('rect', { ...corner, class: 'shade', 'fill-opacity': 0.55 * shade }));
    const { probabilities } = agent.policy(observe(field));
    probabilities.forEach((probability, a) => {
      const [down, right] = ACTIONS[a];
      const [near, far] = [4, 4 + 28 * probability];
      if (probability < 0.02) return;
      const arrow = { x1: near * right, y1: near * down, x2: far * right, y2: far * down, class: 'line thick' };
      const [tx, ty] = [(far + 7) * right, (far + 7) * down];
      const head = [
        [tx, ty],
        [far * right - 5 * down, far * down + 5 * right],
        [far * right + 5 * down, far * down - 5 * right],
      ];
      node.append(svg('line', arrow), svg('polygon', { points: head.join(' '), class: 'head' }));
    });
    node.append(svg('text', { x: CELL / 2 - 5, y: CELL / 2 - 6, 'text-anchor': 'end' }, fixed(value, 2)));
    if (kind === 'S') node.append(svg('text', { x: -CELL / 2 + 5, y: -CELL / 2 + 14 }, words.start));
    return node;
  }

  function restart() {
    [state, action, slid, steps] = [MAP.join('').indexOf('S'), null, false, 0];
    before = state;
  }

  function arrive(result) {
    [before, state] = [state, result];
    if (!isEnd(state)) return 0;
    played += 1;
    reached += letter(state) === 'G' ? 1 : 0;
    return REST;
  }

  return {
    seconds: 0.45,
    stage,
    controls: [slippery.root],
    maps: html('div'),
    columns: [words.field, words.wanted, words.value, words.steps, words.reached],
    setAgent(next, isSame = false) {
      agent = next;
      if (!isSame) [played, reached] = [0, 0];
      drawFields();
    },
    reset: restart,
    advance() {
      if (isEnd(state)) {
        restart();
        return 0;
      }
      action = agent.action(observe(state));
      const result = step(state, action, random(), slippery.input.checked);
      slid = result.state !== move(state, action);
      steps += 1;
      return arrive(result.state);
    },
    /** A push of one field, without slipping. */
    shove(direction) {
      if (isEnd(state)) restart();
      else arrive(move(state, direction));
      [action, slid] = [null, false];
      changed();
    },
    /** Puts the walker on the field at a point of the stage. */
    pull(point) {
      if (!point) return;
      const [column, row] = point.map((x) => Math.min(SIDE - 1, Math.max(0, Math.floor(x / CELL))));
      [state, before, action, slid] = [row * SIDE + column, row * SIDE + column, null, false];
    },
    draw(fraction) {
      const part = Math.min(1, 2.5 * fraction);
      const [[x0, y0], [x1, y1]] = [middle(before), middle(state)];
      const [x, y] = [x0 + part * (x1 - x0), y0 + part * (y1 - y0)];
      walker.setAttribute('cx', x);
      walker.setAttribute('cy', y);
      const [down, right] = slid ? ACTIONS[action] : [0, 0];
      for (const [name, value] of Object.entries({ x1: x0, y1: y0, x2: x0 + 36 * right, y2: y0 + 36 * down }))
        wish.setAttribute(name, value);
    },
    row: () => [
      String(state),
      action === null ? '–' : `${ARROWS[action]}${slid ? ` ${words.slid}` : ''}`,
      isEnd(state) ? '–' : fixed(agent.value(observe(state)), 3),
      String(steps),
      `${reached} / ${played}`,
    ],
  };
}
