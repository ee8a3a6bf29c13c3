"""Exercise: TRPO's line search."""

from exercises.task import Task, Words

task = Task(
    name='line_search',
    title=Words('the line search', '线搜索'),
    source=Words(
        'textbook, section 5.10.5, update; Schulman et al., Trust Region Policy Optimization, 2015, Appendix C',
        '教科书 5.10.5 节，update；Schulman 等，Trust Region Policy Optimization，2015，附录 C',
    ),
    text=Words(
        """
You will know how TRPO checks its step: it tries shorter and shorter steps, until one meets both conditions.

    θ = θ_old - α^j step,   j = 0, 1, 2, ...
    the first j with KL(θ) <= δ and loss(θ) <= loss(θ_old); if none of them does, θ_old

evaluate    a function  kl, loss = evaluate(params) for parameters (D,)
old_params  (D,)        θ_old
full_step   (D,)        the step, which is subtracted, since a loss is minimised
old_loss    a number    loss(θ_old)
delta       a number    δ, the limit of the KL divergence
backtrack   a number    α, between 0 and 1
tries       a number    how many j are tried: 0, 1, ..., tries - 1
result      (D,)        the new parameters
""",
        """
做完之后你会知道：TRPO 怎样检验它的更新步：一次比一次短，直到满足两个条件。

    θ = θ_旧 - α^j step，j = 0, 1, 2, ...
    取第一个满足 KL(θ) <= δ 且 loss(θ) <= loss(θ_旧) 的 j；都不满足就用 θ_旧

evaluate    函数  kl, loss = evaluate(params)，params 是参数 (D,)
old_params  (D,)  θ_旧
full_step   (D,)  更新步；损失要最小化，所以是减去它
old_loss    数    loss(θ_旧)
delta       数    δ，KL 散度的上限
backtrack   数    α，在 0 和 1 之间
tries       数    试几个 j：0, 1, ..., tries - 1
返回        (D,)  新的参数
""",
    ),
    hints=(
        Words(
            'A loop: for j in range(tries). The step of the first try is whole, backtrack**0 = 1.',
            '写个循环：for j in range(tries)。第一次用整步，backtrack**0 = 1。',
        ),
        Words(
            'Each try begins at the old parameters: params = old_params - backtrack**j * full_step.',
            '每次都从旧参数出发：params = old_params - backtrack**j * full_step。',
        ),
        Words(
            'if kl <= delta and loss <= old_loss: return params. After the loop: return old_params.',
            'if kl <= delta and loss <= old_loss: return params。循环之后：return old_params。',
        ),
    ),
)
DELTA, OLD_LOSS = 0.01, -0.3


def drawn(rng, kl_until, loss_until, tries=6):
    """A quadratic model: the KL divergence is within δ, and the loss no worse, up to these shares of the full step."""
    old, step, backtrack = rng.normal(size=4), rng.normal(size=4), rng.uniform(0.6, 0.8)
    kl_until, loss_until = (until(backtrack, tries) if callable(until) else until for until in (kl_until, loss_until))
    size = step @ step

    def evaluate(params):
        way = old - params
        along = way @ step / size
        kl = DELTA * (way @ way) / size / kl_until**2
        return kl, OLD_LOSS - along * (loss_until - along)

    return evaluate, old, step, OLD_LOSS, DELTA, backtrack, tries


@task.case('the full step is accepted', '整步就符合要求')
def full_step(rng):
    return drawn(rng, 1.3, 1.4)


@task.case('the KL divergence of the full step is too large', '整步的 KL 散度太大')
def kl_too_large(rng):
    return drawn(rng, rng.uniform(0.3, 0.55), 1.4)


@task.case('the full step makes the loss worse', '整步使损失变差')
def loss_worse(rng):
    return drawn(rng, 1.3, rng.uniform(0.3, 0.55))


@task.case('the full step is too long in both respects', '整步在两方面都太长')
def both(rng):
    return drawn(rng, rng.uniform(0.2, 0.3), rng.uniform(0.4, 0.55))


@task.case('only the last try is accepted', '最后一次才符合要求')
def last_try(rng):
    return drawn(rng, lambda backtrack, tries: 1.02 * backtrack ** (tries - 1), 1.4)


@task.case('no try is accepted', '每次都不符合要求')
def none(rng):
    return drawn(rng, lambda backtrack, tries: 1.02 * backtrack**tries, 1.4)


def shares(backtrack, tries):
    share = 1.0
    for _ in range(tries):
        yield share
        share *= backtrack


@task.right
def first_that_fits(evaluate, old_params, full_step, old_loss, delta, backtrack, tries):
    params = [old_params - share * full_step for share in shares(backtrack, tries)]
    fit = [one for one in params if evaluate(one)[0] <= delta and evaluate(one)[1] <= old_loss]
    return [*fit, old_params][0]


def search(check, evaluate, old_params, full_step, old_loss, delta, backtrack, tries, first=0, failed='old', accumulate=False):
    """The search with another condition, first exponent, or answer where it fails."""
    params = old_params
    for j in range(first, tries):
        start = params if accumulate else old_params
        params = start - backtrack**j * full_step
        if check(*evaluate(params), delta, old_loss):
            return params
    return old_params if failed == 'old' else params


def fits(kl, loss, delta, old_loss):
    return kl <= delta and loss <= old_loss


@task.mistake('It looks as if the KL divergence is not checked: kl <= delta.', '看起来没有检查 KL 散度：kl <= delta。')
def kl_unchecked(*arguments):
    return search(lambda kl, loss, delta, old_loss: loss <= old_loss, *arguments)


@task.mistake('It looks as if the loss is not checked: loss <= old_loss.', '看起来没有检查损失：loss <= old_loss。')
def loss_unchecked(*arguments):
    return search(lambda kl, loss, delta, old_loss: kl <= delta, *arguments)


@task.mistake('It looks as if one condition is enough: both must hold.', '看起来满足一个条件就接受了：两个条件必须同时满足。')
def either(*arguments):
    return search(lambda kl, loss, delta, old_loss: kl <= delta or loss <= old_loss, *arguments)


@task.mistake(
    'It looks as if the loss must get worse: a loss is minimised, so loss <= old_loss.',
    '看起来要求损失变大：损失要最小化，所以是 loss <= old_loss。',
)
def loss_upside_down(*arguments):
    return search(lambda kl, loss, delta, old_loss: kl <= delta and loss >= old_loss, *arguments)


@task.mistake('It looks as if nothing is checked: this is always the full step.', '看起来什么也没有检查：总是走整步。')
def unchecked(evaluate, old_params, full_step, *_):
    return old_params - full_step


@task.mistake(
    'It looks as if the step is added: it is subtracted, since a loss is minimised.',
    '看起来加上了更新步：损失要最小化，应该减去。',
)
def added(evaluate, old_params, full_step, *others):
    return search(fits, evaluate, old_params, -full_step, *others)


@task.mistake(
    'It looks as if the last try is kept where none is accepted: return old_params.',
    '看起来都不符合要求时保留了最后一次的结果：应该返回 old_params。',
)
def last_stays(*arguments):
    return search(fits, *arguments, failed='last')


@task.mistake(
    'It looks as if the first try is already shortened: j begins at 0.',
    '看起来第一次就已经缩短了：j 从 0 开始。',
)
def first_shortened(*arguments):
    *others, tries = arguments
    return search(fits, *others, tries + 1, first=1)


@task.mistake(
    'It looks as if j begins at 1: the full step, j = 0, is never tried.',
    '看起来 j 从 1 开始：没有试过整步 j = 0。',
)
def begins_at_one(*arguments):
    return search(fits, *arguments, first=1)


@task.mistake(
    'It looks as if each try begins where the last one ended: begin at old_params.',
    '看起来每次都从上一次的终点出发：应该从 old_params 出发。',
)
def accumulated(*arguments):
    return search(fits, *arguments, accumulate=True)


@task.mistake('It looks as if the last of the tries is left out.', '看起来少试了最后一次。')
def one_too_few(*arguments):
    *others, tries = arguments
    return search(fits, *others, tries - 1)


@task.mistake('It looks as if there is one try too many: j ends at tries - 1.', '看起来多试了一次：j 到 tries - 1 为止。')
def one_too_many(*arguments):
    *others, tries = arguments
    return search(fits, *others, tries + 1)


@task.mistake('It looks as if you return the step: return the parameters.', '看起来返回的是更新步：请返回参数。')
def only_the_step(evaluate, old_params, *others):
    return old_params - first_that_fits(evaluate, old_params, *others)
