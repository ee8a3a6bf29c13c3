"""Exercise: the KL divergence of two Gaussians."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='gaussian_kl',
    title=Words('the KL divergence', 'KL 散度'),
    source=Words(
        'textbook, sections 5.10.5, kl, and 5.10.6; Schulman et al., Trust Region Policy Optimization, 2015, Eq. 14; erratum 6',
        '教科书 5.10.5 节，kl，以及 5.10.6 节；Schulman 等，Trust Region Policy Optimization，2015，式 14；勘误 6',
    ),
    text=Words(
        """
You will know how TRPO and PPO-Penalty measure how far a policy has moved, and that the order of the two policies matters.

    KL(old, new) = E_old[log π_old(a|s) - log π(a|s)]
                 = Σ_j [ log σ_j - log σ_old,j + (σ_old,j² + (μ_old,j - μ_j)²) / (2 σ_j²) - 1/2 ]

old_mean, old_log_std  (N, action_dim)  the policy that collected the batch
mean, log_std          (N, action_dim)  the new policy
result                 (N,)             KL(old, new) in each state, in nats
""",
        """
做完之后你会知道：TRPO 和 PPO-Penalty 怎样衡量策略走了多远；两个策略的先后次序是有影响的。

    KL(旧, 新) = E_旧[log π_旧(a|s) - log π(a|s)]
               = Σ_j [ log σ_j - log σ_旧,j + (σ_旧,j² + (μ_旧,j - μ_j)²) / (2 σ_j²) - 1/2 ]

old_mean, old_log_std  (N, action_dim)  采集这批数据的旧策略
mean, log_std          (N, action_dim)  新策略
返回                   (N,)             每个状态的 KL(旧, 新)，单位 nat
""",
    ),
    hints=(
        Words(
            'σ² is tf.exp(2 * log_std), and dividing by it is multiplying by tf.exp(-2 * log_std).',
            'σ² 是 tf.exp(2 * log_std)；除以它就是乘 tf.exp(-2 * log_std)。',
        ),
        Words(
            'squares = tf.exp(2 * old_log_std) + tf.square(old_mean - mean), the numerator of the quotient.',
            'squares = tf.exp(2 * old_log_std) + tf.square(old_mean - mean)，这是分式的分子。',
        ),
        Words(
            'tf.reduce_sum(log_std - old_log_std + 0.5 * squares * tf.exp(-2 * log_std) - 0.5, axis=-1)',
            'tf.reduce_sum(log_std - old_log_std + 0.5 * squares * tf.exp(-2 * log_std) - 0.5, axis=-1)',
        ),
    ),
    tensors=True,
)


def drawn(rng, action_dim, step):
    old_mean, old_log_std = rng.normal(size=(5, action_dim)), 0.5 * rng.normal(size=(5, action_dim))
    shifts = step * rng.normal(size=(2, 5, action_dim))
    return old_mean, old_log_std, old_mean + shifts[0], old_log_std + shifts[1]


@task.case('equal policies', '两个策略相同')
def equal(rng):
    return drawn(rng, 2, 0.0)


@task.case('one action dimension', '一维动作')
def one_dimension(rng):
    return drawn(rng, 1, 0.5)


@task.case('several action dimensions', '多维动作')
def several_dimensions(rng):
    return drawn(rng, 3, 0.5)


def log_densities(mean, log_std, actions):
    return -0.5 * ((actions - mean) / np.exp(log_std)) ** 2 - log_std - 0.5 * np.log(2 * np.pi)


def by_dimension(old_mean, old_log_std, mean, log_std):
    """The expectation by Gauss-Hermite quadrature, which is exact for polynomials."""
    points, weights = np.polynomial.hermite_e.hermegauss(12)
    total = 0.0
    for point, weight in zip(points, weights / weights.sum(), strict=True):
        actions = old_mean + np.exp(old_log_std) * point
        total = total + weight * (log_densities(old_mean, old_log_std, actions) - log_densities(mean, log_std, actions))
    return total


@task.right
def by_quadrature(old_mean, old_log_std, mean, log_std):
    return by_dimension(old_mean, old_log_std, mean, log_std).sum(1)


@task.mistake(
    'It looks as if this is KL(new, old), the wrong way round (erratum 6): the expectation is under the old policy.',
    '看起来方向反了，成了 KL(新, 旧)（勘误 6）：期望是对旧策略取的。',
)
def wrong_way_round(old_mean, old_log_std, mean, log_std):
    return by_quadrature(mean, log_std, old_mean, old_log_std)


@task.mistake(
    'It looks as if the sum over the action dimensions is missing: return (N,).',
    '看起来没有对动作各维求和：请返回 (N,)。',
)
def not_summed(old_mean, old_log_std, mean, log_std):
    return by_dimension(old_mean, old_log_std, mean, log_std)


@task.mistake('It looks as if the dimensions are averaged: sum them.', '看起来对各维取了平均：应该求和。')
def averaged(old_mean, old_log_std, mean, log_std):
    return by_dimension(old_mean, old_log_std, mean, log_std).mean(1)


@task.mistake(
    'It looks as if only the first action dimension counts (erratum 4): sum over all of them.',
    '看起来只算了动作的第一维（勘误 4）：要对所有维求和。',
)
def first_dimension(old_mean, old_log_std, mean, log_std):
    return by_dimension(old_mean, old_log_std, mean, log_std)[:, 0]


@task.mistake(
    'It looks as if you take the mean over the states: return the divergence in each state, (N,); the agent takes the mean.',
    '看起来对状态取了平均：请返回每个状态的散度，形状 (N,)；平均由智能体去取。',
)
def mean_over_states(old_mean, old_log_std, mean, log_std):
    return by_quadrature(old_mean, old_log_std, mean, log_std).mean()


@task.mistake(
    'It looks as if -1/2 is missing: two equal policies must have the divergence 0.',
    '看起来漏了 -1/2：两个相同的策略，散度必须是 0。',
)
def without_half(old_mean, old_log_std, mean, log_std):
    return by_quadrature(old_mean, old_log_std, mean, log_std) + 0.5 * mean.shape[1]


@task.mistake(
    'It looks as if the two logarithms are the wrong way round: log σ_new - log σ_old.',
    '看起来两个对数的次序反了：应该是 log σ_新 - log σ_旧。',
)
def logarithms_swapped(old_mean, old_log_std, mean, log_std):
    return by_quadrature(old_mean, old_log_std, mean, log_std) - 2 * (log_std - old_log_std).sum(1)


@task.mistake('It looks as if log σ_new - log σ_old is missing.', '看起来漏了 log σ_新 - log σ_旧。')
def without_logarithms(old_mean, old_log_std, mean, log_std):
    return by_quadrature(old_mean, old_log_std, mean, log_std) - (log_std - old_log_std).sum(1)


@task.mistake(
    'It looks as if exp(log_std) is taken for the variance (erratum 11): it is the standard deviation.',
    '看起来把 exp(log_std) 当成了方差（勘误 11）：它是标准差。',
)
def variances(old_mean, old_log_std, mean, log_std):
    return by_quadrature(old_mean, old_log_std / 2, mean, log_std / 2)


@task.mistake(
    'It looks as if exp(log_std) is taken for the variance in the quotient (erratum 11): σ² = exp(2 log_std).',
    '看起来在分式里把 exp(log_std) 当成了方差（勘误 11）：σ² = exp(2 log_std)。',
)
def variances_in_the_quotient(old_mean, old_log_std, mean, log_std):
    return by_quadrature(old_mean, old_log_std / 2, mean, log_std / 2) + (log_std - old_log_std).sum(1) / 2


@task.mistake('It looks as if the distance of the means is missing.', '看起来漏了两个均值的距离。')
def without_means(old_mean, old_log_std, mean, log_std):
    return by_quadrature(mean, old_log_std, mean, log_std)


@task.mistake('It looks as if the distance of the means is not squared.', '看起来两个均值的距离没有平方。')
def distance_not_squared(old_mean, old_log_std, mean, log_std):
    return without_means(old_mean, old_log_std, mean, log_std) + ((old_mean - mean) * np.exp(-2 * log_std) / 2).sum(1)


@task.mistake('It looks as if the sign is wrong: a divergence is never negative.', '看起来符号反了：散度不会是负数。')
def negative(old_mean, old_log_std, mean, log_std):
    return -by_quadrature(old_mean, old_log_std, mean, log_std)
