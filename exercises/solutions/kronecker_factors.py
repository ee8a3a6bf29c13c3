import numpy as np


def kronecker_factors(inputs, gradients):
    a = np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1)
    return a.T @ a / len(a), gradients.T @ gradients / len(gradients)
