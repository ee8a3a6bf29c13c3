// The agents' networks as plain products: what NumpyCopy in common/networks.py computes, with the weights that ship.

const ACTIVATIONS = { relu: (x) => Math.max(0, x), tanh: Math.tanh };
const LOG_STD_RANGE = [-20, 2];

/** The single-precision numbers whose bytes figures_data.py wrote in base64. */
function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Dense layers [{matrix, biases}] as a function of an input; every layer but the last goes through the activation. */
function network(layers, activation) {
  const activate = ACTIVATIONS[activation];
  const arrays = layers.map(({ matrix, biases }) => [numbers(matrix), numbers(biases)]);
  return (input) => {
    let layer = input;
    arrays.forEach(([matrix, biases], depth) => {
      const out = Float64Array.from(biases);
      for (let i = 0; i < layer.length; i++) {
        const x = layer[i];
        if (x === 0) continue;
        for (let j = 0, row = i * out.length; j < out.length; j++) out[j] += x * matrix[row + j];
      }
      layer = depth < arrays.length - 1 ? out.map(activate) : out;
    });
    return layer;
  };
}

/**
 * An agent from its file, as `figures_data.py` writes it:
 * `policy(state)` is {mean, std} of a Gaussian, of a squashed one before it is squashed, or {probabilities};
 * `action(state)` is the greedy action, as get_action(greedy=True) gives it: an array, or the number of a discrete one;
 * `value(state)` is the critic's.
 */
export function makeAgent(file) {
  const actor = network(file.actor, file.activation);
  const critics = file.critics.map((layers) => network(layers, file.criticActivation));
  const normal = normalizer(file.normalizer);
  const range = file.bounds && {
    centre: file.bounds.low.map((low, i) => (file.bounds.high[i] + low) / 2),
    half: file.bounds.low.map((low, i) => (file.bounds.high[i] - low) / 2),
  };
  const scaled = (x) => [...x].map((value, i) => value * range.half[i] + range.centre[i]);
  const kinds = {
    categorical: {
      policy: (state) => ({ probabilities: softmax(actor(state)) }),
      action: (state) => largest(actor(state)),
      value: (state) => critics[0](state)[0],
    },
    gaussian: {
      policy: (state) => ({ mean: scaled(actor(state).map(Math.tanh)), std: file.logStd.map(Math.exp) }),
      action: (state) => scaled(actor(state).map(Math.tanh)),
      value: (state) => critics[0](state)[0],
    },
    squashed: {
      policy: (state) => {
        const out = actor(state);
        const limited = (x) => Math.min(LOG_STD_RANGE[1], Math.max(LOG_STD_RANGE[0], x));
        const half = out.length / 2;
        return { mean: [...out.slice(0, half)], std: [...out.slice(half)].map((x) => Math.exp(limited(x))) };
      },
      action: (state) => scaled(kinds.squashed.policy(state).mean.map(Math.tanh)),
      value: (state) => {
        const action = kinds.squashed.policy(state).mean.map(Math.tanh);
        return Math.min(...critics.map((critic) => critic([...state, ...action])[0]));
      },
    },
  };
  const kind = kinds[file.distribution];
  return {
    policy: (state) => kind.policy(normal(state)),
    action: (state) => kind.action(normal(state)),
    value: (state) => kind.value(normal(state)),
  };
}

/** States as the networks see them: centred, scaled and clipped, if the agent was trained like that. */
function normalizer(given) {
  if (!given) return (state) => state;
  const { centre, scale, clip } = given;
  return (state) => [...state].map((x, i) => Math.min(clip, Math.max(-clip, (x - centre[i]) * scale[i])));
}

function softmax(logits) {
  const highest = Math.max(...logits);
  const powers = [...logits].map((logit) => Math.exp(logit - highest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

function largest(values) {
  return values.indexOf(Math.max(...values));
}
