"""An agent's networks as JSON, for the figures in which it acts in the browser (docs/_static/figures/math/network.js)."""

import base64

from common import networks, normalize

import numpy as np

MOST = 300_000  # weights of an agent that the page gets: more would be megabytes a second


def described(arrays, record):
    """The networks layer by layer, and how to turn their outputs into actions: a dict for JSON.

    `arrays` are those of an agent file, and `record` is its record, or the agent's identity.
    """
    settings = record['settings']
    actor, log_std = networks.dense_layers(_weights(arrays, 'actor'))
    critic, _ = networks.dense_layers(_weights(arrays, 'critic'))
    bounds = record['action_bound'] and dict(zip(('low', 'high'), record['action_bound'], strict=True))
    kind = 'categorical' if bounds is None else 'gaussian' if log_std else 'squashed'
    if kind == 'squashed':  # mean and log_std in one product, as in networks.squashed_head
        *hidden, mean, log_std_layer = actor
        actor = [*hidden, tuple(np.concatenate(pair, axis=-1) for pair in zip(mean, log_std_layer, strict=True))]
    return dict(
        distribution=kind,
        activation=settings['activation'],
        criticActivation=settings.get('critic_activation', settings['activation']),
        bounds=bounds,
        logStd=log_std[0].tolist() if log_std else None,
        normalizer=_normalizer(arrays, record),
        actor=_layers(actor),
        critics=[_layers(critic[i::2]) for i in range(2)] if kind == 'squashed' else [_layers(critic)],  # twins alternate
    )


def can_be_described(agent):
    """Whether an agent has the networks that `described` knows, and these are small enough for the page."""
    parts = agent.variables(for_acting=True)
    if not {'actor', 'critic'} <= parts.keys() or getattr(agent.settings, 'activation', None) not in networks.ACTIVATIONS:
        return False
    return sum(np.prod(weight.shape) for name in ('actor', 'critic') for weight in parts[name]) <= MOST


def _weights(arrays, part):
    """A network's weights in their order: array i is named 'actor/i_...'."""
    named = {int(name.split('/')[1].split('_')[0]): array for name, array in arrays.items() if name.startswith(f'{part}/')}
    return [named[i] for i in range(len(named))]


def _layers(layers):
    return [dict(matrix=_encoded(matrix), biases=_encoded(biases)) for matrix, biases in layers]


def _encoded(array):
    """The bytes of a float32 array, little-endian, row by row."""
    return base64.b64encode(array.astype('<f4').tobytes()).decode()


def _normalizer(arrays, record):
    """What the agent's normaliser does to states; None where it leaves them as they are."""
    kept = {name.removeprefix('normalizer/'): array for name, array in arrays.items() if name.startswith('normalizer/')}
    if not kept:
        return None
    normalizer = normalize.Normalizer(record['state_dim'], record['settings']['num_envs'], record['settings']['gamma'])
    normalizer.assign(kept)
    return dict(centre=normalizer.centre.tolist(), scale=normalizer.scale.tolist(), clip=normalize.CLIP)
