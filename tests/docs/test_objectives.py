"""The figure of PPO's objectives computes what the agents' losses do, slopes included."""

import itertools

import ppo
from common.backend import tf

import numpy as np
import pytest
from javascript import evaluate, needs_node

pytestmark = needs_node
EPSILON, BETA = 0.2, 0.7


def by_the_agent(agent, ratio, advantage, probability):
    """(objective, slope in the ratio) of one action of two, whose old probability is given, as the agent's loss has it."""
    agent.actor.trainable_weights[-2].assign(tf.zeros([1, 2]))
    logits = agent.actor.trainable_weights[-1]
    new = probability * ratio
    logits.assign([np.log(new / (1 - new)), 0.0])
    old_pi = [tf.constant([[np.log(probability / (1 - probability)), 0.0]], tf.float32)]
    with tf.GradientTape() as tape:
        loss, _ = agent.actor_loss(tf.ones([1, 1]), tf.constant([0]), tf.constant([advantage]), old_pi)
    slope = -tape.gradient(loss, logits)[0] / (new * (1 - new) / probability)  # of the ratio in the logit
    return [-float(loss), float(slope)]


@pytest.mark.parametrize('method', ['clip', pytest.param('penalty', marks=pytest.mark.slow)])
def test_objective_and_slope_against_the_agents_loss(method):
    cases = list(itertools.product([0.3, 0.75, 0.9, 1.1, 1.3, 2.0], [1.0, -1.0, 0.4], [0.15, 0.45]))
    agent = ppo.PPO(1, 2, None, method, ppo.Settings(clip=EPSILON, kl_coefficient=BETA, hidden=(1,)))
    expected = [by_the_agent(agent, *case) for case in cases]
    calls = {
        'clip': '[objectives.clipped(r, a, given.epsilon), objectives.clippedSlope(r, a, given.epsilon)]',
        'penalty': '[objectives.penalised(r, a, given.beta, p), objectives.penalisedSlope(r, a, given.beta, p)]',
    }
    found = evaluate(
        'math/objectives', f'given.cases.map(([r, a, p]) => {calls[method]})', cases=cases, epsilon=EPSILON, beta=BETA
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_penalised_objective_is_largest_where_it_is_marked():
    cases = list(itertools.product([1.0, -1.0], [0.05, 0.5, 4.0], [0.05, 0.3, 0.45]))
    best = evaluate('math/objectives', 'given.cases.map((one) => objectives.penalisedOptimum(...one))', cases=cases)
    values = evaluate(
        'math/objectives',
        """given.cases.map(([a, beta, p], i) =>
             [0.999, 1, 1.001].map((factor) => objectives.penalised(factor * given.best[i], a, beta, p)))""",
        cases=cases,
        best=best,
    )
    for (advantage, beta, probability), ratio, (below, at, above) in zip(cases, best, values, strict=True):
        assert 0 < ratio < 1 / probability
        assert (ratio > 1) == (advantage > 0)
        assert at >= max(below or -np.inf, above or -np.inf), (advantage, beta, probability)


def test_without_a_penalty_nothing_holds_the_ratio():
    found = evaluate('math/objectives', '[1, -1].map((a) => objectives.penalisedOptimum(a, 0, 0.25))')
    assert found == [4, 0]
