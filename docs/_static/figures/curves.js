// The learning curves of every run behind the result tables, by environment, agent and seed.

import { acrossSeeds, nearest } from './math/spread.js';
import { Plot, choice, drag, fixed, grouped, html, shareOf, slider, svg, table, tick, valueAt } from './parts.js';

export const WORDS = {
  en: {
    hint: 'Move over the plot, or use the slider, to read the values there; take agents away by their boxes.',
    env: 'environment',
    seed: 'seed',
    all: 'all: median and range',
    one: (seed) => `seed ${seed} alone`,
    kind: 'return of',
    kinds: { training: 'episodes of the training', test: 'tests on the way, greedy' },
    steps: 'steps',
    x: 'environment steps, thousands',
    logarithmic: 'logarithmic axis of steps',
    y: 'mean return',
    agents: 'agents',
    columns: ['agent', 'steps', 'seeds', 'lowest', 'median', 'highest'],
    aloneColumns: ['agent', 'steps', 'return'],
    envs: { 'FrozenLake-v1, not slippery': 'FrozenLake-v1, not slippery' },
    names: {},
  },
  zh: {
    hint: '在图上移动鼠标，或拖动滑块，即可读出该处的数值；取消勾选可以隐去某个智能体。',
    env: '环境',
    seed: '随机种子',
    all: '全部（中位数与范围）',
    one: (seed) => `只看种子 ${seed}`,
    kind: '回报取自',
    kinds: { training: '训练中的回合', test: '途中的测试（贪心策略）' },
    steps: '步数',
    x: '环境步数（千步）',
    logarithmic: '步数用对数坐标',
    y: '平均回报',
    agents: '智能体',
    columns: ['智能体', '步数', '种子数', '最低', '中位数', '最高'],
    aloneColumns: ['智能体', '步数', '回报'],
    envs: { 'FrozenLake-v1, not slippery': 'FrozenLake-v1，不打滑' },
    names: {
      'PPO-Clip, 3M steps': 'PPO-Clip，300 万步',
      'SAC, an update a step': 'SAC，每步一次更新',
      'SAC, against the clock': 'SAC，与时间赛跑',
      'PPO-Clip, --book': 'PPO-Clip，--book',
      'TRPO, --book': 'TRPO，--book',
    },
  },
};
const LINES = {
  A2C: 'violet longdash',
  'PPO-Clip': 'blue',
  'PPO-Penalty': 'red dashed',
  TRPO: 'green dashdot',
  ACKTR: 'ochre dotted',
  SAC: 'slate',
  'PPO-Clip, 3M steps': 'blue dashed thin',
  'SAC, an update a step': 'slate dashed thin',
  'SAC, against the clock': 'slate dotted thin',
  'PPO-Clip, --book': 'blue dotted thin',
  'TRPO, --book': 'green dotted thin',
}; // an agent that is not here is drawn as the last resort
const OTHER = 'quiet';
const toneOf = (agent) => (LINES[agent] ?? OTHER).split(' ')[0];

export async function mount(element, { language }) {
  const words = WORDS[language];
  const curves = await (await fetch(new URL('data/curves.json', import.meta.url))).json();
  const hidden = new Set();
  const plot = new Plot({
    name: words.y,
    x: { label: words.x, domain: [0, 1], unit: 1000 },
    y: { label: words.y, domain: [0, 1] },
    height: 340,
    draw,
  });
  const env = choice({
    label: words.env,
    options: Object.keys(curves).map((name) => [name, words.envs[name] ?? name]),
    onChange: enter,
  });
  const seed = choice({ label: words.seed, options: [], onChange: redraw });
  const kind = choice({ label: words.kind, options: [], onChange: redraw });
  const cursor = slider({
    label: words.steps,
    min: 0,
    max: 1000,
    step: 5,
    value: 1000,
    format: (v) => grouped(Math.round(stepsAt(v))),
    onInput: redraw,
  });
  const logarithmic = tick({ label: words.logarithmic, checked: true, onChange: redraw });
  const boxes = html('fieldset', { class: 'boxes' });
  const readout = html('div');
  plot.margin.left = 58;
  plot.root.style.touchAction = 'pan-y';
  const look = (event) => {
    cursor.value = Math.round(shareOf(plot.x, plot.at(event)[0]) * 1000);
    redraw();
  };
  drag(plot.root, look);
  plot.root.addEventListener('pointermove', (event) => event.pointerType === 'mouse' && look(event));

  function stepsAt(share) {
    return valueAt(plot.x, share / 1000);
  }

  /** The points of each agent that is shown: [agent, points], the seeds put together or one alone. */
  function shown() {
    return Object.entries(curves[env.value])
      .filter(([agent]) => !hidden.has(agent))
      .map(([agent, seeds]) => {
        const chosen = seed.value === '' ? Object.values(seeds) : [seeds[seed.value] ?? {}];
        return [agent, acrossSeeds(chosen.map((one) => one[kind.value] ?? []))];
      })
      .filter(([, points]) => points.length);
  }

  function draw() {
    const agents = shown();
    for (const [agent, points] of agents) {
      const outline = [
        ...points.map(({ steps, low }) => [steps, low]),
        ...[...points].reverse().map(({ steps, high }) => [steps, high]),
      ];
      if (points.some(({ count }) => count > 1)) plot.area(outline, `area ${toneOf(agent)}`);
    }
    const steps = stepsAt(cursor.input.value);
    plot.rule([steps, plot.y.domain[0]], [steps, plot.y.domain[1]], 'line thin dotted');
    for (const [agent, points] of agents) {
      plot.line(
        points.map((point) => [point.steps, point.middle]),
        `line ${LINES[agent] ?? OTHER}`,
      );
      const at = nearest(points, steps);
      plot.dot([at.steps, at.middle], 4, `dot ${toneOf(agent)}`);
    }
  }

  function redraw() {
    const agents = shown();
    const points = agents.flatMap(([, all]) => all);
    if (points.length) {
      const [low, high] = [Math.min(...points.map((p) => p.low)), Math.max(...points.map((p) => p.high))];
      const margin = 0.05 * (high - low || 1);
      plot.y.domain = [low - margin, high + margin];
      const steps = points.map((p) => p.steps);
      plot.x.logarithmic = logarithmic.input.checked;
      plot.x.domain = [plot.x.logarithmic ? Math.min(...steps) : 0, Math.max(...steps)];
    }
    cursor.value = Number(cursor.input.value);
    plot.redraw();
    const digits = plot.y.domain[1] - plot.y.domain[0] < 10 ? 3 : 0;
    const number = (value) => grouped(value, digits);
    const alone = seed.value !== '';
    const values = table(alone ? words.aloneColumns : words.columns);
    values.fill(
      agents.map(([agent, all]) => {
        const at = nearest(all, stepsAt(cursor.input.value));
        const start = [words.names[agent] ?? agent, grouped(at.steps)];
        return alone
          ? [...start, number(at.middle)]
          : [...start, fixed(at.count, 0), number(at.low), number(at.middle), number(at.high)];
      }),
    );
    readout.replaceChildren(values.root);
  }

  function enter(name) {
    hidden.clear();
    for (const agent of Object.keys(curves[name])) if (agent.endsWith('--book')) hidden.add(agent);
    const runs = Object.values(curves[name]);
    const seeds = [...new Set(runs.flatMap(Object.keys))].sort((a, b) => a - b);
    seed.set([['', words.all], ...seeds.map((one) => [one, words.one(one)])], '');
    const kinds = [...new Set(runs.flatMap((agent) => Object.values(agent).flatMap(Object.keys)))].sort().reverse();
    kind.set(kinds.map((one) => [one, words.kinds[one] ?? one]));
    boxes.replaceChildren(html('legend', {}, words.agents), ...Object.keys(curves[name]).map(box));
    cursor.input.value = 1000;
    redraw();
  }

  /** An agent's box, with its line. */
  function box(agent) {
    const input = html('input', {
      type: 'checkbox',
      checked: !hidden.has(agent),
      onchange: () => {
        if (input.checked) hidden.delete(agent);
        else hidden.add(agent);
        redraw();
      },
    });
    const sample = svg(
      'svg',
      { width: 34, height: 12, 'aria-hidden': 'true' },
      svg('line', { x1: 1, x2: 33, y1: 6, y2: 6, class: `line ${LINES[agent] ?? OTHER}` }),
    );
    return html('label', {}, input, sample, words.names[agent] ?? agent);
  }

  element.append(
    html('div', { class: 'controls first' }, env.root, kind.root, seed.root),
    html('p', { class: 'hint' }, words.hint),
    plot.root,
    boxes,
    html('div', { class: 'controls' }, cursor.root, logarithmic.root),
    readout,
  );
  enter(env.value);
}
