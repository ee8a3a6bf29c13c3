from common.backend import tf


def soft_target(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    value = tf.minimum(q1, q2) - alpha * log_prob
    return reward + gamma * (1 - terminated) * value
