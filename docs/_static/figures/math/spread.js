// What several seeds say of one learning curve.

/** The middle of the sorted values; of an even number the mean of the two in the middle, as NumPy has it. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * Lines [[steps, value], ...] of several seeds as one: for each number of steps that any has, how many seeds have it,
 * and their least, middle and largest value, in the order of the steps.
 */
export function acrossSeeds(lines) {
  const found = new Map();
  for (const [steps, value] of lines.flat()) found.set(steps, [...(found.get(steps) ?? []), value]);
  return [...found.entries()]
    .sort(([a], [b]) => a - b)
    .map(([steps, values]) => ({
      steps,
      count: values.length,
      low: Math.min(...values),
      middle: median(values),
      high: Math.max(...values),
    }));
}

/** Of points in the order of their steps the one nearest to a number of steps; undefined of none. */
export function nearest(points, steps) {
  return points.reduce(
    (best, point) => (best && Math.abs(best.steps - steps) <= Math.abs(point.steps - steps) ? best : point),
    undefined,
  );
}
