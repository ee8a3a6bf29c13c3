"""Networks: shapes, bounds, and their NumPy copies."""

from common import networks
from common.spaces import bounds

import numpy as np
import pytest
import tensorflow as tf

STATES = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)


@pytest.mark.parametrize('activation', ['relu', 'tanh'])
def test_a_numpy_copy_computes_what_the_model_does(activation):
    rng = np.random.default_rng(0)
    low, high = bounds(([-1, 0, 5], [1, 10, 6]), 3)
    actor = networks.gaussian_actor(5, low, high, hidden=(8, 7), activation=activation, rng=rng, init_std=0.5)
    copy = networks.NumpyCopy(actor, activation, networks.gaussian_head(low, high))
    for weight in actor.trainable_weights:  # away from the near-zero start, biases included
        weight.assign_add(rng.normal(0, 0.3, weight.shape).astype(np.float32))
    mean, log_std = actor(STATES)
    assert np.abs(copy(STATES)[0] - mean).max() > 0.01, 'of the weights before'
    copy.refresh()
    ours, ours_log_std = copy(STATES)
    np.testing.assert_allclose(ours, mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.broadcast_to(ours_log_std, (20, 3)), log_std, rtol=1e-6)
    critic = networks.value_network(5, hidden=(8,), activation=activation, rng=rng, gain=1.0)
    value = networks.NumpyCopy(critic, activation, networks.linear_head)
    np.testing.assert_allclose(value(STATES)[0], critic(STATES), rtol=1e-5, atol=1e-5)
    value.refresh([2 * weight for weight in networks.values(critic)[:-2]] + networks.values(critic)[-2:])
    assert np.abs(value(STATES)[0] - critic(STATES)).max() > 0.01, 'of the weights given'


@pytest.mark.slow
def test_a_critic_starts_at_zero_and_can_learn():
    critic, targets = (
        networks.value_network(5, hidden=(8, 7), activation='tanh', rng=np.random.default_rng(0), gain=0.0),
        STATES[:, :1] ** 2,
    )
    np.testing.assert_array_equal(critic(STATES), 0)
    optimiser, losses = tf.optimizers.Adam(0.03), []
    for _ in range(600):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((critic(STATES) - targets) ** 2)
        losses.append(float(loss))
        optimiser.apply_gradients(zip(tape.gradient(loss, critic.trainable_weights), critic.trainable_weights, strict=True))
    assert losses[-1] < losses[0] / 100


@pytest.mark.parametrize('activation', ['relu', 'tanh'])
def test_layerwise_computes_what_the_model_does(activation):
    """And the layers are its own: each output is the layer's weights times its input, the next input that activated."""
    rng = np.random.default_rng(1)
    low, high = bounds(([-1, 0, 5], [1, 10, 6]), 3)
    body = dict(hidden=(8, 7), activation=activation, rng=rng)
    for model, limits in (
        (networks.gaussian_actor(5, low, high, **body, init_std=0.5), (low, high)),
        (networks.categorical_actor(5, 3, **body), None),
        (networks.value_network(5, **body, gain=0.0), None),
    ):
        for weight in model.trainable_weights:
            weight.assign_add(rng.normal(0, 0.3, weight.shape).astype(np.float32))
        pi, inputs, outputs = networks.layerwise(model, STATES, activation, limits)
        expected = model(STATES)
        expected = expected if isinstance(expected, list) else [expected]
        for ours, theirs in zip(pi, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        activate = {'relu': lambda x: np.maximum(x, 0), 'tanh': np.tanh}[activation]
        np.testing.assert_array_equal(inputs[0], STATES)
        assert [layer.shape[1] for layer in inputs] == [5, 8, 7]
        for i, (layer, output) in enumerate(zip(inputs, outputs, strict=True)):
            matrix, biases = model.trainable_weights[2 * i : 2 * i + 2]
            np.testing.assert_allclose(output, layer @ matrix.numpy() + biases.numpy(), rtol=1e-4, atol=1e-5)
            if i:
                np.testing.assert_allclose(layer, activate(outputs[i - 1].numpy()), rtol=1e-5, atol=1e-6)


def test_mean_fills_asymmetric_bounds_and_std_starts_in_proportion():
    low, high = bounds(([-1, 0], [1, 10]), 2)
    actor = networks.gaussian_actor(5, low, high, hidden=(8,), activation='relu', rng=np.random.default_rng(0), init_std=0.5)
    np.testing.assert_allclose(actor(STATES)[1][0], np.log([0.5, 2.5]), rtol=1e-6)
    actor.trainable_weights[-2].assign([100.0, -100.0])
    np.testing.assert_allclose(actor(STATES)[0][0], [1, 0], atol=1e-6)
    actor.trainable_weights[-2].assign([0.0, 0.0])
    np.testing.assert_allclose(actor(0 * STATES)[0][0], [0, 5], atol=1e-6)


def test_a_std_with_a_last_value_falls_there_by_equal_factors_and_is_not_learnt():
    """From 0.5 to 0.2 of half the range, half way at their geometric mean, 0.1 ** 0.5; a learnt one stays where it is."""
    low, high = bounds(([-1, 0], [1, 10]), 2)
    body = dict(hidden=(8,), activation='relu', rng=np.random.default_rng(0), init_std=0.5)
    learnt, annealed = (networks.gaussian_actor(5, low, high, **body, final_std=final_std) for final_std in (0.0, 0.2))
    assert len(learnt.trainable_weights) == len(learnt.all_weights) == len(annealed.all_weights)
    assert [weight.shape for weight in annealed.trainable_weights] == [weight.shape for weight in learnt.all_weights[:-1]]
    for remaining, std in ((1, 0.5), (0.5, 0.1**0.5), (0, 0.2)):
        networks.anneal_std(annealed, remaining)
        networks.anneal_std(learnt, remaining)
        np.testing.assert_allclose(np.exp(annealed(STATES)[1]), np.tile([std, 5 * std], (20, 1)), rtol=1e-5)
        np.testing.assert_allclose(np.exp(learnt(STATES)[1]), np.tile([0.5, 2.5], (20, 1)), rtol=1e-5)


def test_log_std_is_a_trainable_weight_of_the_model():
    """Erratum 1: a variable appended to TensorLayer's list of weights is lost."""
    body = dict(hidden=(8,), activation='relu', rng=np.random.default_rng(0), init_std=0.5)
    actor = networks.gaussian_actor(5, *bounds(2.0, 3), **body)
    assert [weight.name for weight in actor.trainable_weights if 'log_std' in weight.name]
    actor.trainable_weights.append('lost')
    assert len(actor.trainable_weights) == 5, "should TensorLayer's list one day be its own, the erratum's cause is gone"


def test_orthogonal_start():
    for shape in ((6, 4), (4, 6)):
        matrix = networks.Orthogonal(np.random.default_rng(0), 2.0)(shape).numpy()
        product = matrix.T @ matrix if shape[0] > shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(product, 4 * np.eye(4), atol=1e-5)
