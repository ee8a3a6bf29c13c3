from common.backend import tf


def clipped_objective(log_prob, old_log_prob, adv, clip):
    ratio = tf.exp(log_prob - old_log_prob)
    clipped = tf.clip_by_value(ratio, 1 - clip, 1 + clip)
    return tf.reduce_mean(tf.minimum(ratio * adv, clipped * adv))
