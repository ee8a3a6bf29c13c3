"""Exercise: generalised advantage estimation."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='gae',
    title=Words('advantages by GAE', '用 GAE 估计优势'),
    source=Words(
        'textbook, sections 5.10.5 and 5.10.6, finish_path; Schulman et al., 2016, Eq. 16; errata 7, 10 and 12',
        '教科书 5.10.5 和 5.10.6 节，finish_path；Schulman 等，2016，式 16；勘误 7、10、12',
    ),
    text=Words(
        """
You will know how GAE treats the two ways in which an episode ends: a death and a time limit.

    A_t = δ_t + γ λ A_{t+1},   without A_{t+1} where step t ends its episode, in either way
    δ_t = r_t + γ V(s_{t+1}) - V(s_t),   without V(s_{t+1}) where step t is a death

After a death there is nothing more to earn, so the next value is 0. A time limit says nothing about the state: the episode
could have gone on, so V(s_{t+1}) replaces the rewards that would have followed. If both are True, the death counts.

After the last row nothing follows (A = 0), and its δ uses values[-1] unless it was a death.

rewards     (steps, num_envs)      r_t
values      (steps + 1, num_envs)  values[t] is V(s_t); values[t + 1] is the value of the state that step t led to
terminated  (steps, num_envs)      True where step t was a death
truncated   (steps, num_envs)      True where step t reached the time limit
gamma, lam  two numbers            γ and λ
result      (steps, num_envs)      A_t

For simplicity one array serves for both values: values[t + 1] is also the V(s_t) of the next row, even where step t is an end.
In a training, row t + 1 then holds the last state of the old episode, and the new one starts in the row after it.
""",
        """
做完之后你会知道：GAE 怎样区别对待回合结束的两种方式，即终止和超时截断。

    A_t = δ_t + γ λ A_{t+1}，第 t 步若结束了回合（无论哪种方式），就没有 A_{t+1}
    δ_t = r_t + γ V(s_{t+1}) - V(s_t)，第 t 步若是终止，就没有 V(s_{t+1})

终止之后再也没有奖励，所以下一个状态的价值是 0。超时截断与状态无关：回合本可以继续，所以用 V(s_{t+1}) 代替后面的奖励。
两者都为 True 时，按终止处理。

最后一行之后什么也没有（A = 0）；它的 δ 要用 values[-1]，除非这一步是终止。

rewards     (steps, num_envs)      r_t
values      (steps + 1, num_envs)  values[t] 是 V(s_t)；values[t + 1] 是第 t 步到达的状态的价值
terminated  (steps, num_envs)      第 t 步终止处为 True
truncated   (steps, num_envs)      第 t 步到达时间限制处为 True
gamma, lam  两个数                 γ 和 λ
返回        (steps, num_envs)      A_t

为简单起见，两种价值共用一个数组：第 t + 1 行同时也是下一行的 V(s_t)，即使第 t 步结束了回合。
训练时，回合结束后的第 t + 1 行仍是旧回合的最后一个状态，新回合从再下一行开始。
""",
    ),
    hints=(
        Words(
            'A discounted sum again, as in the exercise before: of the TD errors δ_t, with γ λ in place of γ.',
            '又是上一题的折扣累积和：累加的是时序差分误差 δ_t，折扣是 γ λ。',
        ),
        Words(
            'The next value is np.where(terminated[t], 0, values[t + 1]). A time limit does not change it.',
            '下一个状态的价值是 np.where(terminated[t], 0, values[t + 1])。超时截断不影响它。',
        ),
        Words(
            'What follows counts only if the episode goes on: ended = terminated[t] | truncated[t], then '
            'following = delta + gamma * lam * np.where(ended, 0, following).',
            '只有回合继续，后面的才算数：ended = terminated[t] | truncated[t]，然后 '
            'following = delta + gamma * lam * np.where(ended, 0, following)。',
        ),
    ),
    backwards=True,
)
GAMMA, LAM = 0.9, 0.8


def drawn(rng, terminated=False, truncated=False):
    """Arguments with normal rewards and values; ends of the given kinds come at random, and one of each for certain.

    The last step is a death in one environment, if there are deaths, and no end in the others.
    """
    steps, num_envs = 8, 3
    rewards, values = rng.normal(size=(steps, num_envs)), 2 * rng.normal(size=(steps + 1, num_envs))
    ends = rng.choice(3, size=(steps, num_envs), p=[0.7, 0.15, 0.15])
    ends[2, 1], ends[5, 0], ends[steps - 1] = 1, 2, (0, 1, 0)
    died, timed_out = (ends == 1) & terminated, (ends == 2) & truncated
    return rewards.astype(np.float32), values.astype(np.float32), died, timed_out, GAMMA, LAM


@task.case('no episode ends', '没有回合结束')
def nothing_ends(rng):
    return drawn(rng)


@task.case('some episodes end by a death', '有回合终止')
def deaths(rng):
    return drawn(rng, terminated=True)


@task.case('some episodes end by the time limit', '有回合超时截断')
def time_limits(rng):
    return drawn(rng, truncated=True)


@task.case('both kinds of ends', '两种结束都有')
def both(rng):
    return drawn(rng, terminated=True, truncated=True)


@task.case('a step that is a death and a time limit at once', '同一步既终止又超时')
def both_at_once(rng):
    rewards, values, terminated, truncated, *factors = drawn(rng, terminated=True, truncated=True)
    terminated[4, 2] = truncated[4, 2] = True
    return rewards, values, terminated, truncated, *factors


def sums(deltas, goes_on, discount):
    """For every step the sum of discounted deltas up to the end of its episode, from the definition."""
    advantages = np.zeros_like(deltas)
    for t, env in np.ndindex(deltas.shape):
        weight = 1.0
        for k in range(t, len(deltas)):
            advantages[t, env] += weight * deltas[k, env]
            weight *= discount * goes_on[k, env]
    return advantages


@task.right
def by_definition(rewards, values, terminated, truncated, gamma, lam):
    deltas = rewards + gamma * values[1:] * ~terminated - values[:-1]
    return sums(deltas, ~(terminated | truncated), gamma * lam)


@task.mistake(
    'It looks as if a time limit is treated as a death (errata 7 and 12): after a time limit V(s_{t+1}) stays.',
    '看起来把超时截断当成了终止（勘误 7、12）：超时之后要保留 V(s_{t+1})。',
)
def time_limit_as_death(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated | truncated, truncated, gamma, lam)


@task.mistake(
    'It looks as if a death is treated as a time limit: after a death the next value is 0.',
    '看起来把终止当成了超时截断：终止之后的状态价值是 0。',
)
def death_as_time_limit(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, 0 * terminated > 0, terminated | truncated, gamma, lam)


@task.mistake(
    'It looks as if the sum runs on past a time limit into the next episode: leave out A_{t+1} there, too.',
    '看起来累加越过了超时截断，算进了下一个回合：那里也不能加 A_{t+1}。',
)
def past_the_time_limit(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated, 0 * truncated > 0, gamma, lam)


@task.mistake(
    'It looks as if the sum runs on past the ends of episodes: leave out A_{t+1} where step t ends one.',
    '看起来累加越过了回合的末尾：第 t 步结束回合时，不能加 A_{t+1}。',
)
def past_every_end(rewards, values, terminated, truncated, gamma, lam):
    deltas = rewards + gamma * values[1:] * ~terminated - values[:-1]
    return sums(deltas, np.ones_like(terminated), gamma * lam)


@task.mistake(
    'It looks as if terminated and truncated are ignored.',
    '看起来没有用到 terminated 和 truncated。',
)
def ends_ignored(rewards, values, terminated, truncated, gamma, lam):
    nothing = np.zeros_like(terminated)
    return by_definition(rewards, values, nothing, nothing, gamma, lam)


@task.mistake(
    'It looks as if the ends come from the wrong step, t + 1: row t says whether step t ends its episode.',
    '看起来回合结束的标志取错了步（t + 1）：第 t 步是否结束回合，要看第 t 行。',
)
def ends_of_the_next_step(rewards, values, terminated, truncated, gamma, lam):
    shifted = [np.concatenate([ends[1:], np.zeros_like(ends[:1])]) for ends in (terminated, truncated)]
    return by_definition(rewards, values, *shifted, gamma, lam)


@task.mistake(
    'It looks as if the ends come from the wrong step, t - 1: row t says whether step t ends its episode.',
    '看起来回合结束的标志取错了步（t - 1）：第 t 步是否结束回合，要看第 t 行。',
)
def ends_of_the_step_before(rewards, values, terminated, truncated, gamma, lam):
    shifted = [np.concatenate([np.zeros_like(ends[:1]), ends[:-1]]) for ends in (terminated, truncated)]
    return by_definition(rewards, values, *shifted, gamma, lam)


@task.mistake(
    'It looks as if the ends in the sum come from the wrong step, t + 1: A_{t+1} is left out where step t ends its episode.',
    '看起来累加时回合结束的标志取错了步（t + 1）：第 t 步结束回合时，不加 A_{t+1}。',
)
def ends_of_the_next_step_in_the_sum(rewards, values, terminated, truncated, gamma, lam):
    ended = terminated | truncated
    deltas = rewards + gamma * values[1:] * ~terminated - values[:-1]
    return sums(deltas, ~np.concatenate([ended[1:], np.zeros_like(ended[:1])]), gamma * lam)


@task.mistake(
    'It looks as if a step that is a death and a time limit at once is counted twice: use terminated[t] | truncated[t].',
    '看起来既终止又超时的一步被算了两次：请用 terminated[t] | truncated[t]。',
)
def both_counted_twice(rewards, values, terminated, truncated, gamma, lam):
    deltas = rewards + gamma * values[1:] * ~terminated - values[:-1]
    return sums(deltas, 1.0 - terminated - truncated, gamma * lam)


@task.mistake(
    'It looks as if the last step is never a death: there, too, the next value is 0 where terminated[t] is True.',
    '看起来没有考虑最后一步也可能终止：那里 terminated[t] 为 True 时，下一个状态的价值也是 0。',
)
def last_step_alive(rewards, values, terminated, truncated, gamma, lam):
    terminated = np.concatenate([terminated[:-1], np.zeros_like(terminated[-1:])])
    return by_definition(rewards, values, terminated, truncated, gamma, lam)


@task.mistake(
    'It looks as if terminated and truncated are swapped in the TD error: V(s_{t+1}) is left out after a death.',
    '看起来时序差分误差里把 terminated 和 truncated 弄反了：终止之后才没有 V(s_{t+1})。',
)
def swapped(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, truncated, terminated, gamma, lam)


@task.mistake(
    'It looks as if V(s_t) is left out after a death: only V(s_{t+1}) is, δ_t = r_t - V(s_t).',
    '看起来终止处也没有减 V(s_t)：去掉的只是 V(s_{t+1})，δ_t = r_t - V(s_t)。',
)
def without_baseline_after_a_death(rewards, values, terminated, truncated, gamma, lam):
    deltas = rewards + (gamma * values[1:] - values[:-1]) * ~terminated
    return sums(deltas, ~(terminated | truncated), gamma * lam)


@task.mistake(
    'It looks as if the sum starts from the last value: it starts from 0, and values[-1] is only in the last δ.',
    '看起来累加是从最后一个价值开始的：应该从 0 开始，values[-1] 只出现在最后一个 δ 里。',
)
def started_from_the_last_value(rewards, values, terminated, truncated, gamma, lam):
    goes_on = ~(terminated | truncated)
    deltas = rewards + gamma * values[1:] * ~terminated - values[:-1]
    deltas[-1] += gamma * lam * values[-1] * goes_on[-1]
    return sums(deltas, goes_on, gamma * lam)


@task.mistake(
    'It looks as if λ is missing in the sum: A_t = δ_t + γ λ A_{t+1}.',
    '看起来累加时漏了 λ：A_t = δ_t + γ λ A_{t+1}。',
)
def without_lambda(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated, truncated, gamma, 1.0)


@task.mistake(
    'It looks as if γ is missing in the sum: A_t = δ_t + γ λ A_{t+1}.',
    '看起来累加时漏了 γ：A_t = δ_t + γ λ A_{t+1}。',
)
def without_gamma_in_the_sum(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated, truncated, gamma, lam / gamma)


@task.mistake(
    'It looks as if γ is missing in the TD error: δ_t = r_t + γ V(s_{t+1}) - V(s_t).',
    '看起来时序差分误差里漏了 γ：δ_t = r_t + γ V(s_{t+1}) - V(s_t)。',
)
def without_gamma_in_delta(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated, truncated, 1.0, gamma * lam)


@task.mistake(
    'It looks as if you return the TD errors themselves: they are still to be summed.',
    '看起来返回的是时序差分误差本身：还要把它们累加起来。',
)
def only_deltas(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated, truncated, gamma, 0.0)


@task.mistake(
    'It looks as if V(s_t) is missing in the TD error: δ_t = r_t + γ V(s_{t+1}) - V(s_t).',
    '看起来时序差分误差里没有减 V(s_t)：δ_t = r_t + γ V(s_{t+1}) - V(s_t)。',
)
def without_baseline(rewards, values, terminated, truncated, gamma, lam):
    return sums(rewards + gamma * values[1:] * ~terminated, ~(terminated | truncated), gamma * lam)


@task.mistake(
    "It looks as if you return A_t + V(s_t), which are the critic's targets: return A_t.",
    '看起来返回的是 A_t + V(s_t)，那是批判者的目标：请返回 A_t。',
)
def returns_instead(rewards, values, terminated, truncated, gamma, lam):
    return by_definition(rewards, values, terminated, truncated, gamma, lam) + values[:-1]


@task.mistake(
    'It looks as if nothing follows the last step of the batch: it is bootstrapped from values[-1], as after a time limit.',
    '看起来这批数据的最后一步之后什么也没有：它应该像超时截断一样，用 values[-1] 自举。',
)
def last_step_as_death(rewards, values, terminated, truncated, gamma, lam):
    values = np.concatenate([values[:-1], 0 * values[-1:]])
    return by_definition(rewards, values, terminated, truncated, gamma, lam)


@task.mistake(
    "It looks as if the last step of the batch is bootstrapped from the first transition's next state (erratum 10): each step "
    'from its own next state, values[t + 1].',
    '看起来这批数据的最后一步用了第一个转移的下一状态来自举（勘误 10）：每一步都要用自己的下一状态 values[t + 1]。',
)
def first_next_state(rewards, values, terminated, truncated, gamma, lam):
    values = np.concatenate([values[:-1], values[1:2]])
    return by_definition(rewards, values, terminated, truncated, gamma, lam)


@task.mistake(
    'It looks as if the advantages are standardised: the agents do that later, with the whole batch.',
    '看起来已经把优势标准化了：那是智能体以后对整批数据做的事。',
)
def standardised(rewards, values, terminated, truncated, gamma, lam):
    advantages = by_definition(rewards, values, terminated, truncated, gamma, lam)
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
