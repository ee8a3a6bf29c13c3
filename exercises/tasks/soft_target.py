"""Exercise: SAC's soft target."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='soft_target',
    title=Words('the soft target', '软目标'),
    source=Words(
        'Hands-On, chapter 16, SAC; Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018; sac.py, Eq. (2)',
        'Hands-On 第 16 章，SAC；Haarnoja 等，Soft Actor-Critic Algorithms and Applications，2018；sac.py，式 (2)',
    ),
    text=Words(
        """
You will know what SAC's critics learn: the reward plus a cautious estimate of what follows, entropy included.

    y = r + γ (1 - terminated) (min(Q1, Q2)(s', a') - α log π(a'|s')),   a' drawn from π(.|s')

reward      (N,)         r
terminated  (N,)         1.0 where the next state is terminal, else 0.0
truncated   (N,)         1.0 where the step reached the time limit, else 0.0
q1, q2      (N,)         both target critics' values of s' and a'
log_prob    (N,)         log π(a'|s')
gamma, alpha  two numbers   the discount factor γ and the temperature α
result      (N,)         y
""",
        """
做完之后你会知道：SAC 的批判者学的是什么：奖励，加上对下一状态的谨慎估计，其中包含熵。

    y = r + γ (1 - terminated) (min(Q1, Q2)(s', a') - α log π(a'|s'))，a' 从 π(.|s') 采样

reward        (N,)    r
terminated    (N,)    下一状态是终止状态处为 1.0，否则 0.0
truncated     (N,)    这一步到达时间限制处为 1.0，否则 0.0
q1, q2        (N,)    两个目标批判者对 s' 和 a' 的估值
log_prob      (N,)    log π(a'|s')
gamma, alpha  两个数  折扣因子 γ 和温度 α
返回          (N,)    y
""",
    ),
    hints=(
        Words(
            'The smaller of the critics: tf.minimum(q1, q2), element by element.',
            '较小的估值：tf.minimum(q1, q2)，逐元素比较。',
        ),
        Words(
            'The soft value of the next state is that minus alpha * log_prob: where the policy is undecided, log_prob is low, '
            'so the value is higher.',
            '下一状态的软价值是它减去 alpha * log_prob：策略越不确定，log_prob 越低，价值越高。',
        ),
        Words(
            'A death leaves only the reward; a time limit changes nothing: reward + gamma * (1 - terminated) * value.',
            '终止之后只剩奖励；超时截断不改变什么：reward + gamma * (1 - terminated) * value。',
        ),
    ),
    tensors=True,
)
GAMMA, ALPHA = 0.9, 0.3


def drawn(rng, terminated=False, truncated=False):
    reward, q1, q2, log_prob = rng.normal(size=(4, 12))
    ends = np.zeros((2, 12))
    ends[0, rng.permutation(12)[:4]] = terminated
    ends[1, rng.permutation(np.flatnonzero(ends[0] == 0))[:3]] = truncated
    return reward, *ends, q1, q2, log_prob - 0.5, GAMMA, ALPHA


@task.case('no episode ends', '没有回合结束')
def nothing_ends(rng):
    return drawn(rng)


@task.case('some steps are deaths', '有些步终止')
def deaths(rng):
    return drawn(rng, terminated=True)


@task.case('some steps reach the time limit', '有些步超时截断')
def time_limits(rng):
    return drawn(rng, truncated=True)


@task.right
def row_by_row(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    values = [min(one, other) - alpha * log for one, other, log in zip(q1, q2, log_prob, strict=True)]
    return np.array([r if dead else r + gamma * v for r, dead, v in zip(reward, terminated, values, strict=True)])


def target(reward, terminated, q, log_prob, gamma, alpha):
    return reward + gamma * (1 - terminated) * (q - alpha * log_prob)


@task.mistake(
    'It looks as if a time limit is treated as a death (erratum 12): truncated is not needed here.',
    '看起来把超时截断当成了终止（勘误 12）：这里用不到 truncated。',
)
def time_limit_as_death(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, np.maximum(terminated, truncated), np.minimum(q1, q2), log_prob, gamma, alpha)


@task.mistake(
    'It looks as if only a time limit ends the values: it is a death, terminated.',
    '看起来只在超时截断时去掉了价值：应该在终止（terminated）时。',
)
def only_time_limits(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, truncated, np.minimum(q1, q2), log_prob, gamma, alpha)


@task.mistake('It looks as if deaths are ignored: after a death nothing follows.', '看起来没有考虑终止：终止之后什么也没有。')
def deaths_ignored(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, 0, np.minimum(q1, q2), log_prob, gamma, alpha)


@task.mistake(
    'It looks as if the entropy has the wrong sign: - α log π, so that an undecided policy is worth more.',
    '看起来熵的符号反了：应该是 - α log π，这样不确定的策略价值更高。',
)
def wrong_sign(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, np.minimum(q1, q2), -log_prob, gamma, alpha)


@task.mistake(
    'It looks as if the entropy is missing (erratum 12): - α log π.',
    '看起来漏了熵（勘误 12）：- α log π。',
)
def without_entropy(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, np.minimum(q1, q2), 0, gamma, alpha)


@task.mistake('It looks as if α is missing before log π.', '看起来 log π 前面漏了 α。')
def without_temperature(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, np.minimum(q1, q2), log_prob, gamma, 1.0)


@task.mistake(
    'It looks as if the entropy is outside the bracket: it belongs to the next state, so γ and (1 - terminated) '
    'multiply it, too.',
    '看起来熵放在了括号外面：它属于下一状态，也要乘 γ 和 (1 - terminated)。',
)
def entropy_outside(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, np.minimum(q1, q2), 0, gamma, alpha) - alpha * log_prob


@task.mistake(
    'It looks as if the larger critic counts: the smaller one guards against values that are too high.',
    '看起来用了较大的估值：应该用较小的，防止高估。',
)
def larger(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, np.maximum(q1, q2), log_prob, gamma, alpha)


@task.mistake('It looks as if the critics are averaged: take the smaller one.', '看起来取了两个估值的平均：应该取较小的。')
def mean(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, (q1 + q2) / 2, log_prob, gamma, alpha)


@task.mistake('It looks as if only q1 counts: take the smaller of both.', '看起来只用了 q1：应该取两者中较小的。')
def first_critic(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, q1, log_prob, gamma, alpha)


@task.mistake('It looks as if only q2 counts: take the smaller of both.', '看起来只用了 q2：应该取两者中较小的。')
def second_critic(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, q2, log_prob, gamma, alpha)


@task.mistake('It looks as if γ is missing.', '看起来漏了 γ。')
def without_discount(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return target(reward, terminated, np.minimum(q1, q2), log_prob, 1.0, alpha)


@task.mistake(
    'It looks as if γ and (1 - terminated) multiply the reward, too: a death has its reward.',
    '看起来奖励也乘了 γ 和 (1 - terminated)：终止的那一步也有奖励。',
)
def reward_discounted(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    return gamma * (1 - terminated) * (reward + np.minimum(q1, q2) - alpha * log_prob)
