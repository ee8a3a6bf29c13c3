// The page of a training: its curves, the policy of this moment, and what one can do with the run.

import { mount } from '../../../../docs/_static/figures/play.js';
import { Plot, button, choice, fixed, grouped, html, legend } from '../../../../docs/_static/figures/parts.js';
import { WORDS } from './words.js';

const EVERY = 1000; // milliseconds between two questions
const SLOWLY = 5000; // the same while nobody looks, or nothing can change any more
const PATIENCE = 3; // questions without an answer after which the program is said to have ended
const [HIGH, LOW] = [320, 190]; // of the plot of returns, and of the others
const LOWEST = { explained_variance: -1.05 }; // -20 is as bad as -1

const { about, recorded } = JSON.parse(document.querySelector('#data').textContent);
const chosen = ['#en', '#zh'].includes(location.hash) ? location.hash.slice(1) : navigator.language;
const language = chosen.startsWith('zh') ? 'zh' : 'en';
const words = WORDS[language];
const thousands = about.total >= 10_000;

// What the page has: rows of each curve, the copy of the networks, the film, and the curves of the run compared with.
const curves = { losses: { steps: [] }, returns: { steps: [], mean: [], recent: [] }, tests: { steps: [], mean: [] } };
const have = { agent: 0, film: 0 };
let other = null;
let phase = 'compiling';
let misses = 0;
let closed = false;

const state = html('p', { class: 'state' });
const progress = html('progress', { max: about.total, value: 0, 'aria-label': words.steps });
const notice = html('p', { class: 'notice', role: 'status' });
const ending = html('div');
const stop = button(words.stop, () => tell('stop'));
const save = button(words.save, () => tell('save'));
const close = button(words.close, () => {
  closed = true;
  tell('close');
});
const file = html('a', { class: 'button', href: 'file', download: '' }, words.file);
const compare = choice({ label: words.compare, options: [['', words.none]], onChange: compareWith });
const nothing = html('p', { class: 'quiet-text' }, words.nothing);
const reports = html('div', { class: 'curves' });
const keys = html('div');
const plots = new Map();
const showing = about.figure ? figure() : film();
const returns = curve({
  title: words.rates[about.rate],
  height: HIGH,
  lines: () => [
    [curves.returns, 'mean', 'dots quiet'],
    [other?.returns, 'recent', 'line ochre dashed'],
    [curves.returns, 'recent', 'line blue'],
    [curves.tests, 'mean', 'line thin red'],
    [curves.tests, 'mean', 'dots red'],
  ],
});

function build() {
  document.documentElement.lang = language;
  const another = language === 'zh' ? 'en' : 'zh';
  const change = button(words.other, () => {
    location.hash = another;
    location.reload();
  });
  change.setAttribute('lang', another);
  const root = document.querySelector('main');
  close.hidden = true;
  root.append(
    html('div', { class: 'head' }, html('h1', {}, words.title(about)), change),
    state,
    progress,
    ending,
    notice,
    html('div', { class: 'bar-of-buttons' }, ...(recorded ? [] : [save, stop, close, file, compare.root])),
    returns.root,
    keys,
    said(words.returns),
    showing.root,
    html('h2', {}, words.reports),
    nothing,
    reports,
  );
  root.dataset.mounted = '';
}

/** A title with the newest value, and a plot. `lines()` gives [table, column, kind], drawn from first to last. */
function curve({ title, height, lines, lowest = -Infinity }) {
  const value = html('output');
  const plot = new Plot({
    name: title,
    x: { label: thousands ? words.thousands : words.steps, domain: [0, about.total], unit: thousands ? 1000 : 1 },
    y: { label: '', domain: [0, 1] },
    height,
    draw: () => lines().forEach(([table, column, kind]) => drawLine(plot, points(table, column), kind)),
  });
  plot.margin = { top: 10, right: 14, bottom: 40, left: 58 };
  return {
    root: html('div', {}, html('h2', { class: 'value' }, html('span', {}, title), value), plot.root),
    redraw() {
      const all = lines().flatMap(([table, column]) => points(table, column));
      plot.x.domain = [0, all.reduce((most, [x]) => Math.max(most, x), about.total)];
      plot.y.domain = domainOf(all.map(([, y]) => Math.max(lowest, y)));
      const [table, column] = lines().find(([, , kind]) => kind === 'line blue');
      const last = points(table, column).at(-1);
      value.textContent = last ? number(last[1]) : '';
      plot.redraw();
    },
  };
}

function drawLine(plot, all, kind) {
  const isDots = kind.startsWith('dots') || all.length === 1;
  const path = isDots ? all.map((point) => `${plot.path([point])}h0`).join('') : plot.path(all); // h0 with round ends is a dot
  plot.add('path', { d: path, class: `line ${isDots ? kind.replace('dashed', 'dots') : kind}` });
}

function points(table, column) {
  return (table?.[column] ?? []).map((y, i) => [table.steps[i], y]).filter(([, y]) => y !== null);
}

/** The ends of an axis around some values. */
function domainOf(values) {
  if (!values.length) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.05 * (high - low) || 0.1 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

function number(value) {
  if (value === 0 || Math.abs(value) >= 1000) return grouped(value);
  return fixed(value, Math.min(7, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))));
}

/** A sentence in which `text` between backquotes is code. */
function said(sentence) {
  const parts = sentence.split('`').map((part, i) => (i % 2 ? html('code', {}, part) : part));
  return html('p', { class: 'quiet-text' }, ...parts);
}

/** The figure that acts with the networks of this moment. */
function figure() {
  const place = html('div');
  const when = html('p', { class: 'quiet-text' });
  const root = html('section', {}, html('h2', {}, words.figure), when, place);
  let update = null;
  let isVisible = false;
  new IntersectionObserver(([{ isIntersecting }]) => (isVisible = isIntersecting)).observe(root);
  return {
    root,
    needsNetworks: () => isVisible && !document.hidden,
    async show({ agent }) {
      if (!agent) return;
      have.agent = agent.version;
      when.textContent = words.after(grouped(agent.steps), grouped(agent.updates));
      if (update) update(agent.file);
      else update = await mount(place, { language, run: { ...about.figure, file: agent.file } });
    },
  };
}

/** The film of a greedy episode. */
function film() {
  const video = html('video', { loop: true, playsinline: true, controls: true, hidden: true, 'aria-label': words.film });
  const when = html('p', { class: 'quiet-text' }, words.noFilmYet);
  video.muted = true;
  return {
    root: html('section', {}, html('h2', {}, words.film), when, video),
    needsNetworks: () => false,
    show({ film: next, noFilm }) {
      if (noFilm) when.textContent = words.noFilm + noFilm;
      if (!next) return;
      have.film = next.number;
      when.textContent = words.filmed(grouped(next.steps));
      const bytes = Uint8Array.from(atob(next.data), (letter) => letter.charCodeAt(0));
      URL.revokeObjectURL(video.src);
      video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' }));
      video.hidden = false;
      if (!matchMedia('(prefers-reduced-motion: reduce)').matches) video.play().catch(() => {}); // it has controls
    },
  };
}

async function show(news) {
  phase = news.phase;
  for (const [name, table] of Object.entries(curves)) append(table, news.curves[name]);
  showState(news);
  redraw();
  await showing.show(news);
}

/** Adds rows to a table; a column that is new has nothing in the rows before. */
function append(table, rows) {
  const before = table.steps.length;
  for (const [name, column] of Object.entries(rows)) {
    table[name] ??= Array(before).fill(null);
    table[name].push(...column);
  }
}

function redraw() {
  for (const name of Object.keys(curves.losses)) if (name !== 'steps' && !plots.has(name)) addPlot(name);
  nothing.hidden = plots.size > 0;
  for (const one of [returns, ...plots.values()]) one.redraw();
  keys.replaceChildren(
    legend([
      ['dot quiet', words.points],
      ['line blue', words.recent],
      ...(curves.tests.steps.length ? [['dot red', words.tests]] : []),
      ...(other ? [['line ochre dashed', words.another]] : []),
    ]),
  );
}

function addPlot(name) {
  const [title, sentence] = words.curves[name] ?? [name.replaceAll('_', ' '), words.unknown];
  const lines = () => [
    [other?.losses, name, 'line ochre dashed'],
    [curves.losses, name, 'line blue'],
  ];
  const one = curve({ title, height: LOW, lines, lowest: LOWEST[name] });
  one.root.append(said(sentence));
  plots.set(name, one);
  const order = [...Object.keys(words.curves), ...plots.keys()]; // the telling ones first, those without words last
  const sorted = [...plots].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  reports.append(...sorted.map(([, { root }]) => root));
}

function showState(news) {
  const runs = ['compiling', 'training'].includes(news.phase);
  const seconds = (value) => grouped(Math.max(0, value), value < 10 ? 1 : 0);
  const counts = [grouped(news.steps), grouped(about.total), grouped(news.updates), seconds(news.seconds)];
  const left = news.phase === 'training' && news.left !== null ? words.left(seconds(news.left)) : '';
  state.textContent = `${recorded ? words.phase.file : words.phase[news.phase]} ${words.state(...counts)}${left}`;
  progress.value = news.steps;
  const told = [news.error, runs && news.stopping && words.stopping];
  told.push(news.saving ? words.saving : news.saved !== null && words.saved(grouped(news.saved)));
  say(told.filter(Boolean).join(' '));
  if (news.evaluation) {
    const { mean_return: mean, std, episodes } = news.evaluation;
    ending.replaceChildren(
      html('p', {}, words.evaluated(number(mean), number(std), episodes)),
      html('p', { class: 'quiet-text' }, words.agentFile(news.files)),
    );
  }
  stop.disabled = !runs || news.stopping;
  save.disabled = !runs || news.saving;
  close.hidden = !about.canClose || news.phase !== 'finished';
}

/** Says something: only when it changes, since a screen reader reads it aloud. */
function say(text) {
  if (notice.textContent !== text) notice.textContent = text;
}

/** What the server answers as JSON; undefined if it does not answer. */
async function get(address, options) {
  try {
    const answer = await fetch(address, options);
    if (!answer.ok) throw new Error(answer.statusText);
    const content = await answer.json();
    misses = 0;
    return content;
  } catch {
    misses += 1;
    if (misses < PATIENCE && !closed) return undefined;
    state.textContent = words.phase.gone;
    for (const control of [stop, save, close]) control.disabled = true;
    return undefined;
  }
}

let asking = null; // one question at a time: two would bring the same rows

function ask() {
  const rows = Object.entries(curves).map(([name, table]) => [name, table.steps.length]);
  const query = new URLSearchParams({ ...Object.fromEntries(rows), ...have, figure: Number(showing.needsNetworks()) });
  asking ??= get(`news?${query}`)
    .then((news) => news && show(news))
    .finally(() => (asking = null));
  return asking;
}

async function askAgainAndAgain() {
  try {
    await ask();
  } finally {
    const isSlow = document.hidden || misses >= PATIENCE || !['compiling', 'training', 'evaluating'].includes(phase);
    setTimeout(askAgainAndAgain, isSlow ? SLOWLY : EVERY);
  }
}

async function tell(what) {
  await get(what, { method: 'POST' });
  await ask();
}

async function listRuns() {
  const found = (await get('runs')) ?? [];
  const options = found.map((run) => [run.number, words.run(run.algorithm, run.name, grouped(run.steps))]);
  compare.set([['', words.none], ...options]);
}

async function compareWith(number) {
  const found = number === '' ? null : await get(`run?number=${number}`);
  if (found?.error) say(words.unreadable + found.error);
  other = found?.error ? null : (found ?? null);
  file.href = other ? `file?number=${number}` : 'file';
  redraw();
}

build();
if (recorded) {
  other = recorded.other;
  show(recorded.news);
} else {
  askAgainAndAgain();
  listRuns();
}
