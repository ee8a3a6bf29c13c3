"""Exercise: the density of a squashed Gaussian."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='squashed_log_prob',
    title=Words("the squashed Gaussian's density", '压缩高斯分布的密度'),
    source=Words(
        'Hands-On, chapter 16, SAC; Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018; sac.py, Eq. (1)',
        'Hands-On 第 16 章，SAC；Haarnoja 等，Soft Actor-Critic Algorithms and Applications，2018；sac.py，式 (1)',
    ),
    text=Words(
        """
You will know how a density changes when its variable goes through a function, and how to compute that without infinite numbers.

    a = tanh(u),  u Gaussian:   log π(a|s) = log N(u; μ, σ) - Σ_j log(1 - tanh(u_j)²)

In float32 tanh(u) is exactly 1 for u above 9, and log 0 is infinite. This is the same term, and is exact everywhere:

    log(1 - tanh(u)²) = 2 (log 2 - u - softplus(-2 u)),   softplus(x) = log(1 + exp(x))

mean, log_std  (N, action_dim)  of the Gaussian of u
u              (N, action_dim)  the draws before tanh
result         (N,)             log π(a|s) of a = tanh(u)
""",
        """
做完之后你会知道：随机变量经过一个函数之后，密度怎样变化；以及怎样计算才不会出现无穷大。

    a = tanh(u)，u 服从高斯分布：log π(a|s) = log N(u; μ, σ) - Σ_j log(1 - tanh(u_j)²)

用 float32 时，u 大于 9，tanh(u) 就恰好等于 1，而 log 0 是无穷大。下面是同一项的另一种写法，处处精确：

    log(1 - tanh(u)²) = 2 (log 2 - u - softplus(-2 u))，softplus(x) = log(1 + exp(x))

mean, log_std  (N, action_dim)  u 的高斯分布
u              (N, action_dim)  tanh 之前的采样值
返回           (N,)             a = tanh(u) 的 log π(a|s)
""",
    ),
    hints=(
        Words(
            'The first part is the exercise gaussian_log_prob, of u.',
            '第一部分就是练习 gaussian_log_prob，对象是 u。',
        ),
        Words(
            'The second: 2 * (math.log(2) - u - tf.nn.softplus(-2 * u)), (N, action_dim). It is subtracted.',
            '第二部分：2 * (math.log(2) - u - tf.nn.softplus(-2 * u))，形状 (N, action_dim)。要减去它。',
        ),
        Words('Both are summed over the last dimension.', '两部分都要沿最后一维求和。'),
    ),
    tensors=True,
)


def drawn(rng, u):
    return 0.5 * rng.normal(size=u.shape), 0.3 * rng.normal(size=u.shape), u


@task.case('draws near 0', '采样值在 0 附近')
def near(rng):
    return drawn(rng, rng.normal(size=(6, 2)))


@task.case('draws far from 0', '采样值离 0 很远')
def far(rng):
    return drawn(rng, rng.choice([-1, 1], size=(4, 2)) * rng.uniform(11, 14, size=(4, 2)))


def gaussian(mean, log_std, at):
    """Log-densities of each dimension."""
    return -0.5 * ((at - mean) / np.exp(log_std)) ** 2 - log_std - 0.5 * np.log(2 * np.pi)


def log_derivative(u):
    """log(1 - tanh(u)^2) = -2 log cosh(u)."""
    return -2 * (np.logaddexp(u, -u) - np.log(2))


@task.right
def change_of_variables(mean, log_std, u):
    return (gaussian(mean, log_std, u) - log_derivative(u)).sum(1)


@task.mistake(
    'It looks as if the term of tanh is missing: this is the density of u, not of tanh(u).',
    '看起来漏了 tanh 那一项：这是 u 的密度，不是 tanh(u) 的。',
)
def without_the_term(mean, log_std, u):
    return gaussian(mean, log_std, u).sum(1)


@task.mistake(
    'It looks as if the term of tanh has the wrong sign: it is subtracted, since squashing makes densities larger.',
    '看起来 tanh 那一项的符号反了：要减去它，因为压缩使密度变大。',
)
def wrong_sign(mean, log_std, u):
    return (gaussian(mean, log_std, u) + log_derivative(u)).sum(1)


@task.mistake(
    'It looks as if the sum over the action dimensions is missing.',
    '看起来没有对动作各维求和。',
)
def not_summed(mean, log_std, u):
    return gaussian(mean, log_std, u) - log_derivative(u)


@task.mistake('It looks as if the dimensions are averaged: sum them.', '看起来对各维取了平均：应该求和。')
def averaged(mean, log_std, u):
    return (gaussian(mean, log_std, u) - log_derivative(u)).mean(1)


@task.mistake(
    'It looks as if you compute log(1 - tanh(u)²) as it is written: far from 0 it is log 0. Use the form with softplus.',
    '看起来直接按 log(1 - tanh(u)²) 计算：离 0 很远时就成了 log 0。请用带 softplus 的写法。',
)
def as_written(mean, log_std, u):
    return (gaussian(mean, log_std, u) - np.log(1 - np.tanh(u.astype(np.float32)) ** 2)).sum(1)


def with_a_small_number(small):
    def function(mean, log_std, u):
        return (gaussian(mean, log_std, u) - np.log(1 - np.tanh(u.astype(np.float32)) ** 2 + np.float32(small))).sum(1)

    return function


for small in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
    task.mistake(
        'It looks as if a small number is added inside the logarithm: far from 0 it decides everything. Use the form with '
        'softplus.',
        '看起来在对数里加了一个小数：离 0 很远时，结果全由它决定。请用带 softplus 的写法。',
    )(with_a_small_number(small))


@task.mistake('It looks as if tanh is not squared in 1 - tanh(u)².', '看起来 1 - tanh(u)² 里漏了平方。')
def not_squared(mean, log_std, u):
    return (gaussian(mean, log_std, u) - np.log(1 - np.tanh(u.astype(np.float32)))).sum(1)


@task.mistake('It looks as if the 2 before the bracket is missing.', '看起来括号前面漏了 2。')
def without_two(mean, log_std, u):
    return (gaussian(mean, log_std, u) - log_derivative(u) / 2).sum(1)


@task.mistake('It looks as if log 2 is missing in the bracket.', '看起来括号里漏了 log 2。')
def without_log_two(mean, log_std, u):
    return (gaussian(mean, log_std, u) - log_derivative(u) + 2 * np.log(2)).sum(1)


@task.mistake(
    'It looks as if the softplus has the wrong argument: softplus(-2 u).',
    '看起来 softplus 的自变量错了：应该是 softplus(-2 u)。',
)
def softplus_of_plus(mean, log_std, u):
    return (gaussian(mean, log_std, u) - 2 * (np.log(2) - u - np.logaddexp(0, 2 * u))).sum(1)


@task.mistake(
    'It looks as if the Gaussian is evaluated at tanh(u): its density is that of u.',
    '看起来把 tanh(u) 代入了高斯密度：应该代入 u。',
)
def gaussian_of_the_action(mean, log_std, u):
    return (gaussian(mean, log_std, np.tanh(u)) - log_derivative(u)).sum(1)
