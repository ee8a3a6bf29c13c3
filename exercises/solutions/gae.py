import numpy as np


def gae(rewards, values, terminated, truncated, gamma, lam):
    advantages = np.empty_like(rewards)
    following = np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        next_value = np.where(terminated[t], 0, values[t + 1])
        delta = rewards[t] + gamma * next_value - values[t]
        ended = terminated[t] | truncated[t]
        following = delta + gamma * lam * np.where(ended, 0, following)
        advantages[t] = following
    return advantages
