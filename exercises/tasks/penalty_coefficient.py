"""Exercise: how PPO-Penalty adapts its coefficient."""

from exercises.task import Task, Words

task = Task(
    name='penalty_coefficient',
    title=Words("the penalty's coefficient", '惩罚系数'),
    source=Words(
        'textbook, section 5.10.6; Schulman et al., Proximal Policy Optimization Algorithms, 2017, section 4; erratum 2',
        '教科书 5.10.6 节；Schulman 等，Proximal Policy Optimization Algorithms，2017，第 4 节；勘误 2',
    ),
    text=Words(
        """
You will know how PPO-Penalty keeps its steps at the right length: after a step that was too long, the coefficient β of the KL
divergence grows; after one that was too short, it falls.

    β <- 2 β   where KL > 1.5 target
    β <- β / 2 where KL < target / 1.5
    and β is never below its first value, because a nearly deterministic policy has a tiny KL whatever it does

beta     a number  β as it is
kl       a number  the KL divergence of the update that has just been made
target   a number  the divergence that an update should have
lowest   a number  the first value of β
result   a number  β for the next update

These are plain numbers of Python: if and max will do.
""",
        """
做完之后你会知道：PPO-Penalty 怎样让步长保持合适：一步走得太远，KL 散度的系数 β 就变大；走得太近，β 就变小。

    若 KL > 1.5 target，β <- 2 β
    若 KL < target / 1.5，β <- β / 2
    而且 β 不会小于初值：接近确定性的策略，无论怎么变，KL 都很小

beta    数  现在的 β
kl      数  刚做完的这次更新的 KL 散度
target  数  一次更新应有的散度
lowest  数  β 的初值
返回    数  下一次更新用的 β

这些都是普通的 Python 数：用 if 和 max 就行。
""",
    ),
    hints=(
        Words(
            'There are three cases: too far, not far enough, and in between, where β stays.',
            '有三种情况：太远、太近，以及介于两者之间（β 不变）。',
        ),
        Words(
            'if kl > 1.5 * target: beta = 2 * beta, and elif kl < target / 1.5: beta = beta / 2.',
            'if kl > 1.5 * target: beta = 2 * beta；elif kl < target / 1.5: beta = beta / 2。',
        ),
        Words('At the end: return max(beta, lowest).', '最后：return max(beta, lowest)。'),
    ),
)


def drawn(rng, low, high, above=5.0):
    """With a KL divergence between `low` and `high` targets; β is up to `above` times its first value."""
    target, lowest = 10 ** rng.uniform(-3, -1), rng.uniform(0.1, 1)
    return lowest * rng.uniform(2.1, above), target * rng.uniform(low, high), target, lowest


@task.case('the KL divergence is far above the target', 'KL 散度远大于目标')
def far_above(rng):
    return drawn(rng, 2.5, 8)


@task.case('the KL divergence is far below the target', 'KL 散度远小于目标')
def far_below(rng):
    return drawn(rng, 0.05, 0.4)


@task.case('the KL divergence is a little above the target', 'KL 散度略大于目标')
def just_above(rng):
    return drawn(rng, 1.1, 1.45)


@task.case('the KL divergence is a little below the target', 'KL 散度略小于目标')
def just_below(rng):
    return drawn(rng, 0.7, 0.95)


@task.case('the KL divergence is a little above the upper limit', 'KL 散度略高于上界')
def above_the_limit(rng):
    return drawn(rng, 1.55, 1.9)


@task.case('the KL divergence is a little below the lower limit', 'KL 散度略低于下界')
def below_the_limit(rng):
    return drawn(rng, 0.52, 0.64)


@task.case('the coefficient is at its first value, and the KL divergence is small', '系数处于初值，而 KL 散度很小')
def at_the_floor(rng):
    _, kl, target, lowest = drawn(rng, 0.05, 0.4)
    return lowest, kl, target, lowest


def adapted(beta, kl, target, lowest, up=2.0, down=0.5, above=1.5, below=1 / 1.5):
    factor = up if kl > above * target else down if kl < below * target else 1.0
    return max(beta * factor, lowest)


@task.right
def by_the_quotient(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest)


@task.mistake(
    'It looks as if the coefficient never changes (erratum 2).',
    '看起来系数从不改变（勘误 2）。',
)
def never(beta, kl, target, lowest):
    return beta


@task.mistake(
    'It looks as if it is the wrong way round: a step that was too long needs a larger penalty.',
    '看起来方向反了：走得太远，惩罚应该变大。',
)
def wrong_way_round(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, 0.5, 2.0)


@task.mistake(
    'It looks as if the coefficient can fall below its first value, lowest.',
    '看起来系数可以降到初值 lowest 以下。',
)
def without_floor(beta, kl, target, lowest):
    return adapted(beta, kl, target, 0.0)


@task.mistake(
    'It looks as if lowest is a ceiling: use max, not min.',
    '看起来把 lowest 当成了上限：应该用 max，不是 min。',
)
def ceiling(beta, kl, target, lowest):
    return min(adapted(beta, kl, target, 0.0), lowest)


@task.mistake('It looks as if the coefficient never falls.', '看起来系数从不减小。')
def never_falls(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, down=1.0)


@task.mistake('It looks as if the coefficient never grows.', '看起来系数从不增大。')
def never_grows(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, up=1.0)


@task.mistake(
    'It looks as if the limits are the target itself: β stays where KL is between target / 1.5 and 1.5 target.',
    '看起来以目标本身为界：KL 在 target / 1.5 和 1.5 target 之间时，β 不变。',
)
def without_limits(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, above=1.0, below=1.0)


@task.mistake(
    'It looks as if 1.5 and 2 are exchanged: the limits have 1.5, the coefficient changes by 2.',
    '看起来 1.5 和 2 用反了：界限用 1.5，系数的倍数用 2。',
)
def exchanged(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, 1.5, 1 / 1.5, 2.0, 0.5)


@task.mistake(
    'It looks as if the coefficient changes by 1.5: it doubles and halves.', '看起来系数按 1.5 倍变化：应该加倍和减半。'
)
def by_one_and_a_half(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, 1.5, 1 / 1.5)


@task.mistake(
    'It looks as if the limits are 2 target and target / 2: they are 1.5 target and target / 1.5.',
    '看起来界限用了 2 target 和 target / 2：应该是 1.5 target 和 target / 1.5。',
)
def limits_of_two(beta, kl, target, lowest):
    return adapted(beta, kl, target, lowest, above=2.0, below=0.5)
