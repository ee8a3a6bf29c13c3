"""Exercise: the log-density of a diagonal Gaussian."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='gaussian_log_prob',
    title=Words("the Gaussian's log-density", '高斯分布的对数密度'),
    source=Words('textbook, section 5.10, the actors; errata 3, 4, 11 and 14', '教科书 5.10 节，行动者；勘误 3、4、11、14'),
    text=Words(
        """
You will know how likely a Gaussian policy makes an action, and that an action with several dimensions has one density.

    log π(a|s) = Σ_j [ -1/2 ((a_j - μ_j) / σ_j)² - log σ_j - 1/2 log 2π ],   σ_j = exp(log_std_j)

mean     (N, action_dim)  μ
log_std  (N, action_dim)  log σ, the logarithm of the standard deviation
actions  (N, action_dim)  a
result   (N,)             log π(a|s): the dimensions are independent, so their log-densities are summed

From here on most arrays are TensorFlow's tensors, because a training compiles your function and differentiates it: use tf.exp,
tf.square and tf.reduce_sum(x, axis=-1). math.log(2 * math.pi) is a plain number, so you may use it.
""",
        """
做完之后你会知道：高斯策略下一个动作的可能性有多大；多维动作只有一个密度。

    log π(a|s) = Σ_j [ -1/2 ((a_j - μ_j) / σ_j)² - log σ_j - 1/2 log 2π ]，σ_j = exp(log_std_j)

mean     (N, action_dim)  μ
log_std  (N, action_dim)  log σ，标准差的对数
actions  (N, action_dim)  a
返回     (N,)             log π(a|s)：各维相互独立，所以把各维的对数密度加起来

从这一题起，数组大多是 TensorFlow 的张量，因为训练时要编译这个函数并对它求导：请用 tf.exp、tf.square、
tf.reduce_sum(x, axis=-1)。math.log(2 * math.pi) 是普通的数，可以用。
""",
    ),
    hints=(
        Words(
            'First z = (actions - mean) / tf.exp(log_std), (N, action_dim): how many standard deviations from the mean.',
            '先算 z = (actions - mean) / tf.exp(log_std)，形状 (N, action_dim)：离均值有几个标准差。',
        ),
        Words(
            'Each dimension has three terms: -0.5 * tf.square(z), -log_std, and the number -0.5 * math.log(2 * math.pi).',
            '每一维有三项：-0.5 * tf.square(z)、-log_std，以及常数 -0.5 * math.log(2 * math.pi)。',
        ),
        Words(
            'Sum the three over the last dimension: tf.reduce_sum(..., axis=-1).',
            '把三项之和沿最后一维求和：tf.reduce_sum(..., axis=-1)。',
        ),
    ),
    tensors=True,
)
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def drawn(rng, action_dim):
    mean, actions = rng.normal(size=(2, 6, action_dim))
    return mean, 0.5 * rng.normal(size=mean.shape), actions


@task.case('one action dimension', '一维动作')
def one_dimension(rng):
    return drawn(rng, 1)


@task.case('several action dimensions', '多维动作')
def several_dimensions(rng):
    return drawn(rng, 3)


def densities(mean, log_std, actions):
    """Of each dimension."""
    return np.exp(-0.5 * ((actions - mean) / np.exp(log_std)) ** 2) / np.sqrt(2 * np.pi * np.exp(2 * log_std))


@task.right
def log_of_the_product(mean, log_std, actions):
    return np.log(np.prod(densities(mean, log_std, actions), axis=1))


@task.mistake(
    'It looks as if the sum over the action dimensions is missing (erratum 3): an action has one density, (N,).',
    '看起来没有对动作各维求和（勘误 3）：一个动作只有一个密度，形状 (N,)。',
)
def not_summed(mean, log_std, actions):
    return np.log(densities(mean, log_std, actions))


@task.mistake(
    'It looks as if only the first action dimension counts (erratum 4): sum over all of them.',
    '看起来只算了动作的第一维（勘误 4）：要对所有维求和。',
)
def first_dimension(mean, log_std, actions):
    return np.log(densities(mean, log_std, actions))[:, 0]


@task.mistake(
    'It looks as if the dimensions are averaged: sum them.',
    '看起来对各维取了平均：应该求和。',
)
def averaged(mean, log_std, actions):
    return np.log(densities(mean, log_std, actions)).mean(1)


@task.mistake(
    'It looks as if you sum over everything: sum over the last dimension only, axis=-1.',
    '看起来对所有元素求了和：只对最后一维求和，axis=-1。',
)
def summed_over_the_batch(mean, log_std, actions):
    return np.log(densities(mean, log_std, actions)).sum()


@task.mistake(
    'It looks as if exp(log_std) is taken for the variance (erratum 11): it is the standard deviation.',
    '看起来把 exp(log_std) 当成了方差（勘误 11）：它是标准差。',
)
def variance(mean, log_std, actions):
    return log_of_the_product(mean, log_std / 2, actions)


@task.mistake(
    'It looks as if log_std itself is taken for the standard deviation: σ = exp(log_std).',
    '看起来把 log_std 本身当成了标准差：σ = exp(log_std)。',
)
def log_std_as_std(mean, log_std, actions):
    return (-0.5 * ((actions - mean) / log_std) ** 2 - np.log(log_std) - HALF_LOG_2PI).sum(1)


@task.mistake(
    'It looks as if -1/2 log 2π is missing: it is in every dimension.',
    '看起来漏了 -1/2 log 2π：每一维都有这一项。',
)
def without_constant(mean, log_std, actions):
    return log_of_the_product(mean, log_std, actions) + HALF_LOG_2PI * mean.shape[1]


@task.mistake(
    'It looks as if -1/2 log 2π is there only once: it is in every dimension.',
    '看起来 -1/2 log 2π 只加了一次：每一维都有这一项。',
)
def constant_once(mean, log_std, actions):
    return log_of_the_product(mean, log_std, actions) + HALF_LOG_2PI * (mean.shape[1] - 1)


@task.mistake('It looks as if -log σ is missing.', '看起来漏了 -log σ。')
def without_log_std(mean, log_std, actions):
    return log_of_the_product(mean, log_std, actions) + log_std.sum(1)


@task.mistake('It looks as if log σ has the wrong sign: it is subtracted.', '看起来 log σ 的符号反了：应该减去它。')
def log_std_added(mean, log_std, actions):
    return log_of_the_product(mean, log_std, actions) + 2 * log_std.sum(1)


@task.mistake('It looks as if (a - μ) / σ is not squared.', '看起来 (a - μ) / σ 没有平方。')
def not_squared(mean, log_std, actions):
    return (-0.5 * (actions - mean) / np.exp(log_std) - log_std - HALF_LOG_2PI).sum(1)


@task.mistake('It looks as if the 1/2 before the square is missing.', '看起来平方项前面漏了 1/2。')
def without_half(mean, log_std, actions):
    return (-(((actions - mean) / np.exp(log_std)) ** 2) - log_std - HALF_LOG_2PI).sum(1)


@task.mistake(
    'It looks as if (a - μ)² is divided by σ: divide by σ first, then square.',
    '看起来是 (a - μ)² 除以 σ：应该先除以 σ 再平方。',
)
def divided_once(mean, log_std, actions):
    return (-0.5 * (actions - mean) ** 2 / np.exp(log_std) - log_std - HALF_LOG_2PI).sum(1)


@task.mistake('It looks as if the 1/2 before log 2π is missing.', '看起来 log 2π 前面漏了 1/2。')
def without_half_of_the_constant(mean, log_std, actions):
    return log_of_the_product(mean, log_std, actions) - HALF_LOG_2PI * mean.shape[1]


@task.mistake('It looks as if you return the density: return its logarithm.', '看起来返回的是密度：请返回它的对数。')
def density(mean, log_std, actions):
    return np.prod(densities(mean, log_std, actions), axis=1)


@task.mistake(
    'It looks as if you take log(density + 1e-5) (erratum 14): write the logarithm out, it needs no small number.',
    '看起来用了 log(密度 + 1e-5)（勘误 14）：把对数展开来写，就不需要加小数了。',
)
def log_of_density_and_more(mean, log_std, actions):
    return np.log(np.prod(densities(mean, log_std, actions), axis=1) + 1e-5)


@task.mistake(
    'It looks as if you take log(density + 1e-5) in each dimension (erratum 14): write the logarithm out.',
    '看起来在每一维用了 log(密度 + 1e-5)（勘误 14）：把对数展开来写。',
)
def log_of_each_density_and_more(mean, log_std, actions):
    return np.log(densities(mean, log_std, actions) + 1e-5).sum(1)


@task.mistake('It looks as if the sign is wrong: this is -log π.', '看起来符号反了：这是 -log π。')
def negative(mean, log_std, actions):
    return -log_of_the_product(mean, log_std, actions)
