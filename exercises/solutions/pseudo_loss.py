import math

from common.backend import tf


def pseudo_loss(mu, sigma, action, reward):
    log_prob = -0.5 * tf.square((action - mu) / sigma) - tf.math.log(sigma) - 0.5 * math.log(2 * math.pi)
    return -reward * log_prob
