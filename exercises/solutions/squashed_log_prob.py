import math

from common.backend import tf


def squashed_log_prob(mean, log_std, u):
    z = (u - mean) * tf.exp(-log_std)
    log_prob = -0.5 * tf.square(z) - log_std - 0.5 * math.log(2 * math.pi)
    log_derivative = 2 * (math.log(2) - u - tf.nn.softplus(-2 * u))
    return tf.reduce_sum(log_prob - log_derivative, axis=-1)
