"""Exercise: the probability ratio and PPO's clipped objective."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='clipped_objective',
    title=Words('the ratio and the clipped objective', '概率比与裁剪目标'),
    source=Words(
        'textbook, section 5.10.6, train_actor; Schulman et al., Proximal Policy Optimization Algorithms, 2017, Eq. 7',
        '教科书 5.10.6 节，train_actor；Schulman 等，Proximal Policy Optimization Algorithms，2017，式 7',
    ),
    text=Words(
        """
You will know what PPO maximises, and why the minimum of two products makes it careful.

    ratio_t = π(a_t|s_t) / π_old(a_t|s_t)
    L = mean over t of min(ratio_t A_t, clip(ratio_t, 1 - ε, 1 + ε) A_t)

log_prob      (N,)      log π(a|s) of the new policy
old_log_prob  (N,)      log π_old(a|s) of the policy that collected the batch
adv           (N,)      the advantages A
clip          a number  ε
result        a scalar  L, which is maximised; the agent puts the minus before it

The functions of TensorFlow for it: tf.exp, tf.minimum, tf.clip_by_value (as np.clip), tf.reduce_mean (as np.mean).
""",
        """
做完之后你会知道：PPO 最大化的是什么，以及为什么取两个乘积中较小的一个会让它变得谨慎。

    ratio_t = π(a_t|s_t) / π_old(a_t|s_t)
    L = 对 t 求平均：min(ratio_t A_t, clip(ratio_t, 1 - ε, 1 + ε) A_t)

log_prob      (N,)  新策略的 log π(a|s)
old_log_prob  (N,)  采集这批数据的旧策略的 log π_old(a|s)
adv           (N,)  优势 A
clip          数    ε
返回          标量  要最大化的 L；负号由智能体去加

用到的 TensorFlow 函数：tf.exp、tf.minimum、tf.clip_by_value（相当于 np.clip）、tf.reduce_mean（相当于 np.mean）。
""",
    ),
    hints=(
        Words(
            'A quotient of probabilities is exp of the difference of their logarithms: tf.exp(log_prob - old_log_prob).',
            '概率之商等于对数之差再取 exp：tf.exp(log_prob - old_log_prob)。',
        ),
        Words(
            'Clip the ratio, not the product: tf.clip_by_value(ratio, 1 - clip, 1 + clip).',
            '裁剪的是概率比，不是乘积：tf.clip_by_value(ratio, 1 - clip, 1 + clip)。',
        ),
        Words(
            'Both ratios times adv, then tf.minimum of the two, then tf.reduce_mean.',
            '两个概率比都乘 adv，用 tf.minimum 取较小的，再 tf.reduce_mean。',
        ),
    ),
    tensors=True,
)
CLIP = 0.2


def drawn(rng, spread):
    old = rng.normal(size=40) - 1
    return old + spread * rng.uniform(-1, 1, size=40), old, rng.normal(size=40) + 0.3, CLIP


@task.case('every ratio within the clip range', '概率比都在裁剪范围内')
def within(rng):
    return drawn(rng, 0.15)


@task.case('some ratios outside the clip range', '部分概率比超出裁剪范围')
def outside(rng):
    return drawn(rng, 0.8)


@task.right
def case_by_case(log_prob, old_log_prob, adv, clip):
    """Of a positive advantage a ratio above 1 + ε counts no more, of a negative one a ratio below 1 - ε."""
    ratio = np.exp(log_prob) / np.exp(old_log_prob)
    return np.mean([min(r, 1 + clip) * a if a > 0 else max(r, 1 - clip) * a for r, a in zip(ratio, adv, strict=True)])


def both(log_prob, old_log_prob, clip):
    ratio = np.exp(log_prob - old_log_prob)
    return ratio, np.clip(ratio, 1 - clip, 1 + clip)


@task.mistake(
    'It looks as if nothing is clipped: this is the mean of ratio times A, as TRPO has it.',
    '看起来没有裁剪：这是概率比乘 A 的平均，是 TRPO 的目标。',
)
def unclipped(log_prob, old_log_prob, adv, clip):
    return np.mean(both(log_prob, old_log_prob, clip)[0] * adv)


@task.mistake(
    'It looks as if the minimum is missing: this is only the clipped ratio times A. A ratio that has left the range on the '
    'wrong side then has no gradient that brings it back.',
    '看起来没有取较小值：只有裁剪后的概率比乘 A。这样，从错误一侧越界的概率比就没有梯度把它拉回来。',
)
def without_minimum(log_prob, old_log_prob, adv, clip):
    return np.mean(both(log_prob, old_log_prob, clip)[1] * adv)


@task.mistake('It looks as if you take the larger product: take the smaller one.', '看起来取了较大的乘积：应该取较小的。')
def maximum(log_prob, old_log_prob, adv, clip):
    ratio, clipped = both(log_prob, old_log_prob, clip)
    return np.mean(np.maximum(ratio * adv, clipped * adv))


@task.mistake(
    'It looks as if the minimum is of the two ratios: take the minimum after multiplying with A, whose sign matters.',
    '看起来是先在两个概率比里取较小值：应该先乘 A 再取较小值，因为 A 的正负有影响。',
)
def minimum_of_the_ratios(log_prob, old_log_prob, adv, clip):
    return np.mean(np.minimum(*both(log_prob, old_log_prob, clip)) * adv)


@task.mistake(
    'It looks as if the product of ratio and A is clipped: clip the ratio, then multiply with A.',
    '看起来裁剪的是概率比与 A 的乘积：应该先裁剪概率比，再乘 A。',
)
def product_clipped(log_prob, old_log_prob, adv, clip):
    product = both(log_prob, old_log_prob, clip)[0] * adv
    return np.mean(np.minimum(product, np.clip(product, 1 - clip, 1 + clip)))


@task.mistake(
    'It looks as if the ratio is upside down, old / new.',
    '看起来概率比颠倒了：成了旧 / 新。',
)
def upside_down(log_prob, old_log_prob, adv, clip):
    return case_by_case(old_log_prob, log_prob, adv, clip)


@task.mistake(
    'It looks as if the ratio is the quotient of the log-probabilities: it is exp of their difference.',
    '看起来把两个对数概率相除了：概率比是对数之差再取 exp。',
)
def quotient_of_logarithms(log_prob, old_log_prob, adv, clip):
    ratio = log_prob / old_log_prob
    return np.mean(np.minimum(ratio * adv, np.clip(ratio, 1 - clip, 1 + clip) * adv))


@task.mistake(
    'It looks as if exp is missing: the ratio is exp(log_prob - old_log_prob).',
    '看起来漏了 exp：概率比是 exp(log_prob - old_log_prob)。',
)
def difference_of_logarithms(log_prob, old_log_prob, adv, clip):
    ratio = log_prob - old_log_prob
    return np.mean(np.minimum(ratio * adv, np.clip(ratio, 1 - clip, 1 + clip) * adv))


@task.mistake(
    'It looks as if the range is [-ε, ε]: it is [1 - ε, 1 + ε], around the ratio 1.',
    '看起来裁剪范围用了 [-ε, ε]：应该是 [1 - ε, 1 + ε]，以 1 为中心。',
)
def range_around_zero(log_prob, old_log_prob, adv, clip):
    ratio = np.exp(log_prob - old_log_prob)
    return np.mean(np.minimum(ratio * adv, np.clip(ratio, -clip, clip) * adv))


@task.mistake('It looks as if this is the loss, -L: return L.', '看起来返回的是损失 -L：请返回 L。')
def the_loss(log_prob, old_log_prob, adv, clip):
    return -case_by_case(log_prob, old_log_prob, adv, clip)


@task.mistake('It looks as if you sum over the batch: take the mean.', '看起来对整批数据求了和：应该求平均。')
def summed(log_prob, old_log_prob, adv, clip):
    return case_by_case(log_prob, old_log_prob, adv, clip) * len(adv)


@task.mistake('It looks as if the mean over the batch is missing.', '看起来没有对整批数据求平均。')
def not_averaged(log_prob, old_log_prob, adv, clip):
    ratio, clipped = both(log_prob, old_log_prob, clip)
    return np.minimum(ratio * adv, clipped * adv)
