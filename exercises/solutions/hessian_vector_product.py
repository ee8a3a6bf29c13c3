from common.backend import tf


def hessian_vector_product(kl, weights, x, damping):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            d_kl = kl()
        gradients = inner.gradient(d_kl, weights)
        flat = tf.concat([tf.reshape(one, [-1]) for one in gradients], axis=0)
        gradient_times_x = tf.reduce_sum(flat * x)
    products = outer.gradient(gradient_times_x, weights)
    return tf.concat([tf.reshape(one, [-1]) for one in products], axis=0) + damping * x
