// Generalized advantage estimation as common/buffers.py computes it, for one environment.

/**
 * The advantages of a trajectory. `values` holds V(s_0) to V(s_T), one more than rewards; `ends[t]` is null, 'terminated'
 * or 'truncated'. After a terminal state nothing is added; after a time limit, and at the cut of the batch, the value of
 * the state that followed is. Returns {deltas, advantages}.
 */
export function advantages({ rewards, values, ends }, gamma, lambda) {
  const deltas = rewards.map((reward, t) => reward + (ends[t] === 'terminated' ? 0 : gamma * values[t + 1]) - values[t]);
  const sums = new Array(rewards.length);
  let following = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    following = sums[t] = deltas[t] + (ends[t] ? 0 : gamma * lambda * following);
  }
  return { deltas, advantages: sums };
}

/** The weights (gamma lambda)^l with which the TD errors of step t and after it enter its advantage. */
export function weights({ rewards, ends }, t, gamma, lambda) {
  const found = new Array(rewards.length).fill(0);
  for (let k = t, weight = 1; k < rewards.length; k++, weight *= gamma * lambda) {
    found[k] = weight;
    if (ends[k]) break;
  }
  return found;
}
