// Pendulum-v1 in the page: the pendulum, and the agent's value and action over all its states.

import { MAX_SPEED, MAX_TORQUE, SECONDS, normalized, observe, reset, step } from '../math/pendulum.js';
import { Plot, drag, fixed, html, slider, svg } from '../parts.js';
import { key, scale } from './colours.js';

const PUSH = 6; // torque of a push at its strongest; the agent has 2
const TRAIL = 50; // states that are shown behind the present one
const CELLS = 56; // of a map, in each direction
const SIZE = 300; // of the stage

export function pendulumWorld(words, random, changed) {
  let agent, state, before, action, reward, trail, maps;
  let pull = null;
  let held = false;

  const angles = [
    [-Math.PI, '−π'],
    [-Math.PI / 2, '−π/2'],
    [0, '0'],
    [Math.PI / 2, 'π/2'],
    [Math.PI, 'π'],
  ];
  const map = (name, picture) =>
    new Plot({
      name,
      x: { label: words.angle, domain: [-Math.PI, Math.PI], ticks: angles },
      y: { label: words.speed, domain: [-MAX_SPEED, MAX_SPEED] },
      aspect: 0.8,
      draw: (plot) => {
        plot.picture(maps[picture]);
        plot.over(drawTrail);
      },
    });
  const values = map(words.valueMap, 'value');
  const actions = map(words.actionMap, 'action');
  const [valueKey, actionKey] = [html('div'), html('div')];
  for (const plot of [values, actions]) {
    plot.root.classList.add('place');
    drag(
      plot.root,
      (event) => {
        const [theta, speed] = plot.at(event);
        held = true;
        place({ theta, speed });
      },
      () => (held = false),
    );
  }

  const degrees = (v) => `${fixed((v * 180) / Math.PI, 0)}°`;
  const angle = slider({
    label: words.angle,
    min: -3.14,
    max: 3.14,
    step: 0.01,
    value: 0,
    format: degrees,
    onInput: (v) => place({ ...state, theta: v }),
  });
  const speed = slider({
    label: words.speed,
    min: -MAX_SPEED,
    max: MAX_SPEED,
    step: 0.05,
    value: 0,
    format: (v) => fixed(v, 1),
    onInput: (v) => place({ ...state, speed: v }),
  });
  for (const { input } of [angle, speed])
    drag(
      input,
      () => (held = true),
      () => (held = false),
    );

  const rod = svg('line', { class: 'rod' });
  const bob = svg('circle', { r: 15, class: 'dot blue' });
  const turn = svg('path', { class: 'line thick red' });
  const turnHead = svg('polygon', { class: 'head red' });
  const rope = svg('line', { class: 'line dashed ochre' });
  const stage = svg(
    'svg',
    { viewBox: `${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`, class: 'stage' },
    svg('line', { x1: 0, y1: -SIZE / 2 + 8, x2: 0, y2: -SIZE / 2 + 22, class: 'line thin dotted' }),
    rod,
    rope,
    svg('circle', { r: 5, class: 'dot' }),
    bob,
    turn,
    turnHead,
  );
  const LENGTH = 100; // of the rod, in the stage's units

  const at = (theta) => [-LENGTH * Math.sin(theta), -LENGTH * Math.cos(theta)];

  function place(to) {
    state = before = to;
    trail = [];
    changed();
  }

  function drawTrail(plot) {
    const points = trail.map(({ theta, speed: s }) => [normalized(theta), s]);
    let piece = [];
    points.forEach((point, i) => {
      if (i && Math.abs(point[0] - points[i - 1][0]) > Math.PI) piece = [];
      piece.push(point);
      if (i === points.length - 1 || Math.abs(points[i + 1][0] - point[0]) > Math.PI) plot.line(piece, 'line track');
    });
    plot.dot([normalized(state.theta), state.speed], 6, 'dot here');
  }

  /** The torque of a push: a force to the right, or the pull of the pointer, at the end of the rod. */
  function torque(right) {
    const [x, y] = at(state.theta);
    const [forceX, forceY] = pull ? [(pull[0] - x) / LENGTH, (pull[1] - y) / LENGTH] : [right, 0];
    const turning = (-x * forceY + y * forceX) / LENGTH; // counter-clockwise, with y downwards
    return Math.min(PUSH, Math.max(-PUSH, PUSH * turning));
  }

  return {
    seconds: SECONDS,
    stage,
    controls: [angle.root, speed.root],
    maps: html(
      'div',
      { class: 'plots' },
      html('div', {}, html('p', { class: 'subtitle' }, words.valueMap), values.root, valueKey),
      html('div', {}, html('p', { class: 'subtitle' }, words.actionMap), actions.root, actionKey),
    ),
    columns: [words.angle, words.speed, words.torque, words.push, words.value, words.reward],
    setAgent(next) {
      agent = next;
      const states = values.grid(CELLS, CELLS).map(([theta, s]) => observe({ theta, speed: s }));
      const worth = states.map(agent.value);
      const torques = states.map((seen) => agent.action(seen)[0]);
      const [low, high] = [Math.min(...worth), Math.max(...worth)];
      const [ofValue, ofAction] = [scale('sequential', low, high), scale('diverging', -MAX_TORQUE, MAX_TORQUE)];
      maps = {
        value: values.cells(CELLS, CELLS, (x, y, i) => ofValue(worth[i])),
        action: actions.cells(CELLS, CELLS, (x, y, i) => ofAction(torques[i])),
      };
      valueKey.replaceChildren(key('sequential', fixed(low, 1), fixed(high, 1)));
      actionKey.replaceChildren(key('diverging', `−2 ${words.clockwise}`, `+2 ${words.counterClockwise}`));
      values.redraw();
      actions.redraw();
    },
    reset() {
      [state, action, reward, trail] = [reset(random), 0, 0, []];
      before = state;
    },
    advance(right) {
      if (held) return 0;
      action = agent.action(observe(state))[0];
      before = state;
      ({ state, reward } = step(state, action, torque(right)));
      trail = [...trail.slice(1 - TRAIL), state];
      return 0;
    },
    pull(point) {
      pull = point;
    },
    draw(fraction, right) {
      const [x, y] = at(before.theta + fraction * (state.theta - before.theta));
      for (const [node, attributes] of [
        [rod, { x1: 0, y1: 0, x2: x, y2: y }],
        [bob, { cx: x, cy: y }],
        [rope, { x1: x, y1: y, x2: pull?.[0] ?? x + 45 * right, y2: pull?.[1] ?? y }],
      ]) {
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      }
      drawTorque();
      values.over(drawTrail);
      actions.over(drawTrail);
      angle.value = normalized(state.theta);
      speed.value = state.speed;
    },
    row: (right) => [
      degrees(normalized(state.theta)),
      fixed(state.speed, 2),
      fixed(action, 2),
      fixed(torque(right), 2),
      fixed(agent.value(observe(state)), 2),
      fixed(reward, 2),
    ],
  };

  /** The agent's torque as an arc around the pivot, as long as it is strong. */
  function drawTorque() {
    const radius = 30;
    const reach = (action / MAX_TORQUE) * 2.4;
    const point = (a, r = radius) => [-r * Math.sin(a), -r * Math.cos(a)];
    const [x, y] = point(reach);
    turn.setAttribute('d', `M0 ${-radius}A${radius} ${radius} 0 0 ${reach > 0 ? 0 : 1} ${x} ${y}`);
    const ahead = reach + Math.sign(reach) * 0.3;
    turnHead.setAttribute('points', [point(ahead), point(reach, radius + 7), point(reach, radius - 7)].join(' '));
    for (const node of [turn, turnHead]) node.setAttribute('visibility', Math.abs(action) > 0.1 ? 'visible' : 'hidden');
  }
}
