"""Exercise: the conjugate gradient method."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='conjugate_gradient',
    title=Words('conjugate gradient', '共轭梯度'),
    source=Words(
        'textbook, section 5.10.5, cg; Schulman et al., Trust Region Policy Optimization, 2015, Appendix C; erratum 13',
        '教科书 5.10.5 节，cg；Schulman 等，Trust Region Policy Optimization，2015，附录 C；勘误 13',
    ),
    text=Words(
        """
You will know how TRPO solves A x = b without storing the matrix A: it only needs products of A with vectors.

    x = 0,  r = b,  p = b                  x: the solution so far, r: what is left of b, p: the direction of the next step
    repeat:
        z = A p
        step = r'r / p'z
        x <- x + step p
        r_new = r - step z
        p <- r_new + (r_new'r_new / r'r) p
        r <- r_new
    until the iterations are used up or r'r <= 1e-10: a division 0 / 0 would follow

Ax          a function  Ax(p) is the product A p, (D,), of a symmetric positive definite matrix A
b           (D,)        a NumPy array
iterations  a number    how many products with A may be taken
result      (D,)        x, with A x ~ b
""",
        """
做完之后你会知道：TRPO 怎样在不写出矩阵的情况下求解 A x = b：只需要 A 与向量的乘积。

    x = 0，r = b，p = b                  x：目前的解，r：b 还剩下的部分，p：下一步的方向
    重复：
        z = A p
        step = r'r / p'z
        x <- x + step p
        r_new = r - step z
        p <- r_new + (r_new'r_new / r'r) p
        r <- r_new
    直到迭代次数用完，或者 r'r <= 1e-10（再继续就是 0 / 0）

Ax          函数  Ax(p) 是乘积 A p，形状 (D,)；A 是对称正定矩阵
b           (D,)  NumPy 数组
iterations  数    最多可以乘几次 A
返回        (D,)  x，使得 A x ~ b
""",
    ),
    hints=(
        Words(
            'Begin with x = np.zeros_like(b), r = b.copy(), p = b.copy() and r_dot_r = r @ r.',
            '开头：x = np.zeros_like(b)，r = b.copy()，p = b.copy()，r_dot_r = r @ r。',
        ),
        Words(
            'A for loop over range(iterations), with if r_dot_r <= 1e-10: break as its first line.',
            '用 for 循环走 range(iterations)，第一行是 if r_dot_r <= 1e-10: break。',
        ),
        Words(
            'z = Ax(p); step = r_dot_r / (p @ z); then x = x + step * p and r = r - step * z.',
            'z = Ax(p)；step = r_dot_r / (p @ z)；然后 x = x + step * p，r = r - step * z。',
        ),
        Words(
            'At the end of the loop: r_dot_r_new = r @ r; p = r + r_dot_r_new / r_dot_r * p; r_dot_r = r_dot_r_new.',
            '循环末尾：r_dot_r_new = r @ r；p = r + r_dot_r_new / r_dot_r * p；r_dot_r = r_dot_r_new。',
        ),
    ),
)


def matrix(rng, size=5):
    q, _ = np.linalg.qr(rng.normal(size=(size, size)))
    return q @ np.diag(rng.uniform(0.5, 4, size)) @ q.T


def product_with(A):
    return lambda x: A @ x


@task.case('as many iterations as dimensions', '迭代次数等于维数')
def enough(rng):
    return product_with(matrix(rng)), rng.normal(size=5), 5


@task.case('fewer iterations than dimensions', '迭代次数小于维数')
def fewer(rng):
    return product_with(matrix(rng)), rng.normal(size=5), int(rng.integers(2, 4))


@task.case('one iteration', '只迭代一次')
def one(rng):
    return product_with(matrix(rng)), rng.normal(size=5), 1


@task.case('b is zero', 'b 为零')
def zero(rng):
    return product_with(matrix(rng)), np.zeros(5), 5


@task.right
def best_in_the_krylov_space(Ax, b, iterations):
    """What minimises x'Ax / 2 - b'x among the combinations of b, A b, A A b, ..."""
    powers = [b]
    for _ in range(iterations - 1):
        powers.append(Ax(powers[-1]))
    basis, sizes, _ = np.linalg.svd(np.stack(powers, axis=1), full_matrices=False)
    basis = basis[:, sizes > 1e-9]
    A_basis = np.stack([Ax(column) for column in basis.T], axis=1) if basis.size else basis
    return basis @ np.linalg.solve(basis.T @ A_basis, basis.T @ b)


def descent(Ax, b, iterations, stop, sign=1, direction='conjugate', residual=True, multiply='p', wanted='x'):
    """The method with one thing wrong; `stop` says whether it ends before a division 0 / 0."""
    x, r, p = np.zeros_like(b), b.copy(), b.copy()
    for _ in range(iterations):
        if stop and r @ r <= 1e-10:
            break
        z = Ax(p if multiply == 'p' else r)
        step = np.float64(r @ r) / (p @ z)
        x = x + sign * step * p
        new = r - step * z if residual else r
        share = {
            'conjugate': (new @ new) / (r @ r),
            'upside down': (r @ r) / (new @ new),
            'steepest': 0.0,
            'sum': 1.0,
            'b': 0.0,
        }
        p = new + share[direction] * p if direction != 'b' else p
        r = new
    return {'x': x, 'r': r, 'p': p}[wanted]


OPTIONS = (
    (
        dict(direction='steepest'),
        'It looks as if the next direction is the residual alone: that is steepest descent. The last direction belongs to it.',
        '看起来下一个方向只用了残差：那是最速下降。还要加上前一个方向的一部分。',
    ),
    (
        dict(direction='upside down'),
        "It looks as if the quotient is upside down: the new r'r divided by the old one.",
        "看起来商颠倒了：应该是新的 r'r 除以旧的。",
    ),
    (
        dict(direction='sum'),
        "It looks as if the last direction is added whole: it has the weight r_new'r_new / r'r.",
        "看起来把前一个方向整个加上了：它的权重是 r_new'r_new / r'r。",
    ),
    (dict(direction='b'), 'It looks as if the direction p never changes.', '看起来方向 p 一直没有更新。'),
    (dict(sign=-1), 'It looks as if x moves the wrong way: x + step p.', '看起来 x 走反了：应该是 x + step p。'),
    (
        dict(residual=False),
        'It looks as if the residual r is never updated: r - step z.',
        '看起来残差 r 没有更新：r - step z。',
    ),
    (dict(multiply='r'), 'It looks as if A multiplies r: z = A p.', '看起来 A 乘的是 r：应该是 z = A p。'),
    (dict(wanted='r'), 'It looks as if you return the residual r: return x.', '看起来返回的是残差 r：请返回 x。'),
    (dict(wanted='p'), 'It looks as if you return the direction p: return x.', '看起来返回的是方向 p：请返回 x。'),
)
for options, en, zh in OPTIONS:
    for stop in (True, False):
        task.mistake(en, zh)(lambda *arguments, options=options, stop=stop: descent(*arguments, stop, **options))


@task.mistake(
    "It looks as if you divide 0 / 0 where nothing is left to do (erratum 13): stop once r'r <= 1e-10.",
    "看起来在已经没有剩余时做了 0 / 0（勘误 13）：r'r <= 1e-10 时就停。",
)
def never_stops(Ax, b, iterations):
    return descent(Ax, b, iterations, stop=False)


@task.mistake('It looks as if you return b: that is the plain gradient.', '看起来返回的是 b：那是普通的梯度。')
def the_plain_gradient(Ax, b, iterations):
    return b


@task.mistake('It looks as if one iteration is missing.', '看起来少迭代了一次。')
def one_too_few(Ax, b, iterations):
    return descent(Ax, b, iterations - 1, stop=True)


@task.mistake('It looks as if there is one iteration too many.', '看起来多迭代了一次。')
def one_too_many(Ax, b, iterations):
    return descent(Ax, b, iterations + 1, stop=True)


@task.mistake(
    'It looks as if the number of iterations is ignored: each costs a product with A.',
    '看起来没有用到迭代次数：每次迭代都要计算一次与 A 的乘积。',
)
def solved_exactly(Ax, b, iterations):
    return descent(Ax, b, len(b), stop=True)
