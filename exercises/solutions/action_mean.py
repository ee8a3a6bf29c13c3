from common.backend import tf, tl


def action_mean(layer, low, high):
    centre, half = (high + low) / 2, (high - low) / 2
    squashed = tl.layers.Dense(len(low), tf.nn.tanh)(layer)
    return tl.layers.Lambda(lambda x: x * half + centre)(squashed)
