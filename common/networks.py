"""Actors and critics as TensorLayer models, and NumPy copies of them that choose actions while experience is collected."""

from common.backend import tf, tl

import numpy as np

NUMPY_ACTIVATIONS = {'relu': lambda x: np.maximum(x, 0, out=x), 'tanh': lambda x: np.tanh(x, out=x)}
ACTIVATIONS = tuple(NUMPY_ACTIVATIONS)  # TensorFlow has them by the same names
LOG_STD_RANGE = (-20.0, 2.0)  # limits of a log standard deviation that depends on the state


class Orthogonal:
    """A random orthogonal matrix times `gain`, drawn with the NumPy generator `rng` (Saxe et al., 2014)."""

    def __init__(self, rng, gain):
        self.rng, self.gain = rng, gain

    def __call__(self, shape):
        rows, columns = shape
        q, r = np.linalg.qr(self.rng.standard_normal((max(shape), min(shape))))
        q *= np.sign(np.diag(r))
        return tf.constant(self.gain * (q if rows >= columns else q.T), tf.float32)


def gaussian_actor(state_dim, low, high, *, hidden, activation, rng, init_std, final_std=0.0):
    """The book's actor: hidden layers, a tanh mean that a Lambda layer maps to [low, high], and a free log standard deviation.

    `low` and `high` are (action_dim,). The standard deviation starts at `init_std` times half the range: 0.5 gives the book's 1
    on Pendulum. It is learnt; or, given a `final_std` in the same unit, `anneal_std` lowers it to that. The model returns
    `[mean, log_std]`, each (N, action_dim).
    """
    from common.log_std import LogStd

    centre, half = (high + low) / 2, (high - low) / 2
    state, layer = _hidden_layers(state_dim, hidden, activation, rng)
    layer = tl.layers.Dense(len(low), tf.nn.tanh, W_init=Orthogonal(rng, 0.01))(layer)
    mean = tl.layers.Lambda(lambda x: x * half + centre)(layer)
    log_std = LogStd(np.log(init_std * half), np.log(final_std * half) if final_std else None)(mean)
    return _model(state, [mean, log_std])


def categorical_actor(state_dim, num_logits, *, hidden, activation, rng):
    """An actor for discrete actions: hidden layers and a linear layer. It returns `[logits]`, (N, num_logits)."""
    state, layer = _hidden_layers(state_dim, hidden, activation, rng)
    logits = tl.layers.Dense(num_logits, W_init=Orthogonal(rng, 0.01))(layer)
    return _model(state, [logits])


def squashed_gaussian_actor(state_dim, action_dim, *, hidden, activation, rng):
    """An actor whose mean and log standard deviation both depend on the state; its Gaussian is still to be squashed by tanh.

    The model returns `[mean, log_std]`, each (N, action_dim), the latter clipped to LOG_STD_RANGE.
    """
    state, layer = _hidden_layers(state_dim, hidden, activation, rng)
    mean, log_std = (tl.layers.Dense(action_dim, W_init=Orthogonal(rng, 0.01))(layer) for _ in range(2))
    log_std = tl.layers.Lambda(lambda x: tf.clip_by_value(x, *LOG_STD_RANGE))(log_std)
    return _model(state, [mean, log_std])


def value_network(state_dim, *, hidden, activation, rng, gain):
    """The critic: hidden layers and a linear layer. The model returns V(s), (N, 1).

    `gain` scales the last layer's initial weights. With 0 every value starts at 0: before the first reward is seen, random
    values would turn into advantages, and those into a policy.
    """
    state, layer = _hidden_layers(state_dim, hidden, activation, rng)
    return _model(state, tl.layers.Dense(1, W_init=Orthogonal(rng, gain))(layer))


def q_network(state_dim, action_dim, *, hidden, activation, rng):
    """Two critics that share no weights. The model maps [states, actions] to [Q1(s, a), Q2(s, a)], each (N, 1)."""
    state, action = (tl.layers.Input([None, size], tf.float32) for size in (state_dim, action_dim))
    joined = tl.layers.Concat(-1)([state, action])
    values = []
    for _ in range(2):
        layer = _dense_layers(joined, hidden, activation, rng)
        values.append(tl.layers.Dense(1, W_init=Orthogonal(rng, 1.0))(layer))
    return _model([state, action], values)


def _hidden_layers(state_dim, hidden, activation, rng):
    state = tl.layers.Input([None, state_dim], tf.float32)
    return state, _dense_layers(state, hidden, activation, rng)


def _dense_layers(layer, hidden, activation, rng):
    for units in hidden:
        layer = tl.layers.Dense(units, getattr(tf.nn, activation), W_init=Orthogonal(rng, np.sqrt(2)))(layer)
    return layer


def _model(inputs, outputs):
    model = tl.models.Model(inputs, outputs)
    model.train()
    # AutoGraph would rewrite TensorLayer's loop over the layers. That takes half the time of a trace and gives the same graph.
    model.forward = tf.autograph.experimental.do_not_convert(model.forward)
    return model


def anneal_std(actor, remaining):
    """Lowers the standard deviation of an actor made with a `final_std`; a learnt one stays as it is.

    `remaining` is the share of the training still to do, from 1 to 0. The logarithm falls linearly, as for the robots of
    Schulman et al., Proximal Policy Optimization Algorithms, 2017, Table 4 (there from 0.5 to 0.2).
    Agents pass the share from before the batch they just learnt from, and so end a little above `final_std`.
    """
    for layer in actor.all_layers:
        if getattr(layer, 'final', None) is not None:
            layer.log_std.assign(layer.final + (layer.init - layer.final) * remaining)


class NumpyCopy:
    """A NumPy copy of a model: `copy(states)` computes what `model(states)` does, for states (..., state_dim).

    Experience is collected with it: a call into TensorFlow costs hundreds of microseconds whatever the batch, these products
    ten to twenty. `head` is what follows the last product: `linear_head`, `gaussian_head(low, high)` or `squashed_head`.
    Returns a list: `[output]`, or `[mean, log_std]` with log_std (action_dim,) if it is free.
    """

    def __init__(self, model, activation, head):
        self.model, self.activate, self.head = model, NUMPY_ACTIVATIONS[activation], head
        self.refresh()

    def refresh(self, weights=None):
        """Copies the model's weights again: from its variables, or from `weights`, tensors that a compiled update returned."""
        arrays = [weight.numpy() for weight in weights or self.model.all_weights]
        self.hidden, self.last, self.finish = self.head(*dense_layers(arrays))

    def __call__(self, states):
        layer = states
        for matrix, biases in self.hidden:
            layer = layer @ matrix
            layer += biases
            self.activate(layer)
        matrix, biases = self.last
        output = layer @ matrix
        output += biases
        return self.finish(output)


def linear_head(layers, _):
    """The last layer's output as it is: V(s), or logits."""
    *hidden, last = layers
    return hidden, last, lambda output: [output]


def gaussian_head(low, high):
    """The mean of `gaussian_actor`, tanh mapped to [low, high], and its free log standard deviation."""
    centre, half = (high + low) / 2, (high - low) / 2

    def head(layers, log_std):
        def finish(output):
            np.tanh(output, out=output)
            output *= half
            output += centre
            return [output, *log_std]

        *hidden, last = layers
        return hidden, last, finish

    return head


def squashed_head(layers, _):
    """The two outputs of `squashed_gaussian_actor`, computed in one product."""
    *hidden, (mean_matrix, mean_biases), (log_std_matrix, log_std_biases) = layers
    last = np.concatenate([mean_matrix, log_std_matrix], axis=1), np.concatenate([mean_biases, log_std_biases])
    action_dim = len(mean_biases)
    return hidden, last, lambda output: [output[..., :action_dim], np.clip(output[..., action_dim:], *LOG_STD_RANGE)]


def dense_layers(weights):
    """The (matrix, biases) of each dense layer among a model's weights, and a list of the others: [log_std] or []."""
    count = len(weights) // 2
    return [(weights[2 * i], weights[2 * i + 1]) for i in range(count)], list(weights[2 * count :])


def values(model):
    """The model's weights as a list of tensors, for a compiled update to return."""
    return [weight.value() for weight in model.all_weights]


def layerwise(model, states, activation, bounds=None):
    """The model's outputs, and of every dense layer its inputs (N, inputs) and its outputs before the activation (N, outputs).

    K-FAC needs these, and TensorLayer's model does not show them. `bounds` are (low, high) of a `gaussian_actor`, None for
    other models. Call it inside a GradientTape.
    """
    layers, log_std = dense_layers(model.all_weights)
    inputs, outputs, layer = [], [], states
    for matrix, biases in layers:
        inputs.append(layer)
        outputs.append(layer @ matrix + biases)
        layer = getattr(tf.nn, activation)(outputs[-1])
    if bounds is None:
        return [outputs[-1]], inputs, outputs
    low, high = bounds
    mean = tf.tanh(outputs[-1]) * ((high - low) / 2) + (high + low) / 2
    return [mean, tf.zeros_like(mean) + log_std[0]], inputs, outputs
