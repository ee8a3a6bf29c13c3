// What the figures share: elements, controls, plots with axes, and a loop that rests while nobody looks.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element; attributes that begin with 'on' are listeners, false and undefined ones are left out. */
export function html(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

/** Text in which `_old` stands for a subscript and `^l` for a superscript. */
export function rich(text) {
  const parts = text.split(/([_^]\w+)/);
  return html('span', {}, ...parts.map((part, i) => (i % 2 ? html(part[0] === '_' ? 'sub' : 'sup', {}, part.slice(1)) : part)));
}

let count = 0;
const identifier = () => `figure-control-${++count}`;

/**
 * A labelled slider with its value beside it. `format` writes the value; with `logarithmic` equal ways multiply by equal
 * factors, and `step` is one of the exponent to base ten. `onInput` is called with each new value.
 */
export function slider({ label, min, max, step, value, format = String, logarithmic = false, onInput = () => {} }) {
  const id = identifier();
  const place = (v) => (logarithmic ? Math.log10(v) : v);
  const read = () => (logarithmic ? 10 ** Number(input.value) : Number(input.value));
  const input = html('input', { type: 'range', id, min: place(min), max: place(max), step, oninput: () => tell(true) });
  const output = html('output', { for: id });
  function tell(moved) {
    output.textContent = format(read());
    input.setAttribute('aria-valuetext', output.textContent);
    if (moved) onInput(read());
  }
  input.value = place(value);
  tell(false);
  return {
    root: html('div', { class: 'control' }, html('label', { for: id }, rich(label)), output, input),
    input,
    get value() {
      return read();
    },
    set value(v) {
      input.value = place(v);
      tell(false);
    },
  };
}

/** A labelled drop-down list of `options`, [value, text] pairs; `set` replaces them. */
export function choice({ label, options, value, onChange = () => {} }) {
  const id = identifier();
  const select = html('select', { id, onchange: () => onChange(select.value) });
  const set = (pairs, chosen) => {
    select.replaceChildren(...pairs.map(([v, text]) => html('option', { value: v }, text)));
    if (chosen !== undefined) select.value = chosen;
  };
  set(options, value);
  return {
    root: html('div', { class: 'control' }, html('label', { for: id }, rich(label)), select),
    set,
    get value() {
      return select.value;
    },
  };
}

/** A labelled box to tick. */
export function tick({ label, checked = false, onChange = () => {} }) {
  const input = html('input', { type: 'checkbox', id: identifier(), checked, onchange: () => onChange(input.checked) });
  return { root: html('div', { class: 'control tick' }, input, html('label', { for: input.id }, rich(label))), input };
}

/** A button. */
export function button(text, onClick) {
  return html('button', { type: 'button', onclick: onClick }, text);
}

/** A legend: [class, text] pairs, each with a sample of its line, dot or area as the plot draws it. */
export function legend(entries) {
  const sample = (kind) => {
    const shape = kind.startsWith('dot')
      ? svg('circle', { cx: 12, cy: 6, r: 4.5, class: kind })
      : kind.startsWith('area')
        ? svg('rect', { x: 1, y: 1, width: 22, height: 10, class: kind })
        : svg('line', { x1: 1, x2: 23, y1: 6, y2: 6, class: kind });
    return svg('svg', { width: 24, height: 12, 'aria-hidden': 'true' }, shape);
  };
  return html('ul', { class: 'legend' }, ...entries.map(([kind, text]) => html('li', {}, sample(kind), rich(text))));
}

/** A table with a header row; `fill` replaces the rows below it. */
export function table(header) {
  const body = html('tbody');
  const row = ([first, ...others]) =>
    html('tr', {}, html('th', { scope: 'row' }, first), ...others.map((text) => html('td', {}, text)));
  const head = html('tr', {}, ...header.map((text) => html('th', { scope: 'col' }, rich(text))));
  return {
    root: html('div', { class: 'readout' }, html('table', {}, html('thead', {}, head), body)),
    fill: (rows) => body.replaceChildren(...rows.map(row)),
  };
}

/** A number with a fixed count of digits and a true minus sign, -0 as 0. */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : value > 0 ? '∞' : '–';
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) ? `−${text}` : text;
}

/** Round numbers between low and high, about `wanted` of them. */
function ticks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/**
 * A plot with axes, as wide as its place. `x` and `y` are {label, domain: [low, high]}, and may have {ticks: [[value, text]]},
 * {unit}, by which the texts of ticks are divided, and {logarithmic: true};
 * `draw(plot)` draws what is in it, between the axes and cut off at them, and is called again whenever the width changes.
 * `name` is what a screen reader says of it. With `square` one unit is as long in x as in y.
 */
export class Plot {
  constructor({ name, x, y, height = 240, aspect, draw }) {
    Object.assign(this, { x, y, height, aspect, draw });
    this.margin = { top: 26, right: 14, bottom: 40, left: 46 };
    this.root = svg('svg', { role: 'img', 'aria-label': name, class: 'plot' });
    this.clip = identifier();
    this.width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width && Math.abs(contentRect.width - this.width) > 0.5) {
        this.width = contentRect.width;
        this.redraw();
      }
    }).observe(this.root);
  }

  /** Draws everything anew. */
  redraw() {
    if (!this.width) return;
    const { top, right, bottom, left } = this.margin;
    if (this.aspect) this.height = this.aspect * (this.width - left - right) + top + bottom;
    this.inner = { left, top, right: this.width - right, bottom: this.height - bottom };
    this.root.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
    this.root.style.height = `${this.height}px`;
    const box = { x: left, y: top, width: this.inner.right - left, height: this.inner.bottom - top };
    this.axes = svg('g', { class: 'axes' });
    this.marks = svg('g', { 'clip-path': `url(#${this.clip})` });
    this.moving = svg('g', { 'clip-path': `url(#${this.clip})` });
    this.layer = this.marks;
    this.notes = svg('g');
    this.root.replaceChildren(
      svg('clipPath', { id: this.clip }, svg('rect', box)),
      this.axes,
      this.marks,
      this.moving,
      this.notes,
    );
    this.drawAxes();
    this.draw(this);
  }

  drawAxes() {
    const { left, top, right, bottom } = this.inner;
    const named = ({ ticks: given, domain, unit = 1, logarithmic }, wanted) =>
      given ?? (logarithmic ? decades(...domain, unit) : labelled(ticks(...domain.map((end) => end / unit), wanted), unit));
    for (const [value, text] of named(this.x, (right - left) / 56)) {
      const at = this.toX(value);
      if (at < left - 0.5 || at > right + 0.5) continue;
      this.axes.append(svg('line', { x1: at, x2: at, y1: top, y2: bottom, class: 'grid' }));
      this.axes.append(svg('text', { x: at, y: bottom + 15, 'text-anchor': 'middle' }, text));
    }
    for (const [value, text] of named(this.y, (bottom - top) / 36)) {
      const at = this.toY(value);
      if (at < top - 0.5 || at > bottom + 0.5) continue;
      this.axes.append(svg('line', { x1: left, x2: right, y1: at, y2: at, class: 'grid' }));
      this.axes.append(svg('text', { x: left - 6, y: at + 4, 'text-anchor': 'end' }, text));
    }
    this.axes.append(svg('text', { x: 2, y: 14, class: 'axis-label' }, this.y.label));
    this.axes.append(svg('text', { x: right, y: this.height - 6, 'text-anchor': 'end', class: 'axis-label' }, this.x.label));
  }

  toX(value) {
    return this.inner.left + shareOf(this.x, value) * (this.inner.right - this.inner.left);
  }

  toY(value) {
    return this.inner.bottom - shareOf(this.y, value) * (this.inner.bottom - this.inner.top);
  }

  /** What point [x, y] of the plot a pointer event is at, within the axes. */
  at(event) {
    const box = this.root.getBoundingClientRect();
    const share = (value, low, high) => Math.min(1, Math.max(0, (value - low) / (high - low)));
    const across = share(event.clientX - box.left, this.inner.left, this.inner.right);
    const up = share(event.clientY - box.top, this.inner.bottom, this.inner.top);
    return [valueAt(this.x, across), valueAt(this.y, up)];
  }

  path(points) {
    const { top, bottom } = this.inner;
    const far = (y) => Math.min(bottom + 4000, Math.max(top - 4000, y));
    return points.map(([x, y], i) => `${i ? 'L' : 'M'}${this.toX(x).toFixed(2)} ${far(this.toY(y)).toFixed(2)}`).join('');
  }

  add(tag, attributes, ...children) {
    const node = svg(tag, attributes, ...children);
    this.layer.append(node);
    return node;
  }

  /** Draws what moves over what stays: in the place of what was drawn so before. */
  over(draw) {
    if (!this.width) return;
    this.moving.replaceChildren();
    this.layer = this.moving;
    draw(this);
    this.layer = this.marks;
  }

  /** A line through points [x, y]. */
  line(points, kind) {
    return this.add('path', { d: this.path(points), class: kind });
  }

  /** The area within points [x, y]. */
  area(points, kind) {
    return this.add('path', { d: `${this.path(points)}Z`, class: kind });
  }

  /** A straight line from one point to another. */
  rule([x1, y1], [x2, y2], kind) {
    return this.add('line', { x1: this.toX(x1), y1: this.toY(y1), x2: this.toX(x2), y2: this.toY(y2), class: kind });
  }

  dot([x, y], radius, kind) {
    return this.add('circle', { cx: this.toX(x), cy: this.toY(y), r: radius, class: kind });
  }

  /** An arrow from one point to another. */
  arrow(from, to, kind) {
    this.rule(from, to, kind);
    const [x1, y1, x2, y2] = [this.toX(from[0]), this.toY(from[1]), this.toX(to[0]), this.toY(to[1])];
    const length = Math.hypot(x2 - x1, y2 - y1);
    if (length < 3) return;
    const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
    const head = [
      [0, 0],
      [-9, 4.5],
      [-9, -4.5],
    ].map(([a, b]) => `${x2 + a * ux - b * uy},${y2 + a * uy + b * ux}`);
    this.add('polygon', { points: head.join(' '), class: `${kind} head` });
  }

  /** A word at a point, moved by pixels; never cut off at the axes. */
  word([x, y], text, { dx = 0, dy = 0, anchor = 'start', kind = '' } = {}) {
    const attributes = { x: this.toX(x) + dx, y: this.toY(y) + dy, 'text-anchor': anchor, class: `word ${kind}` };
    this.notes.append(svg('text', attributes, text));
  }

  /** The middles [x, y] of `columns` by `rows` cells over the whole plot, from its upper left corner, row by row. */
  grid(columns, rows) {
    const middle = ([low, high], i, of) => low + ((i + 0.5) / of) * (high - low);
    return Array.from({ length: columns * rows }, (_, i) => [
      middle(this.x.domain, i % columns, columns),
      middle(this.y.domain, rows - 1 - Math.floor(i / columns), rows),
    ]);
  }

  /** A picture of those cells; `colour(x, y, i)` of a cell's middle and place among them is [r, g, b, a], to 255. */
  cells(columns, rows, colour) {
    const canvas = html('canvas', { width: columns, height: rows });
    const context = canvas.getContext('2d');
    const image = context.createImageData(columns, rows);
    this.grid(columns, rows).forEach(([x, y], i) => image.data.set(colour(x, y, i), 4 * i));
    context.putImageData(image, 0, 0);
    return canvas.toDataURL();
  }

  /** Lays a picture made by `cells` under what is drawn. */
  picture(source) {
    const { left, top, right, bottom } = this.inner;
    const size = { x: left, y: top, width: right - left, height: bottom - top, preserveAspectRatio: 'none' };
    this.add('image', { href: source, ...size });
  }
}

/** How far along an axis a value lies, from 0 to 1. */
export function shareOf({ domain: [low, high], logarithmic }, value) {
  return logarithmic ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** The value that lies so far along an axis. */
export function valueAt({ domain: [low, high], logarithmic }, share) {
  return logarithmic ? low * (high / low) ** share : low + share * (high - low);
}

/** Ticks, given in units, with their texts, all with as many digits as the finest needs. */
function labelled(values, unit) {
  const step = values.length > 1 ? values[1] - values[0] : 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return values.map((value) => [value * unit, grouped(value, digits)]);
}

/** The powers of ten between two ends, with their texts. */
function decades(low, high, unit) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const count = Math.max(0, Math.floor(Math.log10(high) + 1e-9) - first + 1);
  return Array.from({ length: count }, (_, i) => 10 ** (first + i)).map((value) => {
    const digits = Math.max(0, -Math.round(Math.log10(value / unit)));
    return [value, grouped(value / unit, digits)];
  });
}

/** A number with commas between thousands. */
export function grouped(value, digits = 0) {
  const text = fixed(value, digits);
  return text.replace(/\B(?=(?:\d{3})+(?!\d))/g, (_, offset) => (text.slice(0, offset).includes('.') ? '' : ','));
}

/**
 * Calls `step(seconds)` before each picture while it runs, the root is on the screen and the page is looked at.
 * Where less motion is preferred, nothing runs until somebody asks for it.
 */
export class Loop {
  constructor(root, step) {
    this.step = step;
    this.running = false;
    this.visible = false;
    this.frame = null;
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.visible = isIntersecting;
      this.next();
    }).observe(root);
  }

  set(running) {
    this.running = running;
    this.next();
  }

  next() {
    if (!this.running || !this.visible) {
      this.last = undefined;
      return;
    }
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      if (!this.running || !this.visible) {
        this.next();
        return;
      }
      const seconds = this.last === undefined ? 0 : Math.min(0.1, (now - this.last) / 1000);
      this.last = now;
      this.step(seconds);
      this.next();
    });
  }
}

/** Whether the reader prefers pictures that stand still. */
export function prefersStill() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** A button that starts and pauses a loop, which begins by itself unless stillness is preferred. */
export function playButton(loop, words) {
  const node = button('', () => set(!loop.running));
  function set(running) {
    loop.set(running);
    node.textContent = running ? words.pause : words.play;
  }
  set(!prefersStill());
  return { root: node, set };
}

/** Lets a pointer drag: `onMove(event)` from the press on `target` to the release, wherever the pointer goes. */
export function drag(target, onMove, onEnd = () => {}) {
  let held = null;
  target.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    held = event.pointerId;
    target.setPointerCapture(held);
    onMove(event);
  });
  target.addEventListener('pointermove', (event) => {
    if (event.pointerId === held) onMove(event);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    target.addEventListener(end, (event) => {
      if (event.pointerId !== held) return;
      held = null;
      onEnd(event);
    });
  }
}
