// The clipped and the penalised objective of one action against its probability ratio, and where their gradients vanish.

import { clipped, clippedSlope, penalised, penalisedOptimum, penalisedSlope, surrogate } from './math/objectives.js';
import { Plot, drag, fixed, html, legend, slider, table } from './parts.js';

export const WORDS = {
  en: {
    hint:
      'Drag in a plot to move the ratio. Try: ε = 0.5; β = 0, nothing holds the policy any more; ' +
      'a rare action and a common one.',
    epsilon: 'clip range ε',
    beta: 'penalty coefficient β',
    probability: 'π_old(a|s), old probability',
    ratio: 'ratio ρ = π / π_old',
    good: 'The action was better than expected: A = +1',
    bad: 'The action was worse than expected: A = −1',
    x: 'ratio ρ',
    y: 'objective',
    surrogate: 'ρ A, neither clipped nor penalised',
    clipped: 'PPO-Clip: min(ρ A, clip(ρ, 1−ε, 1+ε) A)',
    penalised: 'PPO-Penalty: ρ A − β KL(π_old, π), of a policy with two actions',
    flat: 'PPO-Clip: no gradient here',
    optimum: 'PPO-Penalty: no gradient at this point',
    at: (ratio) => `at ρ = ${ratio}`,
    columns: ['clip', 'its slope', 'penalty', 'its slope'],
    noGradient: 'no gradient',
  },
  zh: {
    hint: '在图中拖动可改变概率比。不妨试试：ε = 0.5；β = 0，此时策略不再受任何约束；小概率动作与大概率动作的差别。',
    epsilon: '裁剪范围 ε',
    beta: '惩罚系数 β',
    probability: '旧策略的概率 π_old(a|s)',
    ratio: '概率比 ρ = π / π_old',
    good: '动作比预期好：A = +1',
    bad: '动作比预期差：A = −1',
    x: '概率比 ρ',
    y: '目标函数',
    surrogate: 'ρ A，既不裁剪也不惩罚',
    clipped: 'PPO-Clip：min(ρ A, clip(ρ, 1−ε, 1+ε) A)',
    penalised: 'PPO-Penalty：ρ A − β KL(π_old, π)，以只有两个动作的策略为例',
    flat: 'PPO-Clip：此处梯度为零',
    optimum: 'PPO-Penalty：此点梯度为零',
    at: (ratio) => `ρ = ${ratio} 处`,
    columns: ['裁剪目标', '斜率', '惩罚目标', '斜率'],
    noGradient: '无梯度',
  },
};
const HIGHEST = 2.2; // ratio that is drawn
const SAMPLES = 220;

export function mount(element, { language }) {
  const words = WORDS[language];
  const redraw = () => {
    for (const plot of plots) plot.redraw();
    tell();
  };
  const number = (value) => fixed(value, 2);
  const setting = (options) => slider({ step: 0.01, format: number, onInput: redraw, ...options });
  const epsilon = setting({ label: words.epsilon, min: 0, max: 0.8, value: 0.2 });
  const beta = setting({ label: words.beta, min: 0, max: 4, value: 0.5 });
  const probability = setting({ label: words.probability, min: 0.05, max: 0.45, value: 0.3 });
  const ratio = setting({ label: words.ratio, min: 0, max: HIGHEST, value: 1.4 });
  const values = table([words.at(''), ...words.columns]);

  const plots = [1, -1].map(
    (advantage) =>
      new Plot({
        name: advantage > 0 ? words.good : words.bad,
        x: { label: words.x, domain: [0, HIGHEST] },
        y: { label: words.y, domain: advantage > 0 ? [-0.6, 2.3] : [-2.6, 0.3] },
        draw: (plot) => draw(plot, advantage),
      }),
  );
  for (const plot of plots) {
    plot.root.style.touchAction = 'pan-y';
    drag(plot.root, (event) => {
      ratio.value = plot.at(event)[0];
      redraw();
    });
  }

  function draw(plot, advantage) {
    const curve = (f, low = 0, high = HIGHEST) =>
      Array.from({ length: SAMPLES + 1 }, (_, i) => low + ((high - low) * i) / SAMPLES).map((r) => [r, f(r)]);
    const [bottom, top] = plot.y.domain;
    const [low, high] = advantage > 0 ? [1 + epsilon.value, HIGHEST] : [0, 1 - epsilon.value];
    plot.area(
      [
        [low, bottom],
        [high, bottom],
        [high, top],
        [low, top],
      ],
      'area blue',
    );
    plot.rule([1, bottom], [1, top], 'line thin quiet');
    plot.line(
      curve((r) => surrogate(r, advantage)),
      'line thin dashed quiet',
    );
    plot.line(
      curve((r) => clipped(r, advantage, epsilon.value)),
      'line blue',
    );
    plot.line(
      curve((r) => clipped(r, advantage, epsilon.value), low, high),
      'line thick blue',
    );
    plot.line(
      curve((r) => penalised(r, advantage, beta.value, probability.value)).filter(([, y]) => y > -90),
      'line dashdot red',
    );
    const best = penalisedOptimum(advantage, beta.value, probability.value);
    if (beta.value && best <= HIGHEST) {
      plot.dot([best, penalised(best, advantage, beta.value, probability.value)], 6, 'dot hollow red');
    }
    plot.rule([ratio.value, bottom], [ratio.value, top], 'line thin dotted');
    plot.dot([ratio.value, clipped(ratio.value, advantage, epsilon.value)], 4.5, 'dot blue');
    const held = penalised(ratio.value, advantage, beta.value, probability.value);
    if (Number.isFinite(held)) plot.dot([ratio.value, held], 4.5, 'dot red');
  }

  function tell() {
    values.root.querySelector('th').textContent = words.at(number(ratio.value));
    values.fill(
      [1, -1].map((advantage) => {
        const flat = clippedSlope(ratio.value, advantage, epsilon.value) === 0;
        return [
          `A = ${advantage > 0 ? '+1' : '−1'}`,
          number(clipped(ratio.value, advantage, epsilon.value)),
          flat ? words.noGradient : number(clippedSlope(ratio.value, advantage, epsilon.value)),
          number(penalised(ratio.value, advantage, beta.value, probability.value)),
          number(penalisedSlope(ratio.value, advantage, beta.value, probability.value)),
        ];
      }),
    );
  }

  element.append(
    html('p', { class: 'hint' }, words.hint),
    html(
      'div',
      { class: 'plots' },
      html('div', {}, html('p', { class: 'subtitle' }, words.good), plots[0].root),
      html('div', {}, html('p', { class: 'subtitle' }, words.bad), plots[1].root),
    ),
    legend([
      ['line thin dashed quiet', words.surrogate],
      ['line blue', words.clipped],
      ['area blue', words.flat],
      ['line dashdot red', words.penalised],
      ['dot hollow red', words.optimum],
    ]),
    html('div', { class: 'controls' }, epsilon.root, beta.root, probability.root, ratio.root),
    values.root,
  );
  tell();
}
