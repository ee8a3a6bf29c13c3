import numpy as np


def conjugate_gradient(Ax, b, iterations):
    x, r, p = np.zeros_like(b), b.copy(), b.copy()
    r_dot_r = r @ r
    for _ in range(iterations):
        if r_dot_r <= 1e-10:
            break
        z = Ax(p)
        step = r_dot_r / (p @ z)
        x = x + step * p
        r = r - step * z
        r_dot_r_new = r @ r
        p = r + r_dot_r_new / r_dot_r * p
        r_dot_r = r_dot_r_new
    return x
