// The one-shot game of pg_gaussian_minimal.py: one action, one reward, which is largest within a range of the target.

/** R = zeta beta / max(zeta, |tau - a|): `largest` within `range` of the target, falling with the distance outside. */
export function reward(action, { target, range, largest = 1 }) {
  return (range * largest) / Math.max(range, Math.abs(target - action));
}

/** The density of N(mu, sigma^2) at an action. */
export function density(action, mu, sigma) {
  return Math.exp(-0.5 * ((action - mu) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
}

const SPREAD = 8; // standard deviations on each side that the integrals below reach over
const NODES = 2001;
const noise = Float64Array.from({ length: NODES }, (_, i) => SPREAD * ((2 * i) / (NODES - 1) - 1));
const weights = noise.map((z) => ((2 * SPREAD) / (NODES - 1)) * density(z, 0, 1));

/** The expectation over a = mu + sigma z, z standard normal, of R(a) f(z), by the trapezoid rule. */
function expectation(mu, sigma, game, f) {
  let sum = 0;
  for (let i = 0; i < NODES; i++) sum += weights[i] * reward(mu + sigma * noise[i], game) * f(noise[i]);
  return sum;
}

/** J(mu, sigma): the reward that the policy N(mu, sigma^2) expects. */
export function expectedReward([mu, sigma], game) {
  return expectation(mu, sigma, game, () => 1);
}

/** The policy gradient, exact: E[R d log N / d mu] and E[R d log N / d sigma]. */
export function policyGradient([mu, sigma], game) {
  return [expectation(mu, sigma, game, (z) => z / sigma), expectation(mu, sigma, game, (z) => (z * z - 1) / sigma)];
}
