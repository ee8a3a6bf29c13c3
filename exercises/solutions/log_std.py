from common.backend import tf, tl


class LogStd(tl.layers.Layer):
    def __init__(self, init):
        super().__init__()
        self.init = init
        self.build(None)
        self._built = True

    def build(self, inputs_shape):
        initial = tl.initializers.Constant(self.init)
        self.log_std = self._get_weights('log_std', shape=self.init.shape, init=initial)

    def forward(self, mean):
        return tf.zeros_like(mean) + self.log_std
