// One step of TRPO where it can be seen whole: the policy N(mu, sigma^2) of the one-shot game, its parameters the plane.

import { expectedReward, policyGradient } from './math/one_shot_game.js';
import { contour, ellipse, fisher, fullStep, lineSearch, naturalGradient } from './math/trust_region.js';
import { Plot, button, drag, fixed, html, legend, slider, svg, table } from './parts.js';

export const WORDS = {
  en: {
    hint:
      'Drag the policy (or use its sliders), then take the step. Try μ near the target and a large δ: a step to the ellipse ' +
      'then has a true divergence above δ, and the line search shortens it.',
    plane: 'All policies; shade: expected reward',
    near: 'Around the policy, both axes to one scale',
    mu: 'mean μ',
    sigma: 'standard deviation σ',
    delta: 'trust region δ, nats',
    step: 'Take the step',
    back: 'Back to the start',
    target: 'target',
    policy: 'the policy',
    gradient: 'gradient g, as far as the ellipse',
    natural: 'natural gradient F⁻¹g, as far as the ellipse',
    ellipse: 'quadratic model: ½ x′Fx = δ',
    contour: 'true divergence: KL(old, new) = δ',
    rejected: 'line search: rejected',
    accepted: 'line search: accepted',
    columns: ['line search', 'KL', 'gain in reward', ''],
    naturalStep: 'natural gradient',
    plainStep: 'gradient',
    verdict: { accepted: 'accepted', kl: 'KL above δ', gain: 'reward falls' },
  },
  zh: {
    hint: '拖动策略点（或用滑块），然后走出这一步。不妨让 μ 靠近目标，并调大 δ：此时走到椭圆上，真实的 KL 散度会超过 δ，线搜索便把步长缩短。',
    plane: '全部策略；颜色深浅：期望奖励',
    near: '策略附近（两轴等比例）',
    mu: '均值 μ',
    sigma: '标准差 σ',
    delta: '信赖域大小 δ（nat）',
    step: '走这一步',
    back: '回到起点',
    target: '目标',
    policy: '当前策略',
    gradient: '梯度 g，画到椭圆为止',
    natural: '自然梯度 F⁻¹g，画到椭圆为止',
    ellipse: '二次近似：½ x′Fx = δ',
    contour: '真实散度：KL(旧, 新) = δ',
    rejected: '线搜索：拒绝',
    accepted: '线搜索：接受',
    columns: ['线搜索', 'KL', '奖励的增量', ''],
    naturalStep: '自然梯度',
    plainStep: '梯度',
    verdict: { accepted: '接受', kl: 'KL 超过 δ', gain: '奖励下降' },
  },
};
const GAME = { target: 4, range: 0.5 };
const MEANS = [0, 8];
const DEVIATIONS = [0, 3];
const LOWEST_SIGMA = 0.15;
const START = [2.8, 1.8];

export function mount(element, { language }) {
  const words = WORDS[language];
  let policy = [...START];
  let shade;
  const plane = new Plot({
    name: words.plane,
    x: { label: words.mu, domain: MEANS },
    y: { label: words.sigma, domain: DEVIATIONS },
    aspect: 1,
    draw: drawPlane,
  });
  const near = new Plot({
    name: words.near,
    x: { label: words.mu, domain: [0, 1] },
    y: { label: words.sigma, domain: [0, 1] },
    aspect: 1,
    draw: drawNear,
  });
  const two = (value) => fixed(value, 2);
  const move = (to) => {
    policy = [clamp(to[0], MEANS[0], MEANS[1]), clamp(to[1], LOWEST_SIGMA, DEVIATIONS[1])];
    [mu.value, sigma.value] = policy;
    redraw();
  };
  const mu = slider({
    label: words.mu,
    min: MEANS[0],
    max: MEANS[1],
    step: 0.01,
    value: policy[0],
    format: two,
    onInput: (v) => move([v, policy[1]]),
  });
  const sigma = slider({
    label: words.sigma,
    min: LOWEST_SIGMA,
    max: DEVIATIONS[1],
    step: 0.01,
    value: policy[1],
    format: two,
    onInput: (v) => move([policy[0], v]),
  });
  const delta = slider({
    label: words.delta,
    min: 0.001,
    max: 0.5,
    step: 0.01,
    value: 0.1,
    logarithmic: true,
    format: (v) => v.toPrecision(2),
    onInput: redraw,
  });
  const steps = table(words.columns);
  const handle = svg('circle', { r: 9, class: 'dot handle' });
  const reach = svg('circle', { r: 24, class: 'unseen handle' });
  for (const part of [handle, reach]) drag(part, (event) => move(plane.at(event)));

  const objective = (parameters) => expectedReward(parameters, GAME);

  /** All that is drawn of one update. */
  function update() {
    const information = fisher(policy);
    const gradient = policyGradient(policy, GAME);
    const along = (direction) => fullStep(direction, information, delta.value);
    const plain = along(gradient);
    const natural = along(naturalGradient(gradient, information));
    const search = (step) => lineSearch(policy, step, delta.value, objective);
    return { plain, natural, tried: search(natural), aside: search(plain) };
  }

  const from = (step) => [policy[0] + step[0], policy[1] + step[1]];

  function drawPlane(plot) {
    shade ??= plot.cells(64, 40, (x, y) => [64, 138, 196, 225 * expectedReward([x, Math.max(y, 0.02)], GAME)]);
    plot.picture(shade);
    plot.rule([GAME.target, DEVIATIONS[0]], [GAME.target, DEVIATIONS[1]], 'line thin dotted');
    plot.word([GAME.target, DEVIATIONS[1]], words.target, { dx: 5, dy: 14 });
    const { tried } = update();
    plot.line(ellipse(policy, delta.value), 'line red dashed');
    plot.line(contour(policy, delta.value), 'line');
    for (const { parameters, accepted } of tried) if (accepted) plot.dot(parameters, 4, 'dot green');
    for (const part of [handle, reach]) {
      part.setAttribute('cx', plot.toX(policy[0]));
      part.setAttribute('cy', plot.toY(policy[1]));
      plot.notes.append(part);
    }
  }

  function drawNear(plot) {
    const { plain, natural, tried } = update();
    plot.line(contour(policy, delta.value), 'line');
    plot.line(ellipse(policy, delta.value), 'line red dashed');
    plot.arrow(policy, from(plain), 'line ochre longdash');
    plot.arrow(policy, from(natural), 'line blue');
    tried.forEach(({ parameters, accepted }, j) => {
      plot.dot(parameters, accepted ? 6 : 4.5, accepted ? 'dot green' : 'dot hollow red');
      if (accepted || j === 0) label(plot, parameters, natural, j);
    });
    plot.dot(policy, 6, 'dot');
  }

  /** Names a try: the first beyond its dot, another beside it. */
  function label(plot, at, [x, y], j) {
    const length = Math.hypot(x, y);
    const [dx, dy] = j ? [(-14 * y) / length, (-14 * x) / length] : [(14 * x) / length, (-14 * y) / length];
    plot.word(at, `j = ${j}`, { dx, dy: dy + 4, anchor: dx < -4 ? 'end' : 'start' });
  }

  function redraw() {
    const reach = 1.5 * Math.sqrt(2 * delta.value) * policy[1];
    near.x.domain = [policy[0] - reach, policy[0] + reach];
    near.y.domain = [policy[1] - reach, policy[1] + reach];
    plane.redraw();
    near.redraw();
    tell();
  }

  function tell() {
    const { tried, aside } = update();
    const verdict = (one) => words.verdict[one.accepted ? 'accepted' : one.kl > delta.value ? 'kl' : 'gain'];
    const rows = (name, list) =>
      list.map((one, j) => [`${name}, j = ${j}`, fixed(one.kl, 4), fixed(one.gain, 4), verdict(one)]);
    steps.fill([...rows(words.naturalStep, tried), ...rows(words.plainStep, aside)]);
  }

  function take() {
    const last = update().tried.at(-1);
    if (last.accepted) move(last.parameters);
  }

  element.append(
    html('p', { class: 'hint' }, words.hint),
    html(
      'div',
      { class: 'plots' },
      html('div', {}, html('p', { class: 'subtitle' }, words.plane), plane.root),
      html('div', {}, html('p', { class: 'subtitle' }, words.near), near.root),
    ),
    legend([
      ['line blue', words.natural],
      ['line ochre longdash', words.gradient],
      ['line red dashed', words.ellipse],
      ['line', words.contour],
      ['dot hollow red', words.rejected],
      ['dot green', words.accepted],
    ]),
    html(
      'div',
      { class: 'buttons' },
      button(words.step, take),
      button(words.back, () => move(START)),
    ),
    html('div', { class: 'controls' }, mu.root, sigma.root, delta.root),
    steps.root,
  );
  redraw();
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
