"""The exercises, a module each, in the order of the chapters."""

from importlib import import_module

NAMES = (
    'discounted_sums', 'gae', 'gaussian_log_prob', 'pseudo_loss', 'clipped_objective', 'gaussian_kl', 'penalty_coefficient',
    'conjugate_gradient', 'hessian_vector_product', 'line_search', 'action_mean', 'log_std', 'kronecker_factors',
    'squashed_log_prob', 'soft_target',
)  # fmt: skip


def load(name):
    """The `Task` of an exercise."""
    return import_module(f'exercises.tasks.{name}').task
