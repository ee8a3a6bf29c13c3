"""Exercise: the Kronecker factors of one layer."""

from exercises.task import Task, Words

import numpy as np

task = Task(
    name='kronecker_factors',
    title=Words('the Kronecker factors of one layer', '一层的克罗内克因子'),
    source=Words(
        'Hands-On, chapter 16, ACKTR; Martens and Grosse, 2015, section 3; acktr.py, Eq. (4)',
        'Hands-On 第 16 章，ACKTR；Martens 和 Grosse，2015，第 3 节；acktr.py，式 (4)',
    ),
    text=Words(
        """
You will know what K-FAC keeps of a layer's Fisher matrix: two small matrices, instead of one with a row for each weight.

    F = E[vec(g a') vec(g a')'] ~ A x G,   A = E[a a'],   G = E[g g']      x: the Kronecker product

a are a layer's inputs, followed by a 1 for its biases; g are the gradients of the log-likelihood at the layer's outputs.

inputs     (N, inputs)               of each sample, without the 1
gradients  (N, outputs)              of each sample's own log-likelihood, so not divided by N
result     A (inputs + 1, inputs + 1), G (outputs, outputs)   as a pair; E is the mean over the samples
""",
        """
做完之后你会知道：K-FAC 从一层的费舍尔信息矩阵里保留了什么：两个小矩阵，代替一个每个权重一行的大矩阵。

    F = E[vec(g a') vec(g a')'] ~ A x G，A = E[a a']，G = E[g g']      x：克罗内克积

a 是一层的输入，后面接一个 1（对应偏置）；g 是对数似然在这一层输出处的梯度。

inputs     (N, inputs)   每个样本的输入，不含那个 1
gradients  (N, outputs)  每个样本自己的对数似然的梯度，所以没有除以 N
返回       A (inputs + 1, inputs + 1)、G (outputs, outputs)，一对；E 是对样本求平均
""",
    ),
    hints=(
        Words(
            'The 1 comes last: a = np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1), (N, inputs + 1).',
            '那个 1 放在最后：a = np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1)，形状 (N, inputs + 1)。',
        ),
        Words(
            "The sum of a a' over all samples is one product of matrices: a.T @ a. The mean is that divided by N.",
            "对所有样本求 a a' 之和，就是一个矩阵乘积：a.T @ a。除以 N 就是平均。",
        ),
        Words(
            'return a.T @ a / len(a), gradients.T @ gradients / len(gradients)',
            'return a.T @ a / len(a), gradients.T @ gradients / len(gradients)',
        ),
    ),
    parts=('A', 'G'),
)


@task.case('more inputs than outputs', '输入比输出多')
def more_inputs(rng):
    return rng.normal(0.5, 1, size=(9, 3)), rng.normal(0.3, 1, size=(9, 2))


@task.case('more outputs than inputs', '输出比输入多')
def more_outputs(rng):
    return rng.normal(0.5, 1, size=(7, 2)), rng.normal(0.3, 1, size=(7, 4))


@task.right
def sample_by_sample(inputs, gradients):
    A = np.mean([np.outer(a, a) for a in (np.append(row, 1.0) for row in inputs)], axis=0)
    return A, np.mean([np.outer(g, g) for g in gradients], axis=0)


@task.mistake(
    'It looks as if the 1 for the biases is missing in a: A is (inputs + 1, inputs + 1).',
    '看起来 a 里漏了对应偏置的 1：A 的形状是 (inputs + 1, inputs + 1)。',
)
def without_biases(inputs, gradients):
    A, G = sample_by_sample(inputs, gradients)
    return A[:-1, :-1], G


@task.mistake('It looks as if the 1 comes first: it comes last.', '看起来 1 放在了最前面：应该放在最后。')
def biases_first(inputs, gradients):
    A, G = sample_by_sample(inputs, gradients)
    return np.roll(A, 1, axis=(0, 1)), G


@task.mistake('It looks as if both are sums over the samples: take means.', '看起来对样本求了和：应该求平均。')
def sums(inputs, gradients):
    A, G = sample_by_sample(inputs, gradients)
    return A * len(inputs), G * len(inputs)


@task.mistake(
    'It looks as if G is divided by N once more: the gradients are those of each sample, not of a mean.',
    '看起来 G 又除以了一次 N：这些梯度属于单个样本，不属于平均值。',
)
def gradients_of_a_mean(inputs, gradients):
    A, G = sample_by_sample(inputs, gradients)
    return A, G / len(inputs)


@task.mistake(
    'It looks as if A is a mean and G a sum: take the mean of both.', '看起来 A 是平均而 G 是总和：两者都应该求平均。'
)
def only_one_mean(inputs, gradients):
    A, G = sample_by_sample(inputs, gradients)
    return A, G * len(inputs)


@task.mistake('It looks as if A and G are exchanged: return A, G.', '看起来 A 和 G 的次序反了：请返回 A, G。')
def exchanged(inputs, gradients):
    return sample_by_sample(inputs, gradients)[::-1]


@task.mistake(
    "It looks as if the means are subtracted first: these are not covariances, E[a a'] keeps the mean.",
    "看起来先减去了均值：这不是协方差，E[a a'] 里保留均值。",
)
def covariances(inputs, gradients):
    inputs = np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1)
    return np.cov(inputs.T, bias=True), np.cov(gradients.T, bias=True)


@task.mistake(
    "It looks as if this is E[a] E[a]': take the mean of the products.", "看起来算的是 E[a] E[a]'：应该对乘积求平均。"
)
def products_of_means(inputs, gradients):
    return sample_by_sample(inputs.mean(0)[None], gradients.mean(0)[None])


@task.mistake('It looks as if you divide by N - 1: divide by N.', '看起来除以了 N - 1：应该除以 N。')
def by_one_less(inputs, gradients):
    A, G = sample_by_sample(inputs, gradients)
    count = len(inputs)
    return A * count / (count - 1), G * count / (count - 1)


@task.mistake(
    "It looks as if a a' is computed between samples, (N, N): a.T @ a is between inputs.",
    "看起来 a a' 是在样本之间计算的，形状 (N, N)：a.T @ a 才是在输入之间。",
)
def between_samples(inputs, gradients):
    inputs = np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1)
    return inputs @ inputs.T / len(inputs), gradients @ gradients.T / len(inputs)
