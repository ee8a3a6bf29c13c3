// The one-shot game of pg_gaussian_minimal.py, learning while one looks and moves its target.

import { episode, forward, learner } from './math/gaussian_policy.js';
import { density, reward } from './math/one_shot_game.js';
import { normal, uniform } from './math/random.js';
import { Loop, Plot, button, fixed, grouped, html, legend, playButton, slider, table } from './parts.js';

export const WORDS = {
  en: {
    hint:
      'Move the target while it learns. Without a baseline every reward is positive and pushes μ towards whatever was drawn, ' +
      'so it drifts once σ is small; a narrow range far away is hardly ever found.',
    density: 'The policy, and the reward of each action',
    history: 'Episode after episode',
    action: 'action a',
    height: 'density; reward, dashed',
    episode: 'episode',
    value: 'μ, σ, reward',
    target: 'target τ',
    range: 'target range ζ',
    rate: 'learning rate',
    baseline: 'rate of the baseline',
    none: '0, no baseline',
    speed: 'episodes a second',
    play: 'Play',
    pause: 'Pause',
    one: 'One episode',
    again: 'Start again',
    legend: {
      policy: 'density of N(μ, σ²)',
      reward: 'reward R(a)',
      drawn: 'actions drawn last',
      mu: 'μ',
      sigma: 'σ',
      received: 'reward, mean of neighbours',
      target: 'target',
    },
    columns: ['', 'μ', 'σ', 'reward', 'pseudo-loss'],
    row: (count) => `episode ${count}`,
    divided: (factor) => `density ÷ ${factor}`,
  },
  zh: {
    hint: '可以边学边移动目标。不用基线时奖励恒为正，采样到哪个动作，μ 就被拉向哪个动作，因此 σ 变小后 μ 仍会漂移；目标又远又窄时，几乎采样不到。',
    density: '策略，以及每个动作的奖励',
    history: '逐回合的变化',
    action: '动作 a',
    height: '概率密度；虚线为奖励',
    episode: '回合',
    value: 'μ、σ、奖励',
    target: '目标 τ',
    range: '目标范围 ζ',
    rate: '学习率',
    baseline: '基线的更新率',
    none: '0，不用基线',
    speed: '每秒回合数',
    play: '播放',
    pause: '暂停',
    one: '走一个回合',
    again: '重新开始',
    legend: {
      policy: 'N(μ, σ²) 的密度',
      reward: '奖励 R(a)',
      drawn: '最近采样的动作',
      mu: 'μ',
      sigma: 'σ',
      received: '奖励（邻近回合平均）',
      target: '目标',
    },
    columns: ['', 'μ', 'σ', '奖励', '伪损失'],
    row: (count) => `第 ${count} 回合`,
    divided: (factor) => `密度 ÷ ${factor}`,
  },
};
const ACTIONS = [-8, 8];
const LONGEST = 20_000; // episodes after which it stops
const FIRST_VIEW = 2_000; // episodes that the axis has room for at first
const RECENT = 12; // drawn actions that are shown

export function mount(element, { language }) {
  const words = WORDS[language];
  let seed = 0;
  let random, actor, count, owed, recent, last;
  const history = { mu: new Float32Array(LONGEST), sigma: new Float32Array(LONGEST), reward: new Float32Array(LONGEST) };
  const targets = new Float32Array(LONGEST);

  const target = slider({
    label: words.target,
    min: -6,
    max: 6,
    step: 0.05,
    value: 4,
    format: (v) => fixed(v, 2),
    onInput: redraw,
  });
  const range = slider({
    label: words.range,
    min: 0.05,
    max: 3,
    step: 0.01,
    value: 0.25,
    logarithmic: true,
    format: (v) => fixed(v, 2),
    onInput: redraw,
  });
  const rate = slider({
    label: words.rate,
    min: 0.0001,
    max: 0.03,
    step: 0.01,
    value: 0.001,
    logarithmic: true,
    format: (v) => v.toPrecision(2),
  });
  const baseline = slider({
    label: words.baseline,
    min: 0,
    max: 0.5,
    step: 0.01,
    value: 0,
    format: (v) => (v ? fixed(v, 2) : words.none),
  });
  const speed = slider({
    label: words.speed,
    min: 1,
    max: 5000,
    step: 0.01,
    value: 400,
    logarithmic: true,
    format: (v) => grouped(Math.round(v)),
  });
  const values = table(words.columns);
  const game = () => ({ target: target.value, range: range.value });

  const now = new Plot({
    name: words.density,
    x: { label: words.action, domain: ACTIONS },
    y: { label: words.height, domain: [0, 1.05] },
    height: 260,
    draw: drawNow,
  });
  const past = new Plot({
    name: words.history,
    x: { label: words.episode, domain: [0, FIRST_VIEW] },
    y: { label: words.value, domain: [-1, 6] },
    height: 260,
    draw: drawPast,
  });

  function begin() {
    seed += 1;
    random = normal(uniform(seed));
    actor = learner(random);
    [count, owed, recent, last] = [0, 0, [], null];
    redraw();
  }

  function learn() {
    if (count === LONGEST) return;
    last = episode(actor, random(), game(), { learningRate: rate.value, baselineRate: baseline.value });
    for (const name of Object.keys(history)) history[name][count] = last[name];
    targets[count] = target.value;
    count += 1;
    recent = [...recent.slice(1 - RECENT), last.action];
  }

  function drawNow(plot) {
    const { mu, sigma } = forward(actor.weights);
    const samples = Array.from({ length: 401 }, (_, i) => ACTIONS[0] + ((ACTIONS[1] - ACTIONS[0]) * i) / 400);
    const near = Array.from({ length: 81 }, (_, i) => mu + (sigma * (i - 40)) / 10); // a narrow peak needs points of its own
    const policy = [...samples, ...near].sort((a, b) => a - b).map((a) => [a, density(a, mu, sigma)]);
    const factor = Math.max(1, density(mu, mu, sigma)); // a peak above 1 is drawn as high as 1
    const shown = policy.map(([a, d]) => [a, d / factor]);
    plot.area([[ACTIONS[0], 0], ...shown, [ACTIONS[1], 0]], 'area blue');
    plot.line(shown, 'line blue');
    plot.line(
      samples.map((a) => [a, reward(a, game())]),
      'line green dashed',
    );
    plot.rule([target.value, 0], [target.value, 1.05], 'line thin dotted');
    recent.forEach((action, i) => plot.rule([action, 0], [action, 0.06], `line${i < recent.length - 3 ? ' faded' : ''}`));
    const left = mu > 0; // on the side with more room
    if (factor > 1)
      plot.word([mu, 1], words.divided(fixed(factor, 1)), { dx: left ? -14 : 14, dy: 12, anchor: left ? 'end' : 'start' });
  }

  /** Means over as many neighbouring episodes as one pixel and a half holds. */
  function thinned(values) {
    const width = Math.max(1, Math.round((past.x.domain[1] / (past.inner.right - past.inner.left)) * 1.5));
    const points = [];
    for (let start = 0; start < count; start += width) {
      const end = Math.min(count, start + width);
      let sum = 0;
      for (let i = start; i < end; i++) sum += values[i];
      points.push([(start + end) / 2, sum / (end - start)]);
    }
    return points;
  }

  function drawPast(plot) {
    if (!count) return;
    plot.line(thinned(history.reward), 'line thin green');
    plot.line(thinned(targets), 'line thin dotted');
    plot.line(thinned(history.mu), 'line blue');
    plot.line(thinned(history.sigma), 'line red dashed');
  }

  function redraw() {
    const seen = [0, 1, target.value, last?.mu ?? 0, last?.sigma ?? 1, ...(count ? [...thinnedRange()] : [])];
    past.y.domain = [Math.floor(Math.min(...seen) - 0.2), Math.ceil(Math.max(...seen) + 0.2)];
    past.x.domain = [0, [FIRST_VIEW, 5000, 10_000, LONGEST].find((end) => count <= end)];
    now.redraw();
    past.redraw();
    values.fill(
      last ? [[words.row(grouped(count)), ...[last.mu, last.sigma, last.reward, last.loss].map((v) => fixed(v, 3))]] : [],
    );
  }

  function thinnedRange() {
    let [low, high] = [0, 0];
    for (let i = 0; i < count; i += 1 + Math.floor(count / 500)) {
      low = Math.min(low, history.mu[i]);
      high = Math.max(high, history.mu[i], history.sigma[i]);
    }
    return [low, high];
  }

  const nowLegend = legend([
    ['area blue', words.legend.policy],
    ['line green dashed', words.legend.reward],
    ['line', words.legend.drawn],
    ['line thin dotted', words.legend.target],
  ]);
  const pastLegend = legend([
    ['line blue', words.legend.mu],
    ['line red dashed', words.legend.sigma],
    ['line thin green', words.legend.received],
    ['line thin dotted', words.legend.target],
  ]);
  const root = html(
    'div',
    { class: 'plots' },
    html('div', {}, html('p', { class: 'subtitle' }, words.density), now.root, nowLegend),
    html('div', {}, html('p', { class: 'subtitle' }, words.history), past.root, pastLegend),
  );
  const loop = new Loop(root, (seconds) => {
    owed += seconds * speed.value;
    for (; owed >= 1; owed -= 1) learn();
    redraw();
  });
  const play = playButton(loop, words);
  begin();
  element.append(
    html('p', { class: 'hint' }, words.hint),
    root,
    html(
      'div',
      { class: 'buttons' },
      play.root,
      button(words.one, () => {
        play.set(false);
        learn();
        redraw();
      }),
      button(words.again, begin),
    ),
    html('div', { class: 'controls' }, target.root, range.root, rate.root, baseline.root, speed.root),
    values.root,
  );
}
