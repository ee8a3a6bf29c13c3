"""Actor and critic as TensorLayer models, and their forward pass as NumPy products for acting."""

from common.backend import tf, tl

import numpy as np

NUMPY_ACTIVATIONS = {'relu': lambda x: np.maximum(x, 0, out=x), 'tanh': lambda x: np.tanh(x, out=x)}
ACTIVATIONS = tuple(NUMPY_ACTIVATIONS)  # TensorFlow has them by the same names
LOG_STD_RANGE = (-20.0, 2.0)  # of a standard deviation that depends on the state


class Orthogonal:
    """A random orthogonal matrix times `gain`, drawn with the NumPy generator `rng` (Saxe et al., 2014)."""

    def __init__(self, rng, gain):
        self.rng, self.gain = rng, gain

    def __call__(self, shape):
        rows, columns = shape
        q, r = np.linalg.qr(self.rng.standard_normal((max(shape), min(shape))))
        q *= np.sign(np.diag(r))
        return tf.constant(self.gain * (q if rows >= columns else q.T), tf.float32)


def bounds(action_bound, action_dim):
    """(low, high), float32 arrays (action_dim,), from the largest action or a pair; numbers stand for every dimension."""
    low, high = action_bound if isinstance(action_bound, tuple | list) else (-np.asarray(action_bound), action_bound)
    return tuple(np.broadcast_to(np.asarray(bound, np.float32), action_dim) for bound in (low, high))


def _hidden(state_dim, sizes, activation, rng):
    inputs = tl.layers.Input([None, state_dim], tf.float32)
    return inputs, _dense(inputs, sizes, activation, rng)


def _dense(layer, sizes, activation, rng):
    for size in sizes:
        layer = tl.layers.Dense(size, getattr(tf.nn, activation), W_init=Orthogonal(rng, np.sqrt(2)))(layer)
    return layer


def gaussian_actor(state_dim, low, high, init_std, hidden, activation, rng, final_std=0.0):
    """The book's actor: a tanh mean that a Lambda layer maps to [low, high], and a free log standard deviation.

    `low` and `high` are (action_dim,); the standard deviation starts at `init_std` times half the range (0.5 gives the
    book's 1 on Pendulum). It is learnt, or with a `final_std`, in the same measure, falls there as `anneal_std` says. The
    model returns `[mean, log_std]`, each (N, action_dim).
    """
    from common.log_std import LogStd

    centre, half = (high + low) / 2, (high - low) / 2
    inputs, layer = _hidden(state_dim, hidden, activation, rng)
    layer = tl.layers.Dense(len(low), tf.nn.tanh, W_init=Orthogonal(rng, 0.01))(layer)
    mean = tl.layers.Lambda(lambda x: x * half + centre)(layer)
    log_std = LogStd(np.log(init_std * half), np.log(final_std * half) if final_std else None)(mean)
    return _training(tl.models.Model(inputs, [mean, log_std]))


def anneal_std(actor, remaining):
    """Lets the standard deviation of an actor that was made with a `final_std` fall; one that is learnt stays as it is.

    `remaining` is the share of the training still to do, from 1 to 0; the logarithm falls linearly, as for the robots of
    Schulman et al., Proximal Policy Optimization Algorithms, 2017, Table 4 (there from 0.5 to 0.2).
    Agents give the share from before the batch just learnt from, and so end a little above `final_std`.
    """
    for layer in actor.all_layers:
        if getattr(layer, 'final', None) is not None:
            layer.log_std.assign(layer.final + (layer.init - layer.final) * remaining)


def squashed_gaussian_actor(state_dim, action_dim, hidden, activation, rng):
    """An actor whose mean and log standard deviation both depend on the state; its Gaussian is still to be squashed by tanh.

    The model returns `[mean, log_std]`, each (N, action_dim), the latter clipped to LOG_STD_RANGE.
    """
    inputs, layer = _hidden(state_dim, hidden, activation, rng)
    mean, log_std = (tl.layers.Dense(action_dim, W_init=Orthogonal(rng, 0.01))(layer) for _ in range(2))
    log_std = tl.layers.Lambda(lambda x: tf.clip_by_value(x, *LOG_STD_RANGE))(log_std)
    return _training(tl.models.Model(inputs, [mean, log_std]))


def categorical_actor(state_dim, action_dim, hidden, activation, rng):
    """An actor for `action_dim` discrete actions; the model returns `[logits]`, (N, action_dim)."""
    inputs, layer = _hidden(state_dim, hidden, activation, rng)
    logits = tl.layers.Dense(action_dim, W_init=Orthogonal(rng, 0.01))(layer)
    return _training(tl.models.Model(inputs, [logits]))


def value_network(state_dim, hidden, activation, rng, gain=0.0):
    """The critic; the model returns V(s), (N, 1), which is 0 at first: `gain` scales the initial weights of its last layer.

    A critic that starts with values of its own makes advantages of nothing while no reward has been seen.
    """
    inputs, layer = _hidden(state_dim, hidden, activation, rng)
    return _training(tl.models.Model(inputs, tl.layers.Dense(1, W_init=Orthogonal(rng, gain))(layer)))


def q_network(state_dim, action_dim, hidden, activation, rng):
    """Twin critics that share no weights; the model maps [states, actions] to [Q1(s, a), Q2(s, a)], each (N, 1)."""
    inputs = [tl.layers.Input([None, size], tf.float32) for size in (state_dim, action_dim)]
    joined = tl.layers.Concat(-1)(inputs)
    values = []
    for _ in range(2):
        layer = _dense(joined, hidden, activation, rng)
        values.append(tl.layers.Dense(1, W_init=Orthogonal(rng, 1.0))(layer))
    return _training(tl.models.Model(inputs, values))


def dense_layers(weights):
    """(matrix, biases) of each dense layer of a model, and a list of what follows them: the free log_std, or nothing."""
    count = len(weights) // 2
    return [(weights[2 * i], weights[2 * i + 1]) for i in range(count)], list(weights[2 * count :])


def layerwise(model, states, activation, low=None, high=None):
    """The model's outputs, and every dense layer's inputs (N, inputs) and outputs (N, outputs) before its activation.

    `low` and `high` as in `snapshot`. For methods that look into the layers, inside a GradientTape.
    """
    layers, log_std = dense_layers(model.all_weights)
    inputs, outputs, layer = [], [], states
    for matrix, biases in layers:
        inputs.append(layer)
        outputs.append(layer @ matrix + biases)
        layer = getattr(tf.nn, activation)(outputs[-1])
    if low is None:
        return [outputs[-1]], inputs, outputs
    mean = tf.tanh(outputs[-1]) * ((high - low) / 2) + (high + low) / 2
    return [mean, tf.zeros_like(mean) + log_std[0]], inputs, outputs


def _training(model):
    model.train()
    # Rewriting TensorLayer's own loops, which run over its layers, would take half the time of a trace, for the same graph.
    model.forward = tf.autograph.experimental.do_not_convert(model.forward)
    return model


def snapshot(weights, activation, low=None, high=None):
    """A function that maps states (N, state_dim) to a model's outputs, as NumPy products on a copy of its weights.

    A call into TensorFlow costs hundreds of microseconds whatever the batch, these products ten to twenty: collection
    acts on a copy taken after each update. Returns `[mean, log_std]` where `low` and `high` are given, else `[output]`.
    """
    (*hidden, (last_weights, last_biases)), log_std = dense_layers([weight.numpy() for weight in weights])
    activate = NUMPY_ACTIVATIONS[activation]

    def forward(states):
        layer = states
        for matrix, biases in hidden:
            layer = layer @ matrix
            layer += biases
            activate(layer)
        output = layer @ last_weights
        output += last_biases
        if not log_std:
            return [output]
        np.tanh(output, out=output)
        output *= half
        output += centre
        return [output, *log_std]

    if low is not None:
        centre, half = (high + low) / 2, (high - low) / 2
    return forward


def squashed_snapshot(weights, activation):
    """`snapshot` of a squashed Gaussian actor: `[mean, log_std]`, both heads in one product."""
    layers, _ = dense_layers([weight.numpy() for weight in weights])
    *hidden, (mean_weights, mean_biases), (log_std_weights, log_std_biases) = layers
    last_weights = np.concatenate([mean_weights, log_std_weights], axis=1)
    last_biases = np.concatenate([mean_biases, log_std_biases])
    action_dim, activate = len(mean_biases), NUMPY_ACTIVATIONS[activation]

    def forward(states):
        layer = states
        for matrix, biases in hidden:
            layer = layer @ matrix
            layer += biases
            activate(layer)
        output = layer @ last_weights
        output += last_biases
        return [output[..., :action_dim], np.clip(output[..., action_dim:], *LOG_STD_RANGE)]

    return forward
