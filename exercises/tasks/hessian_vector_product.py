"""Exercise: the product of a Hessian and a vector."""

from common.backend import tf
from exercises.task import Task, Words

import numpy as np

task = Task(
    name='hessian_vector_product',
    title=Words('a Hessian-vector product', '海森矩阵与向量的乘积'),
    source=Words(
        'textbook, section 5.10.5, hvp; Schulman et al., Trust Region Policy Optimization, 2015, Appendix C',
        '教科书 5.10.5 节，hvp；Schulman 等，Trust Region Policy Optimization，2015，附录 C',
    ),
    text=Words(
        """
You will know how TRPO computes the products that conjugate gradient needs. It never stores the Hessian, which would hold a
number for each pair of weights.

    H x = gradient of (g'x),   g = gradient of KL;   x is constant
    returned is H x + damping x: the damping keeps the matrix positive definite

kl       a function  kl() computes the divergence from the weights as they are: a scalar
weights  a list      tensors of any shapes, D numbers in all; tf.GradientTape watches them
x        (D,)        a flat vector; its order is that of the weights, each flattened by tf.reshape(weight, [-1])
damping  a number
result   (D,)        H x + damping x, flat
""",
        """
做完之后你会知道：TRPO 怎样得到共轭梯度所需的乘积，而不必写出海森矩阵（其中每一对权重对应一个数）。

    H x = (g'x) 的梯度，g = KL 的梯度；x 是常数
    返回 H x + damping x：阻尼让矩阵保持正定

kl       函数  kl() 用当前的权重计算散度，得到标量
weights  列表  任意形状的张量，共 D 个数；tf.GradientTape 会记录它们
x        (D,)  一维向量；次序与权重一致，每个权重用 tf.reshape(weight, [-1]) 展平
damping  数
返回     (D,)  H x + damping x，一维
""",
    ),
    hints=(
        Words(
            "Two tapes, one inside the other: the inner one gives g, the outer one differentiates the number g'x.",
            "两个 tape，一个套一个：里面的求 g，外面的对 g'x 这个数求导。",
        ),
        Words(
            'inner.gradient(the value of kl(), weights) is a list. Flatten it: tf.concat([tf.reshape(one, [-1]) for one in '
            'gradients], axis=0).',
            'inner.gradient(kl 的值, weights) 是列表。展平：tf.concat([tf.reshape(one, [-1]) for one in gradients], axis=0)。',
        ),
        Words(
            "g'x must be computed within the outer tape: tf.reduce_sum(flat * x).",
            "g'x 要在外面的 tape 里计算：tf.reduce_sum(flat * x)。",
        ),
        Words(
            'Then outer.gradient(gradient_times_x, weights), flattened in the same way, plus damping * x.',
            '最后 outer.gradient(gradient_times_x, weights)，同样展平，再加 damping * x。',
        ),
    ),
    tensors=True,
    tolerance=2e-3,
)


def drawn(rng, step):
    """A linear policy in a few states: its old and new weights, a vector and a damping."""
    states, matrix, log_std = rng.normal(size=(6, 3)), rng.normal(size=(3, 2)), 0.3 * rng.normal(size=2)
    old_mean, old_log_std = states @ (matrix + step * rng.normal(size=(3, 2))), log_std + step * rng.normal(size=2)
    return states, matrix, log_std, old_mean, old_log_std, rng.normal(size=8), rng.uniform(0.1, 0.5)


@task.case('at the old parameters', '在旧参数处')
def at_the_old_parameters(rng):
    return drawn(rng, 0.0)


@task.case('at other parameters', '在别的参数处')
def elsewhere(rng):
    return drawn(rng, 0.3)


def divergence(exp, mean, log_std, old_mean, old_log_std):
    """KL(old, new), summed over dimensions and states; `exp` is NumPy's or TensorFlow's."""
    squares = exp(2 * old_log_std) + (old_mean - mean) ** 2
    return log_std - old_log_std + 0.5 * squares * exp(-2 * log_std) - 0.5


def probe(function, states, matrix, log_std, old_mean, old_log_std, x, damping):
    states, old_mean, old_log_std, x = (tf.constant(one, tf.float32) for one in (states, old_mean, old_log_std, x))
    weights = [tf.Variable(matrix, dtype=tf.float32), tf.Variable(log_std, dtype=tf.float32)]

    def kl():
        return tf.reduce_sum(divergence(tf.exp, states @ weights[0], weights[1], old_mean, old_log_std)) / len(states)

    return function(kl, weights, x, damping)


task.probe = probe


@task.right
def by_differences(states, matrix, log_std, old_mean, old_log_std, x, damping):
    """The Hessian by central differences."""

    def kl(flat):
        mean, log_std = states @ flat[:6].reshape(3, 2), flat[6:]
        return divergence(np.exp, mean, log_std, old_mean, old_log_std).sum() / len(states)

    flat, steps = np.concatenate([matrix.ravel(), log_std]), 1e-4 * np.eye(8)
    corners = [[kl(flat + a + b) - kl(flat + a - b) - kl(flat - a + b) + kl(flat - a - b) for a in steps] for b in steps]
    return np.array(corners) / 4e-8 @ x + damping * x


def flat(tensors):
    return tf.concat([tf.reshape(one, [-1]) for one in tensors], axis=0)


def products(kl, weights, x):
    """The gradient and the Hessian's product with x, both flat."""
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            d_kl = kl()
        gradient = flat(inner.gradient(d_kl, weights))
        total = tf.reduce_sum(gradient * x)
    return gradient, flat(outer.gradient(total, weights))


@task.mistake('It looks as if the damping is missing: + damping * x.', '看起来漏了阻尼：+ damping * x。')
def without_damping(kl, weights, x, damping):
    return products(kl, weights, x)[1]


@task.mistake('It looks as if the damping is added as a number: it multiplies x.', '看起来直接加上了阻尼：应该加 damping * x。')
def damping_alone(kl, weights, x, damping):
    return products(kl, weights, x)[1] + damping


@task.mistake(
    'It looks as if the damping multiplies H x: it is added, damping * x.', '看起来阻尼乘到了 H x 上：应该加上 damping * x。'
)
def damping_times_the_product(kl, weights, x, damping):
    return (1 + damping) * products(kl, weights, x)[1]


@task.mistake('It looks as if the damping is subtracted.', '看起来减去了阻尼：应该加上。')
def damping_subtracted(kl, weights, x, damping):
    return products(kl, weights, x)[1] - damping * x


@task.mistake(
    'It looks as if you return the gradient of KL: it is to be multiplied by x and differentiated once more.',
    '看起来返回的是 KL 的梯度：还要与 x 相乘，再求一次导。',
)
def the_gradient(kl, weights, x, damping):
    return products(kl, weights, x)[0]


@task.mistake(
    'It looks as if you use the gradient of KL instead of H x: multiply it by x and differentiate once more.',
    '看起来用 KL 的梯度代替了 H x：还要与 x 相乘，再求一次导。',
)
def the_gradient_and_damping(kl, weights, x, damping):
    return products(kl, weights, x)[0] + damping * x


@task.mistake(
    "It looks as if you multiply g g' with x: that is not the Hessian, and at the old parameters g is 0.",
    "看起来用 g g' 乘了 x：那不是海森矩阵，而且在旧参数处 g 为 0。",
)
def outer_product(kl, weights, x, damping):
    gradient, _ = products(kl, weights, x)
    return gradient * tf.reduce_sum(gradient * x) + damping * x


@task.mistake(
    'It looks as if x is missing in the second derivative: differentiate the sum of g * x, not the sum of g.',
    '看起来二阶导数里漏了 x：要对 g * x 之和求导，而不是对 g 之和。',
)
def without_x(kl, weights, x, damping):
    return products(kl, weights, tf.ones_like(x))[1] + damping * x


@task.mistake(
    'It looks as if the result is multiplied by x element by element: that only takes the sums of the rows of H.',
    '看起来最后又逐元素乘了 x：那只用到了 H 每一行的和。',
)
def rows_times_x(kl, weights, x, damping):
    return products(kl, weights, tf.ones_like(x))[1] * x + damping * x
