import math

from common.backend import tf


def gaussian_log_prob(mean, log_std, actions):
    z = (actions - mean) * tf.exp(-log_std)
    return -0.5 * tf.reduce_sum(tf.square(z) + 2 * log_std + math.log(2 * math.pi), axis=-1)
