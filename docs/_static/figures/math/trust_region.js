// TRPO for a policy with two parameters, the mean and the standard deviation of a Gaussian: everything can be drawn.
// Parameters and vectors are pairs [mu, sigma].

/** KL(old, new) of two Gaussians, in nats. */
export function kl([oldMu, oldSigma], [mu, sigma]) {
  if (sigma <= 0) return Infinity;
  return Math.log(sigma / oldSigma) + (oldSigma ** 2 + (oldMu - mu) ** 2) / (2 * sigma ** 2) - 0.5;
}

/** The Fisher information, the Hessian of KL(old, new) at new = old. It is diagonal; this is its diagonal. */
export function fisher([, sigma]) {
  return [1 / sigma ** 2, 2 / sigma ** 2];
}

/** F^-1 g: the direction in which the objective rises fastest for a given divergence. */
export function naturalGradient(gradient, information) {
  return gradient.map((g, i) => g / information[i]);
}

/** The step along a direction x that ends on the ellipse 1/2 x'Fx = delta: sqrt(2 delta / x'Fx) x. */
export function fullStep(direction, information, delta) {
  const curvature = direction.reduce((sum, x, i) => sum + information[i] * x * x, 0);
  const length = curvature > 0 ? Math.sqrt((2 * delta) / curvature) : 0;
  return direction.map((x) => length * x);
}

/**
 * Backtracking: ever smaller steps, each `backtrack` times the one before, up to the first that keeps the true divergence
 * within delta and does not worsen the objective, a function of the parameters. Returns what was tried, in order:
 * {parameters, kl, gain, accepted}. Where none is accepted, the policy stays as it was.
 */
export function lineSearch(old, step, delta, objective, { backtrack = 0.8, iterations = 10 } = {}) {
  const before = objective(old);
  const tried = [];
  for (let j = 0, scale = 1; j < iterations && !tried.at(-1)?.accepted; j++, scale *= backtrack) {
    const parameters = old.map((parameter, i) => parameter + scale * step[i]);
    const divergence = kl(old, parameters);
    const gain = parameters[1] > 0 ? objective(parameters) - before : -Infinity;
    tried.push({ parameters, kl: divergence, gain, accepted: divergence <= delta && gain >= 0 });
  }
  return tried;
}

/** Points of the ellipse 1/2 x'Fx = delta around the old parameters: where the quadratic model of the divergence is delta. */
export function ellipse(old, delta, count = 120) {
  const information = fisher(old);
  return directions(count).map((direction) => {
    const step = fullStep(direction, information, delta);
    return [old[0] + step[0], old[1] + step[1]];
  });
}

/** Points of the true contour KL(old, new) = delta. Along every ray from the old parameters the divergence only grows. */
export function contour(old, delta, count = 120) {
  return directions(count).map(([x, y]) => {
    const along = (length) => [old[0] + length * x, old[1] + length * y];
    let inside = 0;
    let outside = old[1];
    while (kl(old, along(outside)) < delta) outside *= 2;
    for (let i = 0; i < 60; i++) {
      const middle = (inside + outside) / 2;
      if (kl(old, along(middle)) < delta) inside = middle;
      else outside = middle;
    }
    return along(inside);
  });
}

function directions(count) {
  return Array.from({ length: count + 1 }, (_, i) => [
    Math.cos((2 * Math.PI * i) / count),
    Math.sin((2 * Math.PI * i) / count),
  ]);
}
