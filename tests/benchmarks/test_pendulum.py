"""Pendulum's optimum against both engines, another optimiser, and play in Gymnasium's own environment."""

from benchmarks.learning import pendulum
from benchmarks.learning.tables import optima

import envpool
import gymnasium as gym
import numpy as np
import pytest
from scipy import optimize


def starts_of(rows, columns):
    """A regular set of Pendulum's starts: any angle, speeds from 0 to 1."""
    angles, speeds = (np.arange(columns) + 0.5) / columns * 2 * np.pi - np.pi, (np.arange(rows) + 0.5) / rows
    return np.stack([np.tile(angles, rows), np.repeat(speeds, columns)])


def test_a_step_is_that_of_each_engine():
    """They differ only where the speed reaches its limit, where EnvPool's angle moves on as if there were none."""
    ours, theirs = gym.make('Pendulum-v1').unwrapped, envpool.make_gymnasium('Pendulum-v1', num_envs=4, seed=0)
    ours.reset(seed=0)
    state, apart = theirs.reset()[0], 0
    for _ in range(100):
        angle, speed = np.arctan2(*state.T.astype(float)[[1, 0]]), state[:, 2].astype(float)
        torque = 2 * np.sign(speed)  # spins faster and faster
        state, reward, *_ = theirs.step(torque[:, None].astype(np.float32))
        cost, next_angle, next_speed = pendulum.step(angle, speed, torque, envpool=True)
        np.testing.assert_allclose(state, np.stack([np.cos(next_angle), np.sin(next_angle), next_speed], axis=1), atol=2e-6)
        np.testing.assert_allclose(-reward, cost, atol=2e-5)
        for i in range(4):
            ours.state = np.array([angle[i], speed[i]])
            _, reward, *_ = ours.step(torque[i : i + 1])
            cost, *expected = pendulum.step(angle[i], speed[i], torque[i])
            np.testing.assert_allclose([-reward, *ours.state], [cost, *expected], rtol=1e-12)
            apart = max(apart, abs(ours.state[0] - next_angle[i]))
    assert apart > 0.01


def test_the_first_step_of_a_pendulum_is_what_its_starts_cost():
    """The mean of angle^2 + speed^2 / 10 over the starts; no torque is best when nothing follows."""
    one = pendulum.Grid(steps=1)
    costs = one.between(one.costs[1], *one.corners(*starts_of(20, 400)))
    assert costs.mean() == pytest.approx(np.pi**2 / 3 + 0.1 / 3, rel=1e-3)


def test_another_optimiser_finds_nothing_better():
    """SciPy's L-BFGS-B, on episodes of 20 steps, from the trajectories found and from none."""
    starts = np.array([[0.05, 0.3, 3.1], [-0.2, 0.9, 0.2]])
    found = pendulum.from_grid(starts, pendulum.Grid(steps=20), 0.0)
    for i in range(3):

        def costs(torques, start=starts[:, [i]]):  # of many sequences at once, (20, N)
            return pendulum.play(np.repeat(start, torques.shape[1], axis=1), 20, lambda t, *_: torques[t])[2]

        def slope(torques):
            each = 1e-6 * np.eye(20)
            return (costs(torques[:, None] + each) - costs(torques[:, None] - each)) / 2e-6

        for first in (found.torques[:, i], np.zeros(20)):
            other = optimize.minimize(
                lambda x: costs(x[:, None])[0], first, jac=slope, method='L-BFGS-B', bounds=[(-2, 2)] * 20
            )
            assert other.fun > found.costs[i] - 1e-6


def test_the_optimum_is_more_than_a_grid_says_and_gymnasium_plays_it(monkeypatch):
    """Trajectories from 300 starts, played by their feedback in Gymnasium's own Pendulum.

    What they gain over the grid's values there is added to its mean over all starts: so few starts have another mean.
    """
    monkeypatch.setattr(pendulum, 'FORCED', (0.0,))
    known, starts = pendulum.best_trajectories(3, 100), starts_of(3, 100)
    env, played = gym.make('Pendulum-v1').unwrapped, []
    env.reset(seed=0)
    for i in range(0, 300, 10):
        env.state, total = starts[:, i].copy(), 0
        for t in range(200):
            torque = known.torques[t, i] + known.gains[t, :, i] @ (env.state - known.states[t, :, i])
            total += env.step(np.array([torque]))[1]
        played.append(total)
    np.testing.assert_allclose(played, -known.costs[::10], rtol=1e-6)

    grid = pendulum.Grid()

    def by_grid(starts):
        return -grid.between(grid.costs[200], *grid.corners(*starts)).mean()

    mean = by_grid(starts_of(12, 1200)) + (-known.costs.mean() - by_grid(starts))
    of_gymnasium, of_envpool = (float(optima()[env]['optimum']) for env in ("Pendulum-v1, Gymnasium's", 'Pendulum-v1'))
    assert mean == pytest.approx(of_gymnasium, abs=0.5)
    assert of_gymnasium < of_envpool < of_gymnasium + 0.6
