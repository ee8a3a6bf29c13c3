// What PPO maximises for one action, as a function of its probability ratio r = pi(a|s) / pi_old(a|s).

/** The surrogate r A, which neither is clipped nor penalised. */
export function surrogate(ratio, advantage) {
  return ratio * advantage;
}

/** PPO-Clip: min(r A, clip(r, 1 - epsilon, 1 + epsilon) A). */
export function clipped(ratio, advantage, epsilon) {
  const held = Math.min(Math.max(ratio, 1 - epsilon), 1 + epsilon);
  return Math.min(ratio * advantage, held * advantage);
}

/** Its slope in r: A, or 0 where the action has become likely, or unlikely, enough. */
export function clippedSlope(ratio, advantage, epsilon) {
  const enough = advantage > 0 ? ratio > 1 + epsilon : ratio < 1 - epsilon;
  return enough ? 0 : advantage;
}

/**
 * KL(old, new) of a policy with two actions, the one taken with the old probability p and the new one r p.
 * With two actions the ratio of one determines the whole policy, so the divergence is a function of it.
 */
export function divergence(ratio, probability) {
  const other = (1 - probability * ratio) / (1 - probability); // the other action's ratio
  if (ratio <= 0 || other <= 0) return Infinity;
  return -probability * Math.log(ratio) - (1 - probability) * Math.log(other);
}

/** The divergence's slope in r. */
export function divergenceSlope(ratio, probability) {
  return (probability * (ratio - 1)) / (ratio * (1 - probability * ratio));
}

/** PPO-Penalty: r A - beta KL(old, new). */
export function penalised(ratio, advantage, beta, probability) {
  return ratio * advantage - (beta && beta * divergence(ratio, probability));
}

/** Its slope in r. */
export function penalisedSlope(ratio, advantage, beta, probability) {
  return advantage - beta * divergenceSlope(ratio, probability);
}

/**
 * The ratio at which the penalised objective is largest, its slope zero: the root between 0 and 1 / p of
 * A r (1 - p r) = beta p (r - 1). With beta 0 it is the end of that range.
 */
export function penalisedOptimum(advantage, beta, probability) {
  const a = -advantage * probability;
  const b = advantage - beta * probability;
  const c = beta * probability;
  const root = Math.sqrt(b * b - 4 * a * c);
  const q = -0.5 * (b + (b < 0 ? -root : root)); // the stable way: no difference of two numbers that are nearly equal
  const roots = [q / a, c / q].filter((r) => r >= 0 && r <= 1 / probability);
  return advantage > 0 ? Math.max(...roots) : Math.min(...roots);
}
