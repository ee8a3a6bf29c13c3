from common.backend import tf


def gaussian_kl(old_mean, old_log_std, mean, log_std):
    squares = tf.exp(2 * old_log_std) + tf.square(old_mean - mean)
    return tf.reduce_sum(log_std - old_log_std + 0.5 * squares * tf.exp(-2 * log_std) - 0.5, axis=-1)
