"""Exercise: the last layers of the book's actor."""

from common.backend import tf, tl
from exercises.task import Task, Words, Wrong

import numpy as np

task = Task(
    name='action_mean',
    title=Words("the actor's mean: tanh, scaled by a Lambda layer", '行动者的均值：tanh，再用 Lambda 层缩放'),
    source=Words('textbook, sections 5.10.5 and 5.10.6, the actors', '教科书 5.10.5 和 5.10.6 节，行动者'),
    text=Words(
        """
You will know how an actor keeps its mean within the bounds of the actions, also where they are not symmetric.

    mean = tanh(W h + b) * (high - low) / 2 + (high + low) / 2

layer      a TensorLayer layer  the last hidden layer; its output is h, (N, units)
low, high  (action_dim,)        the bounds of each action dimension, NumPy arrays
result     a TensorLayer layer  its output is the mean, (N, action_dim)

The layers are tl.layers.Dense(number of outputs, activation)(layer) and tl.layers.Lambda(function of a tensor)(layer).
""",
        """
做完之后你会知道：行动者怎样把均值限制在动作的上下界之内，上下界不对称时也一样。

    mean = tanh(W h + b) * (high - low) / 2 + (high + low) / 2

layer      TensorLayer 的层  最后一个隐藏层，输出是 h，形状 (N, units)
low, high  (action_dim,)     动作每一维的下界和上界，NumPy 数组
返回       TensorLayer 的层  输出是均值，形状 (N, action_dim)

用到的层：tl.layers.Dense(输出个数, 激活函数)(layer) 和 tl.layers.Lambda(张量的函数)(layer)。
""",
    ),
    hints=(
        Words(
            'First a dense layer with one output for each action dimension: tl.layers.Dense(len(low), tf.nn.tanh)(layer).',
            '先是全连接层，动作每一维一个输出：tl.layers.Dense(len(low), tf.nn.tanh)(layer)。',
        ),
        Words(
            'Its outputs lie in (-1, 1). Half the range stretches them, the centre moves them: half = (high - low) / 2 and '
            'centre = (high + low) / 2.',
            '它的输出在 (-1, 1) 内。半个区间用来拉伸，中点用来平移：half = (high - low) / 2，centre = (high + low) / 2。',
        ),
        Words(
            'return tl.layers.Lambda(lambda x: x * half + centre)(the dense layer)',
            'return tl.layers.Lambda(lambda x: x * half + centre)(那个全连接层)',
        ),
    ),
    tensors=True,
)


def drawn(rng, low, high):
    dim = len(low)
    weights = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, dim)), rng.normal(size=dim)
    return low, high, 2 * rng.normal(size=(6, 3)), *weights


@task.case('symmetric bounds', '上下界对称')
def symmetric(rng):
    high = rng.uniform(1.5, 3, size=1)
    return drawn(rng, -high, high)


@task.case('bounds that are not symmetric', '上下界不对称')
def not_symmetric(rng):
    low = rng.uniform(-1, 3, size=2)
    return drawn(rng, low, low + rng.uniform(0.5, 5, size=2))


def probe(function, low, high, states, *weights):
    """The output of a model with one hidden layer and the reader's layers, with given weights."""
    low, high, states, *weights = (one.astype(np.float32) for one in (low, high, states, *weights))
    state = tl.layers.Input([None, 3], tf.float32)
    mean = function(tl.layers.Dense(4, tf.nn.tanh)(state), low, high)
    if mean is None or isinstance(mean, np.ndarray | tuple | list):
        return mean
    model = tl.models.Model(state, mean)
    model.train()
    has, wanted = ([tuple(one.shape) for one in list_of] for list_of in (model.all_weights, weights))
    if has != wanted:
        raise Wrong(
            f'The model needs one dense layer with {len(low)} outputs after the hidden layer; yours has the weights {has[2:]}.',
            f'隐藏层之后应该有一个输出个数为 {len(low)} 的全连接层；现在的权重是 {has[2:]}。',
        )
    for variable, value in zip(model.all_weights, weights, strict=True):
        variable.assign(value)
    return model(states)


task.probe = probe


@task.right
def in_numpy(low, high, states, hidden, hidden_biases, matrix, biases):
    squashed = np.tanh(np.tanh(states @ hidden + hidden_biases) @ matrix + biases)
    return low + (squashed + 1) / 2 * (high - low)


def with_layers(activation, scale):
    """A mistake: a dense layer with `activation`, and what `scale(low, high)` does with its output."""

    def function(layer, low, high):
        return tl.layers.Lambda(scale(low, high))(tl.layers.Dense(len(low), activation)(layer))

    return function


def tanh(x):
    return tf.tanh(x)


LAYERS = (
    (
        with_layers(None, lambda low, high: lambda x: x * (high - low) / 2 + (high + low) / 2),
        'It looks as if tanh is missing: the mean can lie outside the bounds.',
        '看起来漏了 tanh：均值会越出上下界。',
    ),
    (
        with_layers(tanh, lambda low, high: lambda x: x * high),
        'It looks as if you multiply by high alone: that is right only for symmetric bounds.',
        '看起来只乘了 high：那只适用于对称的上下界。',
    ),
    (
        with_layers(tanh, lambda low, high: lambda x: x * (high - low) / 2),
        'It looks as if the centre is missing: + (high + low) / 2.',
        '看起来漏了中点：+ (high + low) / 2。',
    ),
    (
        with_layers(tanh, lambda low, high: lambda x: x * (high - low) + (high + low) / 2),
        'It looks as if you multiply by the whole range: tanh already spans 2, so half the range will do.',
        '看起来乘了整个区间：tanh 的跨度已经是 2，所以只乘半个区间。',
    ),
    (
        with_layers(tanh, lambda low, high: lambda x: x * (high - low) / 2 + low),
        'It looks as if you add low: add the centre, (high + low) / 2.',
        '看起来加的是 low：应该加中点 (high + low) / 2。',
    ),
    (
        with_layers(tanh, lambda low, high: lambda x: x),
        'It looks as if the mean is not scaled: it lies in (-1, 1).',
        '看起来均值没有缩放：还在 (-1, 1) 内。',
    ),
    (
        with_layers(None, lambda low, high: lambda x: tf.clip_by_value(x, low, high)),
        'It looks as if the mean is clipped: outside the bounds a clipped mean has no gradient. Use tanh.',
        '看起来裁剪了均值：越界之后，裁剪过的均值没有梯度。请用 tanh。',
    ),
    (
        with_layers(None, lambda low, high: lambda x: tf.tanh(x * (high - low) / 2 + (high + low) / 2)),
        'It looks as if tanh comes last: first tanh, then the scale.',
        '看起来 tanh 用在了最后：应该先 tanh，再缩放。',
    ),
    (
        with_layers(lambda x: tf.tanh(tf.tanh(x)), lambda low, high: lambda x: x * (high - low) / 2 + (high + low) / 2),
        'It looks as if tanh is taken twice.',
        '看起来用了两次 tanh。',
    ),
    (
        with_layers(lambda x: tf.sigmoid(x), lambda low, high: lambda x: low + x * (high - low)),
        "It looks as if a sigmoid takes tanh's place: the book's actor has tanh.",
        '看起来用 sigmoid 代替了 tanh：书中的行动者用 tanh。',
    ),
)
for function, en, zh in LAYERS:
    task.mistake(en, zh)(function)
