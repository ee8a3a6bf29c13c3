"""Exercise: a log standard deviation that is trained."""

from common.backend import tf, tl
from exercises.task import Task, Words

import numpy as np

task = Task(
    name='log_std',
    function='LogStd',
    title=Words('a log standard deviation that is trained', '能训练的对数标准差'),
    source=Words('textbook, sections 5.10.5 and 5.10.6, the actors; erratum 1', '教科书 5.10.5 和 5.10.6 节，行动者；勘误 1'),
    text=Words(
        """
You will know why the book's standard deviation is never trained, and how a layer solves that.

The book appends its variable to actor.trainable_weights. TensorLayer returns a copy of that list, so no gradient step changes
the variable, and no file holds it. If a layer owns the variable, it is a weight of the model.

    log_std(s) = w,   the same for every state, one number for each action dimension

build    makes the weight with self._get_weights(name, shape=..., init=...), and keeps it: self.log_std = ...
         self.init, (action_dim,), NumPy, has the first values; tl.initializers.Constant(self.init) is an init
forward  mean (N, action_dim) -> the log standard deviation (N, action_dim): one row for each state

The class needs both methods; __init__ is written already.
""",
        """
做完之后你会知道：书中的标准差为什么从来得不到训练，以及怎样用一个层来解决。

书中把变量追加到 actor.trainable_weights 里。TensorLayer 返回的是这个列表的副本，所以梯度下降更新的列表里没有这个变量，
存盘的文件里也没有。让一个层拥有这个变量，它就成了模型的权重。

    log_std(s) = w，对每个状态都一样，动作每一维一个数

build    用 self._get_weights(名字, shape=..., init=...) 创建权重，并保存：self.log_std = ...
         self.init 是初值，形状 (action_dim,)，NumPy 数组；tl.initializers.Constant(self.init) 可以作 init
forward  均值 (N, action_dim) -> 对数标准差 (N, action_dim)：每个状态一行

两个方法都要写；__init__ 已经写好了。
""",
    ),
    hints=(
        Words(
            "In build: self.log_std = self._get_weights('log_std', shape=self.init.shape, init=...). This adds it to the "
            "layer's list of weights.",
            "build 里：self.log_std = self._get_weights('log_std', shape=self.init.shape, init=...)。"
            '这会把它登记到层的权重列表里。',
        ),
        Words('init=tl.initializers.Constant(self.init)', 'init=tl.initializers.Constant(self.init)'),
        Words(
            'In forward: tf.zeros_like(mean) + self.log_std repeats the row for each state.',
            'forward 里：tf.zeros_like(mean) + self.log_std 会给每个状态重复这一行。',
        ),
    ),
    tensors=True,
    parts=('log_std', 'log_std after a gradient step', 'number of weights of the model'),
)
RATE = 0.1


def drawn(rng, action_dim):
    states, matrix = rng.normal(size=(5, 3)), rng.normal(size=(3, action_dim))
    return rng.normal(size=action_dim), states, matrix, rng.uniform(1, 2, size=action_dim)


@task.case('one action dimension', '一维动作')
def one_dimension(rng):
    return drawn(rng, 1)


@task.case('several action dimensions', '多维动作')
def several_dimensions(rng):
    return drawn(rng, 3)


def probe(layer, init, states, matrix, pull):
    """The output of the layer in a model, the same after a gradient step on pull * log_std, and the number of weights."""
    init, states, matrix, pull = (one.astype(np.float32) for one in (init, states, matrix, pull))
    state = tl.layers.Input([None, 3], tf.float32)
    mean = tl.layers.Dense(len(init))(state)
    model = tl.models.Model(state, [mean, layer(init)(mean)])
    model.train()
    model.all_weights[0].assign(matrix)
    weights = model.trainable_weights
    with tf.GradientTape() as tape:
        _, before = model(states)
        loss = tf.reduce_mean(before * pull)
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        weight.assign_sub(RATE * gradient if gradient is not None else tf.zeros_like(weight))
    return before, model(states)[1], tf.constant(float(len(model.all_weights)))


task.probe = probe


@task.right
def in_numpy(init, states, matrix, pull):
    rows = np.ones((len(states), 1))
    return rows * init, rows * (init - RATE * pull / len(init)), np.array(3.0)


def layer(build, forward):
    """A class of layers with these two methods, made when TensorLayer is there."""

    def make(init):
        class Layer(tl.layers.Layer):
            def __init__(self):
                super().__init__()
                self.init = init
                self.build(None)
                self._built = True

            def build(self, inputs_shape):
                self.log_std = build(self)

            def forward(self, mean):
                return forward(self, mean)

        return Layer()

    return make


def weight(layer, init=None, **options):
    init = layer.init if init is None else init
    return layer._get_weights('log_std', shape=init.shape, init=tl.initializers.Constant(init), **options)


def repeated(layer, mean):
    return tf.zeros_like(mean) + layer.log_std


LAYERS = (
    (
        layer(lambda layer: tf.Variable(layer.init), repeated),
        'It looks as if the variable is not a weight of the model (erratum 1): no gradient step changes it. Make it with '
        'self._get_weights.',
        '看起来这个变量不是模型的权重（勘误 1）：梯度下降改不了它。请用 self._get_weights 创建。',
    ),
    (
        layer(lambda layer: weight(layer, trainable=False), repeated),
        'It looks as if the weight is there but not trainable.',
        '看起来权重有了，却不可训练。',
    ),
    (
        layer(weight, lambda layer, mean: tf.exp(tf.zeros_like(mean) + layer.log_std)),
        'It looks as if forward returns the standard deviation: return its logarithm.',
        '看起来 forward 返回的是标准差：请返回它的对数。',
    ),
    (
        layer(weight, lambda layer, mean: layer.log_std),
        'It looks as if forward returns one row: there must be one for each state, (N, action_dim).',
        '看起来 forward 只返回了一行：每个状态都要有一行，形状 (N, action_dim)。',
    ),
    (
        layer(weight, lambda layer, mean: mean + layer.log_std),
        'It looks as if the mean is added to the weight: the log standard deviation is the same for every state.',
        '看起来把均值加到了权重上：对数标准差对每个状态都一样。',
    ),
    (
        layer(lambda layer: weight(layer, np.zeros_like(layer.init)), repeated),
        'It looks as if the weight begins at 0: begin at self.init.',
        '看起来权重从 0 开始：应该从 self.init 开始。',
    ),
    (
        layer(lambda layer: weight(layer, np.ones_like(layer.init)), repeated),
        'It looks as if the weight begins at 1: begin at self.init.',
        '看起来权重从 1 开始：应该从 self.init 开始。',
    ),
    (
        layer(lambda layer: weight(layer, layer.init[:1]), repeated),
        'It looks as if all action dimensions share one number: each has its own, the shape is self.init.shape.',
        '看起来动作各维共用一个数：每一维都有自己的数，形状是 self.init.shape。',
    ),
    (
        layer(lambda layer: weight(layer, np.exp(layer.init)), repeated),
        'It looks as if the weight begins at exp(self.init): self.init is a logarithm already.',
        '看起来权重从 exp(self.init) 开始：self.init 已经是对数了。',
    ),
)
for function, en, zh in LAYERS:
    task.mistake(en, zh)(function)
