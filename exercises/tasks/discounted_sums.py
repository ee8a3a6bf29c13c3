"""Exercise: discounted sums of rewards."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='discounted_sums',
    title=Words('discounted sums', '折扣累积和'),
    source=Words('textbook, section 5.10.5, the buffer', '教科书 5.10.5 节，缓存'),
    text=Words(
        """
You will know how to compute all discounted sums of an episode in one pass, from its end to its beginning.

    y_t = r_t + γ r_{t+1} + γ² r_{t+2} + ...
        = r_t + γ y_{t+1},   and nothing follows the last step

rewards  (steps, num_envs)  several environments side by side: the rewards of one environment are a column
gamma    a number           the discount factor γ
result   (steps, num_envs)  y_t of every step
""",
        """
做完之后你会知道：怎样从回合末尾往前走一遍，就算出每一步的折扣累积和。

    y_t = r_t + γ r_{t+1} + γ² r_{t+2} + ...
        = r_t + γ y_{t+1}，最后一步之后什么也没有

rewards  (steps, num_envs)  多个环境并排：一列是一个环境的奖励
gamma    一个数             折扣因子 γ
返回     (steps, num_envs)  每一步的 y_t
""",
    ),
    hints=(
        Words(
            'Each sum contains the next one: y_t = r_t + γ y_{t+1}. So start with the last step.',
            '每个和都包含下一个和：y_t = r_t + γ y_{t+1}。所以从最后一步算起。',
        ),
        Words(
            'for t in reversed(range(len(rewards))): goes backwards. Keep the sum that follows, (num_envs,), in a variable '
            'that starts at zero.',
            'for t in reversed(range(len(rewards))): 是从后往前走。用一个变量记住后面的和，形状 (num_envs,)，初值为 0。',
        ),
        Words(
            'Before the loop: y = np.empty_like(rewards). In the loop: following = rewards[t] + gamma * following, then '
            'y[t] = following.',
            '循环里：following = rewards[t] + gamma * following，再 y[t] = following。循环前：y = np.empty_like(rewards)。',
        ),
    ),
    backwards=True,
)


@task.case('one environment', '一个环境')
def one_environment(rng):
    return rng.normal(size=(4, 1)).astype(np.float32), 0.5


@task.case('several environments', '多个环境')
def several_environments(rng):
    return rng.normal(size=(7, 3)).astype(np.float32), rng.uniform(0.6, 0.95)


@task.right
def by_matrix(rewards, gamma):
    """The product with the matrix of γ^(k-t)."""
    steps = np.arange(len(rewards))
    ahead = steps[None] - steps[:, None]
    return np.where(ahead >= 0, float(gamma) ** np.maximum(ahead, 0), 0) @ rewards.astype(np.float64)


@task.mistake(
    'It looks as if the sums run forwards: y_t must hold the rewards from step t on, not those up to it.',
    '看起来是从前往后累加的：y_t 应该是第 t 步及以后的奖励之和，不是之前的。',
)
def forwards(rewards, gamma):
    return by_matrix(rewards[::-1], gamma)[::-1]


@task.mistake(
    'It looks as if the sums are in reverse order: row 0 belongs to the first step.',
    '看起来各个和的次序颠倒了：第 0 行属于第一步。',
)
def in_reverse_order(rewards, gamma):
    return by_matrix(rewards, gamma)[::-1]


@task.mistake(
    'It looks as if the last step is left out: its sum is its own reward, and the sums before it contain it.',
    '看起来漏掉了最后一步：它的和就是它自己的奖励，前面各步的和也包含这个奖励。',
)
def without_the_last_step(rewards, gamma):
    return by_matrix(np.concatenate([rewards[:-1], 0 * rewards[-1:]]), gamma)


@task.mistake(
    'It looks as if nothing is discounted: multiply what follows by γ.',
    '看起来没有打折扣：后面的和要乘 γ。',
)
def undiscounted(rewards, gamma):
    return by_matrix(rewards, 1.0)


@task.mistake(
    'It looks as if γ is counted from the start of the episode, γ^k r_k: in y_t the reward r_t has weight 1.',
    '看起来 γ 的次数是从回合开头数起的（γ^k r_k）：在 y_t 里，r_t 的权重是 1。',
)
def discounted_from_the_start(rewards, gamma):
    weights = float(gamma) ** np.arange(len(rewards))
    return by_matrix(rewards * weights[:, None], 1.0)


@task.mistake(
    'It looks as if y_t leaves out its own reward r_t.',
    '看起来 y_t 漏掉了本步的奖励 r_t。',
)
def without_own_reward(rewards, gamma):
    return by_matrix(rewards, gamma) - rewards


@task.mistake(
    'It looks as if γ also multiplies r_t: only what follows is discounted.',
    '看起来 r_t 也乘了 γ：只有后面的和才打折扣。',
)
def own_reward_discounted(rewards, gamma):
    return gamma * by_matrix(rewards, gamma)


@task.mistake(
    'It looks as if only the next reward is added, r_t + γ r_{t+1}: add the next sum, y_{t+1}.',
    '看起来只加了下一步的奖励（r_t + γ r_{t+1}）：要加的是下一步的和 y_{t+1}。',
)
def only_the_next_reward(rewards, gamma):
    return rewards + gamma * np.concatenate([rewards[1:], 0 * rewards[:1]])


@task.mistake(
    'It looks as if the sums run over the environments: time is the first dimension, axis 0.',
    '看起来是在不同环境之间求和：时间是第一维，axis 0。',
)
def over_environments(rewards, gamma):
    return by_matrix(rewards.T, gamma).T


@task.mistake(
    'It looks as if you return only the first sum, y_0: every step has its own.',
    '看起来只返回了第一个和 y_0：每一步都有自己的和。',
)
def only_the_first(rewards, gamma):
    return by_matrix(rewards, gamma)[0]
