"""The best mean return on Pendulum-v1. Pendulum is deterministic, so the best play from a start is one trajectory.

Dynamic programming on a coarse grid gives a first trajectory from each start of a regular set. Differential dynamic programming
then improves it until nothing changes (Tassa, Mansard and Todorov, 2014, Control-Limited Differential Dynamic Programming,
section III; the second derivatives of the dynamics are left out). This finds local optima only: a swing to the right may be
better than one to the left. So each start also tries what was found for its neighbours, and trajectories that first brake.

Angles are in radians, 0 at the top; speeds are in radians per second. The last axis of an array has one entry for each start.
"""

from typing import NamedTuple

import numpy as np

STEPS = 200  # of an episode
FASTEST, STRONGEST = 8.0, 2.0  # the limits of speed and torque
GRAVITY, PUSH, SECONDS = 0.75, 0.15, 0.05  # speed per step from gravity and from a torque of 1; seconds in a step
GRID, TORQUES = (181, 161), 11  # angles, angular velocities; torques from -2 to 2
SCALES = 1.0, 0.5, 0.2, 0.05, 0.01  # of the line search
LEAST = 1e-5  # a smaller gain does not count
FORCED, FORCED_STEPS = (0.0, -STRONGEST, STRONGEST), 4  # torques before the grid's play
ROWS, COLUMNS = 12, 1200  # of starts: speeds from 0 to 1 (those below 0 are their mirror images), and angles


def wrapped(angle):
    """The angle from -pi to pi."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def step(angle, speed, torque, envpool=False):
    """The cost of a step, and the next angle, not wrapped, and speed. EnvPool limits the speed after it has moved the angle."""
    cost = wrapped(angle) ** 2 + 0.1 * speed**2 + 0.001 * torque**2
    free = speed + GRAVITY * np.sin(angle) + PUSH * torque
    limited = np.clip(free, -FASTEST, FASTEST)
    return cost, angle + SECONDS * (free if envpool else limited), limited


class Grid:
    """Dynamic programming on a grid of angle and speed. `costs[n]`: the least costs of the last n steps."""

    def __init__(self, steps=STEPS, grid=GRID, torques=TORQUES):
        self.shape, self.torques, self.costs = grid, np.linspace(-STRONGEST, STRONGEST, torques), [np.zeros(grid)]
        angle, speed = np.linspace(-np.pi, np.pi, grid[0]), np.linspace(-FASTEST, FASTEST, grid[1])
        following = [step(*np.meshgrid(angle, speed, indexing='ij'), torque) for torque in self.torques]
        following = [(cost, self.corners(*state)) for cost, *state in following]
        for _ in range(steps):
            self.costs.append(np.min([cost + self.between(self.costs[-1], *at) for cost, at in following], axis=0))

    def corners(self, angle, speed):
        """Where states are: the number of the grid's point below, and the shares of the way to the next."""
        row = (wrapped(angle) + np.pi) / (2 * np.pi) * (self.shape[0] - 1)
        column = (speed + FASTEST) / (2 * FASTEST) * (self.shape[1] - 1)
        low, left = np.minimum(row.astype(int), self.shape[0] - 2), np.minimum(column.astype(int), self.shape[1] - 2)
        return low * self.shape[1] + left, row - low, column - left

    def between(self, costs, corner, row, column):
        """Costs at states between the grid's points, interpolated."""
        flat, above = costs.ravel(), corner + self.shape[1]
        below = flat[corner] * (1 - column) + flat[corner + 1] * column
        return below * (1 - row) + (flat[above] * (1 - column) + flat[above + 1] * column) * row

    def torque(self, angle, speed, left):
        """The best of the torques, by the grid, when `left` steps are left."""
        found = []
        for torque in self.torques:
            cost, *state = step(angle, speed, torque)
            found.append(cost + self.between(self.costs[left - 1], *self.corners(*state)))
        return self.torques[np.argmin(found, axis=0)]


class Trajectories(NamedTuple):
    """Trajectories with feedback: around the states, torques change with the state by the gains."""

    states: np.ndarray  # (steps + 1, 2, N), angle and speed
    torques: np.ndarray  # (steps, N)
    gains: np.ndarray  # (steps, 2, N)
    costs: np.ndarray  # (N,)

    def part(self, which):
        """Those of some starts, as a copy."""
        return Trajectories(*(array[..., which] for array in self))

    def replace(self, which, others):
        """Puts others in their places."""
        for mine, other in zip(self, others, strict=True):
            mine[..., which] = other


def play(starts, steps, torque_of, envpool=False):
    """The states (steps + 1, 2, N), torques and costs from starts (2, N); `torque_of(t, angle, speed)` decides."""
    states, torques, costs = [starts], [], 0
    for t in range(steps):
        torques.append(np.clip(torque_of(t, *states[-1]), -STRONGEST, STRONGEST))
        cost, *state = step(*states[-1], torques[-1], envpool)
        states.append(np.array(state))
        costs = costs + cost
    return np.array(states), np.array(torques), costs


def follow(starts, known, change=0.0, envpool=False):
    """What the feedback of known trajectories does from other starts; `change` is added to their torques."""
    turns = np.round((starts[0] - known.states[0, 0]) / (2 * np.pi)) * 2 * np.pi

    def torque(t, angle, speed):
        apart = angle - turns - known.states[t, 0], speed - known.states[t, 1]
        return changed[t] + known.gains[t, 0] * apart[0] + known.gains[t, 1] * apart[1]

    changed = known.torques + change
    states, torques, costs = play(starts, len(known.torques), torque, envpool)
    return Trajectories(states, torques, known.gains.copy(), costs)


def improvement(known, envpool=False):
    """The changes of torques that lower costs, by a quadratic model of them, and the gains; backwards over the steps."""
    (d1, d2), (d11, d12, d22) = np.zeros((2, known.costs.size)), np.zeros((3, known.costs.size))  # of the costs that follow
    change, gains = np.empty_like(known.torques), np.empty_like(known.gains)
    for t in reversed(range(len(change))):
        (angle, speed), torque = known.states[t], known.torques[t]
        free = speed + GRAVITY * np.sin(angle) + PUSH * torque
        moves = 1.0 * (abs(free) < FASTEST)  # the next speed does not depend on anything at its limit
        angle_moves = 1.0 if envpool else moves
        slope = GRAVITY * np.cos(angle)
        a11, a12, a21, a22 = 1 + SECONDS * slope * angle_moves, SECONDS * angle_moves, slope * moves, moves
        b1, b2 = SECONDS * PUSH * angle_moves, PUSH * moves
        q1, q2 = 2 * wrapped(angle) + a11 * d1 + a21 * d2, 0.2 * speed + a12 * d1 + a22 * d2
        qu = 0.002 * torque + b1 * d1 + b2 * d2
        m11, m12, m21, m22 = d11 * a11 + d12 * a21, d11 * a12 + d12 * a22, d12 * a11 + d22 * a21, d12 * a12 + d22 * a22
        q11, q12, q22 = 2 + a11 * m11 + a21 * m21, a11 * m12 + a21 * m22, 0.2 + a12 * m12 + a22 * m22
        qu1, qu2 = b1 * m11 + b2 * m21, b1 * m12 + b2 * m22
        quu = 0.002 + b1 * (d11 * b1 + d12 * b2) + b2 * (d12 * b1 + d22 * b2)
        change[t] = np.clip(-qu / quu, -STRONGEST - torque, STRONGEST - torque)
        inside = change[t] == -qu / quu  # a torque at its limit does not change with the state
        k1, k2 = gains[t] = np.where(inside, -qu1 / quu, 0), np.where(inside, -qu2 / quu, 0)
        left = qu + quu * change[t]
        d1, d2 = q1 + k1 * left + qu1 * change[t], q2 + k2 * left + qu2 * change[t]
        d11, d22 = q11 + k1 * (k1 * quu + 2 * qu1), q22 + k2 * (k2 * quu + 2 * qu2)
        d12 = q12 + k1 * k2 * quu + k1 * qu2 + k2 * qu1
    return change, gains


def parts(number):
    """Numbers of trajectories in parts that fit into a processor's cache."""
    return np.array_split(np.arange(number), number // 2000 + 1)


def polish(known, which=None, envpool=False, iterations=20):
    """Improves trajectories in place, or only some of them, until an iteration gains less than LEAST."""
    which = np.arange(known.costs.size) if which is None else which
    for part in parts(which.size):
        going = which[part]
        for _ in range(iterations):
            now = known.part(going)
            change, now.gains[:] = improvement(now, envpool)
            best, left = now.part(slice(None)), np.arange(going.size)
            for scale in SCALES:
                found = follow(now.states[0][:, left], now.part(left), scale * change[:, left], envpool)
                lower = found.costs < now.costs[left]
                best.replace(left[lower], found.part(lower))
                left = left[~lower]
            known.replace(going, best)
            going = going[now.costs - best.costs > LEAST]


def from_grid(starts, grid, forced, envpool=False):
    """The grid's play from starts, polished. Unless `forced` is 0, it is the torque of the first steps."""
    steps = len(grid.costs) - 1

    def torque(t, angle, speed):
        return np.full_like(angle, forced) if forced and t < FORCED_STEPS else grid.torque(angle, speed, steps - t)

    states, torques, costs = play(starts, steps, torque, envpool)
    found = Trajectories(states, torques, np.zeros((steps, *starts.shape)), costs)
    polish(found, envpool=envpool)
    return found


def take_better(known, which, others, envpool=False):
    """Lets the starts `which` try the feedback of `others`, one each, and keeps what costs less. Returns the changed ones."""
    changed = []
    for part in parts(which.size):
        at = which[part]
        found = follow(known.states[0][:, at], others.part(part), envpool=envpool)
        lower = found.costs < known.costs[at] - LEAST
        known.replace(at[lower], found.part(lower))
        changed.append(at[lower])
    return np.concatenate(changed)


def exchange(known, rows, envpool=False):
    """Lets neighbours try each other's feedback until the mean gains less than 1e-4. Starts are sorted by speed, then angle."""
    number = np.arange(known.costs.size).reshape(rows, -1)
    pairs = [(number, np.roll(number, shift, axis=1)) for shift in (1, -1, 4, -4)]
    pairs += [(number[1:], number[:-1]), (number[:-1], number[1:])]
    before = np.inf
    while before - known.costs.mean() > 1e-4:
        before, changed = known.costs.mean(), []
        for which, source in pairs:
            changed.append(take_better(known, which.ravel(), known.part(source.ravel()), envpool))
        mirrored = known.part(number[0, ::-1])  # the neighbours with the least speed below 0
        mirrored = mirrored._replace(states=-mirrored.states, torques=-mirrored.torques)
        changed.append(take_better(known, number[0], mirrored, envpool))
        polish(known, np.unique(np.concatenate(changed)), envpool)


def best_trajectories(rows=ROWS, columns=COLUMNS, envpool=False):
    """The best trajectories found from a regular set of starts, sorted by speed, then angle."""
    grid, known = Grid(), None
    angles, speeds = (np.arange(columns) + 0.5) / columns * 2 * np.pi - np.pi, (np.arange(rows) + 0.5) / rows
    starts = np.stack([np.tile(angles, rows), np.repeat(speeds, columns)])
    for forced in FORCED:
        found = from_grid(starts, grid, forced, envpool)
        if known:
            lower = known.costs < found.costs
            found.replace(lower, known.part(lower))
        known = found
    exchange(known, rows, envpool)
    return known


def error(costs):
    """Two standard errors of the mean of costs (rows, columns), as far as they come from the distance between the angles.

    Costs jump somewhere between two angles where one more swing is needed. With every third angle the mean of a row is three
    times as wrong. So its difference from the mean over all angles is measured, and divided by three.
    """
    apart = costs[:, 1::3].mean(axis=1) - costs.mean(axis=1)
    return 2 * np.sqrt(np.mean(apart**2) / len(costs)) / 3
