import numpy as np


def discounted_sums(rewards, gamma):
    y = np.empty_like(rewards)
    following = np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        following = rewards[t] + gamma * following
        y[t] = following
    return y
