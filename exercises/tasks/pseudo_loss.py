"""Exercise: the pseudo-loss of the policy gradient."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='pseudo_loss',
    title=Words('the pseudo-loss', '伪损失'),
    source=Words('the minimal Gaussian policy gradient; erratum 14', '最小的高斯策略梯度；勘误 14'),
    text=Words(
        """
You will know the function whose gradient is the policy gradient: minimising it makes actions with a high reward likelier.

    loss = -R log N(a; μ, σ),   log N = -1/2 ((a - μ) / σ)² - log σ - 1/2 log 2π

mu, sigma  scalars   μ and σ, the mean and the standard deviation (here not its logarithm)
action     a scalar  a, the action that was drawn
reward     a scalar  R, the reward it got
result     a scalar  the loss, which is minimised

All are tensors of TensorFlow: the logarithm is tf.math.log.
""",
        """
做完之后你会知道：哪个函数的梯度就是策略梯度。把它最小化，奖励高的动作就更可能出现。

    loss = -R log N(a; μ, σ)，log N = -1/2 ((a - μ) / σ)² - log σ - 1/2 log 2π

mu, sigma  标量  μ 和 σ：均值和标准差（这里不是标准差的对数）
action     标量  a，采样得到的动作
reward     标量  R，得到的奖励
返回       标量  要最小化的损失

这些都是 TensorFlow 的张量：对数是 tf.math.log。
""",
    ),
    hints=(
        Words(
            'First the log-density, as in the exercise before, with sigma in place of exp(log_std) and nothing to sum.',
            '先算对数密度，和上一题一样，只是用 sigma 代替 exp(log_std)，也不用求和。',
        ),
        Words(
            'log_prob = -0.5 * tf.square((action - mu) / sigma) - tf.math.log(sigma) - 0.5 * math.log(2 * math.pi)',
            'log_prob = -0.5 * tf.square((action - mu) / sigma) - tf.math.log(sigma) - 0.5 * math.log(2 * math.pi)',
        ),
        Words(
            'A loss is minimised and the reward is to grow, so there is a minus: -reward * log_prob.',
            '损失要最小化，而奖励要变大，所以有个负号：-reward * log_prob。',
        ),
    ),
    tensors=True,
)
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def drawn(rng, distance):
    mu, sigma = rng.normal(), rng.uniform(0.3, 2)
    action = mu + rng.choice([-1, 1]) * distance * sigma
    return tuple(np.array(one) for one in (mu, sigma, action, rng.uniform(0.2, 2)))


@task.case('an action near the mean', '动作离均值近')
def near(rng):
    return drawn(rng, rng.uniform(0.2, 2))


@task.case('an action far from the mean', '动作离均值远')
def far(rng):
    return drawn(rng, rng.uniform(6, 8))


def density(mu, sigma, action):
    return np.exp(-((action - mu) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))


@task.right
def by_the_density(mu, sigma, action, reward):
    return -reward * np.log(density(mu, sigma, action))


@task.mistake(
    'It looks as if the sign is wrong: this loss falls where actions with a high reward get rarer.',
    '看起来符号反了：把这个损失最小化，奖励高的动作反而越来越少。',
)
def without_minus(mu, sigma, action, reward):
    return -by_the_density(mu, sigma, action, reward)


@task.mistake(
    'It looks as if you take log(density + 1e-5) (erratum 14): far from the mean its gradient is too small. Write out the '
    'logarithm.',
    '看起来用了 log(密度 + 1e-5)（勘误 14）：离均值远时梯度太小。请把对数展开来写。',
)
def log_of_density_and_more(mu, sigma, action, reward):
    return -reward * np.log(density(mu, sigma, action) + 1e-5)


@task.mistake('It looks as if the logarithm is missing: -R times the density.', '看起来没有取对数：这是 -R 乘密度。')
def without_logarithm(mu, sigma, action, reward):
    return -reward * density(mu, sigma, action)


@task.mistake('It looks as if the reward is missing: this is -log N.', '看起来漏了奖励：这是 -log N。')
def without_reward(mu, sigma, action, reward):
    return by_the_density(mu, sigma, action, 1.0)


@task.mistake('It looks as if the reward is added: it multiplies.', '看起来加上了奖励：应该相乘。')
def reward_subtracted(mu, sigma, action, reward):
    return by_the_density(mu, sigma, action, 1.0) - reward


@task.mistake(
    'It looks as if sigma is taken for the variance: it is the standard deviation.', '看起来把 sigma 当成了方差：它是标准差。'
)
def variance(mu, sigma, action, reward):
    return by_the_density(mu, np.sqrt(sigma), action, reward)


@task.mistake(
    'It looks as if sigma is taken for a logarithm: here it is the standard deviation itself.',
    '看起来把 sigma 当成了对数：这里它就是标准差本身。',
)
def sigma_as_logarithm(mu, sigma, action, reward):
    return by_the_density(mu, np.exp(sigma), action, reward)


@task.mistake('It looks as if -log σ is missing.', '看起来漏了 -log σ。')
def without_log_sigma(mu, sigma, action, reward):
    return by_the_density(mu, sigma, action, reward) - reward * np.log(sigma)


@task.mistake('It looks as if log σ has the wrong sign in log N.', '看起来 log N 里 log σ 的符号反了。')
def log_sigma_added(mu, sigma, action, reward):
    return by_the_density(mu, sigma, action, reward) - 2 * reward * np.log(sigma)


@task.mistake('It looks as if -1/2 log 2π is missing.', '看起来漏了 -1/2 log 2π。')
def without_constant(mu, sigma, action, reward):
    return by_the_density(mu, sigma, action, reward) - reward * HALF_LOG_2PI


@task.mistake('It looks as if the 1/2 before the square is missing.', '看起来平方项前面漏了 1/2。')
def without_half(mu, sigma, action, reward):
    return by_the_density(mu, sigma, action, reward) + 0.5 * reward * ((action - mu) / sigma) ** 2
