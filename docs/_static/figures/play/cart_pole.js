// CartPole-v1 in the page. It goes on past the 500 steps of an episode, until the pole falls.

import { ANGLE_LIMIT, FORCE, SECONDS, X_LIMIT, observe, reset, step } from '../math/cart_pole.js';
import { fixed, html, svg } from '../parts.js';

const PUSH = 12; // force of a push at its strongest; the agent has 10
const [WIDTH, HEIGHT] = [460, 300];
const UNIT = 85; // of the stage to one of length
const POLE = 1; // its length
const GROUND = HEIGHT - 60;
const REST = 1.2; // seconds that a fallen pole lies

export function cartPoleWorld(words, random) {
  let agent, state, before, action, steps, fallen, longest;
  let pull = null;

  const cart = svg('rect', { x: -32, y: -16, width: 64, height: 32, rx: 4, class: 'cart' });
  const pole = svg('line', { x1: 0, y1: 0, class: 'rod' });
  const body = svg('g', {}, cart, pole, svg('circle', { r: 5, class: 'dot' }));
  const force = svg('line', { class: 'line thick red' });
  const forceHead = svg('polygon', { class: 'head red' });
  const rope = svg('line', { class: 'line dashed ochre' });
  const notice = svg('text', { x: 0, y: 30, 'text-anchor': 'middle', class: 'word' });
  const post = (x) => svg('line', { x1: x * UNIT, x2: x * UNIT, y1: GROUND - 4, y2: GROUND + 20, class: 'line thin' });
  const bars = [0, 1].map((i) => svg('rect', { y: HEIGHT - 24, height: 12, x: 0, class: i ? 'bar red' : 'bar blue' }));
  const chances = [0, 1].map((i) => svg('text', { x: i ? 112 : -112, y: HEIGHT - 14, 'text-anchor': i ? 'start' : 'end' }));
  const stage = svg(
    'svg',
    { viewBox: `${-WIDTH / 2} 0 ${WIDTH} ${HEIGHT}`, class: 'stage wide' },
    svg('line', { x1: -X_LIMIT * UNIT, x2: X_LIMIT * UNIT, y1: GROUND + 16, y2: GROUND + 16, class: 'line thin' }),
    post(-X_LIMIT),
    post(X_LIMIT),
    rope,
    body,
    force,
    forceHead,
    notice,
    ...bars,
    ...chances,
  );

  /** The force of a push, to the right. */
  function push(right) {
    const wanted = pull ? (pull[0] / UNIT - state.x) * 2 : right;
    return PUSH * Math.min(1, Math.max(-1, wanted));
  }

  const world = {
    seconds: SECONDS,
    stage,
    controls: [],
    maps: html('div'),
    columns: [words.position, words.poleAngle, words.chanceRight, words.push, words.value, words.steps, words.longest],
    setAgent(next, isSame = false) {
      agent = next;
      if (!isSame) longest = 0;
    },
    reset() {
      [state, action, steps, fallen] = [reset(random), null, 0, false];
      before = state;
    },
    advance(right) {
      if (fallen) {
        world.reset();
        return 0;
      }
      action = agent.action(observe(state));
      before = state;
      const result = step(state, action, push(right));
      state = result.state;
      fallen = result.terminated;
      steps += 1;
      longest = Math.max(longest, steps);
      return fallen ? REST : 0;
    },
    pull(point) {
      pull = point;
    },
    draw(fraction, right) {
      const between = (name) => before[name] + fraction * (state[name] - before[name]);
      const x = between('x') * UNIT;
      const theta = between('theta');
      body.setAttribute('transform', `translate(${x} ${GROUND})`);
      pole.setAttribute('x2', POLE * UNIT * 1.6 * Math.sin(theta));
      pole.setAttribute('y2', -POLE * UNIT * 1.6 * Math.cos(theta));
      const side = action === null || fallen ? 0 : action ? 1 : -1;
      const end = x + side * (32 + 2.2 * FORCE);
      for (const [name, value] of Object.entries({ x1: x + side * 32, x2: end, y1: GROUND, y2: GROUND }))
        force.setAttribute(name, value);
      forceHead.setAttribute('points', `${end + side * 12},${GROUND} ${end},${GROUND - 7} ${end},${GROUND + 7}`);
      for (const node of [force, forceHead]) node.setAttribute('visibility', side ? 'visible' : 'hidden');
      const pulled = pull ? pull[0] : x + 90 * right;
      for (const [name, value] of Object.entries({ x1: x, x2: pulled, y1: GROUND - 22, y2: pull ? pull[1] : GROUND - 22 }))
        rope.setAttribute(name, value);
      rope.setAttribute('visibility', pull || right ? 'visible' : 'hidden');
      notice.textContent = fallen ? words.fallen : '';
      agent.policy(observe(state)).probabilities.forEach((probability, i) => {
        bars[i].setAttribute('width', 100 * probability);
        bars[i].setAttribute('x', i ? 6 : -6 - 100 * probability);
        chances[i].textContent = `${i ? '→' : '←'} ${fixed(100 * probability, 0)}%`;
      });
    },
    row: (right) => [
      fixed(state.x, 2),
      `${fixed((state.theta * 180) / Math.PI, 1)}° / ±${fixed((ANGLE_LIMIT * 180) / Math.PI, 0)}°`,
      fixed(agent.policy(observe(state)).probabilities[1], 3),
      fixed(push(right), 1),
      fixed(agent.value(observe(state)), 2),
      String(steps),
      String(longest),
    ],
  };
  return world;
}
