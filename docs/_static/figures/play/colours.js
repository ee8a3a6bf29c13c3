// Two scales of colour for maps, readable in light and dark and without telling red from green, and their keys.

import { html } from '../parts.js';

const SCALES = {
  sequential: ['#352a64', '#31628d', '#29908c', '#6cc160', '#f2e650'],
  diverging: ['#1c4f8c', '#79a8d6', '#ececec', '#e2a06b', '#8f4210'],
}; // from the lowest value to the highest

const parse = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/** A function from [low, high] to [r, g, b, 255]. */
export function scale(name, low, high) {
  const stops = SCALES[name].map(parse);
  return (value) => {
    const place = Math.min(1, Math.max(0, (value - low) / (high - low || 1))) * (stops.length - 1);
    const below = Math.min(stops.length - 2, Math.floor(place));
    const part = place - below;
    return [...stops[below].map((channel, i) => channel + part * (stops[below + 1][i] - channel)), 255];
  };
}

/** The key of a scale: its colours between two texts. */
export function key(name, low, high) {
  const bar = html('span', { class: 'bar', style: `background: linear-gradient(to right, ${SCALES[name].join(', ')})` });
  return html('div', { class: 'key' }, html('span', {}, low), bar, html('span', {}, high));
}
