"""The exercises, a module each, in the order of the chapters."""

from importlib import import_module

NAMES = (
    'discounted_sums', 'gae', 'gaussian_log_prob', 'pseudo_loss', 'clipped_objective', 'gaussian_kl', 'penalty_coefficient',
    'conjugate_gradient', 'hessian_vector_product', 'line_search', 'action_mean', 'log_std', 'kronecker_factors',
    'squashed_log_prob', 'soft_target',
)  # fmt: skip

NEEDED = {  # what can be trained with the reader's functions, and the exercises that it needs
    'minimal': ('pseudo_loss',),
    'ppo': ('gae', 'gaussian_log_prob', 'clipped_objective'),
    'ppo-penalty': ('gae', 'gaussian_log_prob', 'gaussian_kl', 'penalty_coefficient'),
    'trpo': ('gae', 'gaussian_log_prob', 'gaussian_kl', 'conjugate_gradient', 'hessian_vector_product', 'line_search'),
    'a2c': ('gae', 'gaussian_log_prob', 'action_mean', 'log_std'),
    'sac': ('squashed_log_prob', 'soft_target'),
}


def load(name):
    """The `Task` of an exercise."""
    return import_module(f'exercises.tasks.{name}').task
