"""The free log standard deviation as a layer of the actor. It has its own module because its base class loads TensorLayer."""

from common.backend import tf, tl


class LogStd(tl.layers.Layer):  # type: ignore[name-defined]  # tl is loaded when first used
    """The free log standard deviation, one number per action dimension, as a layer: so the model trains it and saves it.

    With a `final` value it is not trained: `networks.anneal_std` moves it there. The layer takes the mean, (N, action_dim), and
    returns the log standard deviation in the same shape.
    """

    def __init__(self, init, final=None, name=None):
        super().__init__(name)
        self.init, self.final = init, final
        self.build(None)
        self._built = True

    def build(self, inputs_shape):
        initial = tl.initializers.Constant(self.init)
        self.log_std = self._get_weights('log_std', shape=self.init.shape, init=initial, trainable=self.final is None)

    def forward(self, mean):
        return tf.zeros_like(mean) + self.log_std
