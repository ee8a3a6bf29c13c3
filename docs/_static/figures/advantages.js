// Advantages of two recorded episodes, one that ends in a death and one at a time limit, as gamma and lambda move.

import { advantages, weights } from './math/advantages.js';
import { Plot, drag, fixed, html, legend, slider, table, tick } from './parts.js';

export const WORDS = {
  en: {
    hint: (gamma) =>
      'Try λ = 0, each step answers for itself alone, and λ = 1, each answers for all that followed. Then take ' +
      `the time limit for a death. The critic learnt with γ = ${gamma}; with another γ its values no longer fit, ` +
      'which the TD errors show.',
    episodes: { terminated: 'It falls: a death', truncated: 'It stands until the time limit' },
    asDeath: 'take the time limit for a death, as the textbook’s listing does',
    gamma: 'discount γ',
    lambda: 'GAE’s λ',
    step: 'step looked at, before the end',
    x: 'steps before the end',
    y: 'advantage',
    legend: {
      advantage: 'advantage A_t',
      delta: 'TD error δ_t',
      look: 'the step looked at',
      weight: 'what enters its advantage: (γλ)^l δ, from each later step',
    },
    columns: ['', 'V(s)', 'δ', 'A', '(γλ)^l of the last δ'],
    rows: { terminated: 'death', truncated: 'time limit' },
  },
  zh: {
    hint: (gamma) =>
      '试试 λ = 0：每一步只对自己负责；λ = 1：每一步对其后的一切负责。再试试把超时当作终止。' +
      `批判者是用 γ = ${gamma} 训练的，换用别的 γ，它的估值就不再相符，从时序差分误差可以看出来。`,
    episodes: { terminated: '摆杆倒下：终止', truncated: '一直立到超时' },
    asDeath: '把超时当作终止（书中代码的做法）',
    gamma: '折扣因子 γ',
    lambda: 'GAE 的 λ',
    step: '考察的一步（距结束的步数）',
    x: '距结束的步数',
    y: '优势',
    legend: {
      advantage: '优势 A_t',
      delta: '时序差分误差 δ_t',
      look: '考察的一步',
      weight: '计入其优势的部分：其后每一步的 (γλ)^l δ',
    },
    columns: ['', 'V(s)', 'δ', 'A', '最后一个 δ 的权重'],
    rows: { terminated: '终止', truncated: '超时' },
  },
};
const KINDS = ['terminated', 'truncated'];

export async function mount(element, { language }) {
  const words = WORDS[language];
  const recorded = await (await fetch(new URL('data/trajectories.json', import.meta.url))).json();
  const length = recorded.episodes.terminated.rewards.length;
  const three = (v) => fixed(v, 3);
  const gamma = slider({
    label: words.gamma,
    min: 0.8,
    max: 1,
    step: 0.005,
    value: recorded.gamma,
    format: three,
    onInput: redraw,
  });
  const lambda = slider({
    label: words.lambda,
    min: 0,
    max: 1,
    step: 0.01,
    value: recorded.lam,
    format: (v) => fixed(v, 2),
    onInput: redraw,
  });
  const look = slider({
    label: words.step,
    min: -length,
    max: -1,
    step: 1,
    value: -15,
    format: (v) => fixed(v, 0),
    onInput: redraw,
  });
  const asDeath = tick({ label: words.asDeath, onChange: redraw });
  const values = table(words.columns);

  /** An episode as it is treated, with its advantages. */
  function treated(kind) {
    const episode = recorded.episodes[kind];
    const ends = episode.ends.map((end) => (end && asDeath.input.checked ? 'terminated' : end));
    const taken = { ...episode, ends };
    return { ...taken, ...advantages(taken, gamma.value, lambda.value) };
  }

  const plots = KINDS.map(
    (kind) =>
      new Plot({
        name: words.episodes[kind],
        x: { label: words.x, domain: [-length - 0.7, -0.3] },
        y: { label: words.y, domain: [-100, 10] },
        height: 280,
        draw: (plot) => draw(plot, treated(kind)),
      }),
  );
  for (const plot of plots) {
    plot.root.style.touchAction = 'pan-y';
    drag(plot.root, (event) => {
      look.value = Math.round(plot.at(event)[0]);
      redraw();
    });
  }

  function draw(plot, episode) {
    const at = (t) => t - length;
    const [bottom, top] = plot.y.domain;
    plot.rule([plot.x.domain[0], 0], [plot.x.domain[1], 0], 'line thin quiet');
    plot.rule([look.value, bottom], [look.value, top], 'line thin dotted');
    const bar = (t, value, half, kind) =>
      plot.area(
        [
          [at(t) - half, 0],
          [at(t) - half, value],
          [at(t) + half, value],
          [at(t) + half, 0],
        ],
        kind,
      );
    const share = weights(episode, look.value + length, gamma.value, lambda.value);
    episode.advantages.forEach((advantage, t) =>
      bar(t, advantage, 0.36, at(t) === look.value ? 'area solid blue' : 'area blue'),
    );
    episode.deltas.forEach((delta, t) => share[t] && bar(t, share[t] * delta, 0.14, 'area solid ochre'));
    episode.deltas.forEach((delta, t) => plot.dot([at(t), delta], 3, 'dot hollow red'));
  }

  function redraw() {
    const episodes = KINDS.map(treated);
    const all = episodes.flatMap((episode) => [...episode.advantages, ...episode.deltas]);
    const low = Math.floor(Math.min(-5, ...all) / 10 - 0.2) * 10;
    const high = Math.ceil(Math.max(5, ...all) / 10 + 0.2) * 10;
    for (const plot of plots) {
      plot.y.domain = [low, high]; // the same for both, so that they compare
      plot.redraw();
    }
    const t = look.value + length;
    values.fill(
      KINDS.map((kind, i) => [
        words.rows[kind],
        fixed(episodes[i].values[t], 2),
        fixed(episodes[i].deltas[t], 3),
        fixed(episodes[i].advantages[t], 2),
        fixed(weights(episodes[i], t, gamma.value, lambda.value).at(-1), 3),
      ]),
    );
  }

  element.append(
    html('p', { class: 'hint' }, words.hint(recorded.gamma)),
    html(
      'div',
      { class: 'plots' },
      ...KINDS.map((kind, i) => html('div', {}, html('p', { class: 'subtitle' }, words.episodes[kind]), plots[i].root)),
    ),
    legend([
      ['area blue', words.legend.advantage],
      ['area solid blue', words.legend.look],
      ['area solid ochre', words.legend.weight],
      ['dot hollow red', words.legend.delta],
    ]),
    html('div', { class: 'controls' }, gamma.root, lambda.root, look.root, asDeath.root),
    values.root,
  );
  redraw();
}
