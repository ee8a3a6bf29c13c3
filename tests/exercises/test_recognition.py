"""Solutions pass, every recognised mistake is called by its sentence, and nothing passes that does not look at its inputs."""

import inspect
import re
from importlib import import_module
from pathlib import Path

from common.backend import tf
from exercises import tasks
from exercises.checking import PASSED, UNTOUCHED, WRONG, check
from exercises.task import LANGUAGES

import numpy as np
import pytest

TASKS = {name: tasks.load(name) for name in tasks.NAMES}
MISTAKES = [(task, mistake) for task in TASKS.values() for mistake in task.mistakes]
of_each_exercise = pytest.mark.parametrize('task', TASKS.values(), ids=TASKS)


def solution(task):
    return getattr(import_module(f'exercises.solutions.{task.name}'), task.function)


def as_the_reader_writes_it(task, function):
    """A mistake as a function of the reader's: it takes tensors, and answers with one."""
    if not task.tensors or task.probe:
        return function

    def plain(one):
        return one.numpy().astype(np.float64) if isinstance(one, tf.Tensor) else one

    return lambda *arguments: tf.constant(function(*map(plain, arguments)), tf.float32)


def says(task, function):
    """What the checker says of a wrong function in English, in one text."""
    verdict = check(task, function)
    assert verdict.state == WRONG
    assert all(words.en and words.zh for words in verdict.says)
    return ' '.join(words.en for words in verdict.says)


@of_each_exercise
def test_the_solution_passes(task):
    verdict = check(task, solution(task))
    assert (verdict.state, verdict.says) == (PASSED, ())


@pytest.mark.parametrize(('task', 'mistake'), MISTAKES, ids=[f'{task.name}-{i}' for i, (task, _) in enumerate(MISTAKES)])
def test_a_usual_mistake_is_recognised(task, mistake):
    with np.errstate(all='ignore'):
        verdict = check(task, as_the_reader_writes_it(task, mistake.function))
    assert (verdict.state, verdict.says) == (WRONG, (mistake.says,))


@of_each_exercise
@pytest.mark.parametrize('constant', [0.0, 1.0, -0.5])
def test_no_constant_passes_whatever_its_shape(task, constant):
    _, draw = next(iter(task.draws()))
    right = task.solve(*draw())
    for parts in (right, 0.0) if task.parts else ((right,), (0.0,)):
        filled = tuple(np.full(np.shape(part), constant) for part in parts) if isinstance(parts, tuple) else constant
        answer = filled if task.parts or not isinstance(filled, tuple) else filled[0]
        assert check(task, lambda *_, answer=answer: answer).state == WRONG


@of_each_exercise
def test_the_right_answer_to_the_first_input_does_not_pass(task):
    _, draw = next(iter(task.draws()))
    right = task.solve(*draw())
    assert check(task, lambda *_: right).state == WRONG


@of_each_exercise
def test_no_argument_passes(task):
    arity = len(inspect.signature(solution(task)).parameters)
    for index in range(arity):
        verdict = check(task, lambda *arguments, index=index: arguments[index])
        assert verdict.state == WRONG


@of_each_exercise
def test_what_is_still_to_be_written_is_no_error(task):
    def untouched(*_):
        raise NotImplementedError

    assert check(task, untouched).state == UNTOUCHED


def test_wrong_kinds_of_answers_have_their_lines():
    task = TASKS['gae']
    right = solution(task)
    assert 'returns None' in says(task, lambda *a: None)
    assert 'returns a list' in says(task, lambda *a: right(*a).tolist())
    assert 'returns a str' in says(task, lambda *a: 'A')
    assert 'holds int64 numbers' in says(task, lambda *a: right(*a).astype(np.int64))
    assert 'holds NaN' in says(task, lambda *a: right(*a) * np.nan)
    assert 'infinite' in says(task, lambda *a: right(*a) + np.inf)
    assert 'transposed' in says(task, lambda *a: right(*a).T)
    assert 'has shape (8, 3, 1), and should have (8, 3)' in says(task, lambda *a: right(*a)[..., None])
    density, log_prob = TASKS['gaussian_log_prob'], solution(TASKS['gaussian_log_prob'])
    assert 'later product of (N, 1) and (N,) would be (N, N)' in says(density, lambda *a: log_prob(*a)[:, None])
    twice = says(density, lambda mean, log_std, actions: mean + 2 * actions)
    assert twice == 'It has shape (6, 3), and should have (6,). A sum over the last dimension is missing.'
    assert 'were broadcast to (N, N)' in says(density, lambda *a: log_prob(*a) + log_prob(*a)[:, None])
    rows = np.array([[1.0, None], [2.0, 3.0]], dtype=object)
    assert 'returns an array of objects: its rows are not all numbers' in says(task, lambda *a: rows)
    objective = TASKS['clipped_objective']
    assert 'returns a list: return one number' in says(objective, lambda *a: [1.0])
    assert 'Return one number: take the mean' in says(objective, lambda log_prob, *a: log_prob[:2] * 2)
    assert 'must return 2 things: A, G' in says(TASKS['kronecker_factors'], lambda *a: a[0])


def test_other_wrong_numbers_are_described():
    task = TASKS['discounted_sums']
    right = solution(task)
    assert 'is 3 times the right one' in says(task, lambda *a: 3 * right(*a))
    assert 'has the wrong sign' in says(task, lambda *a: -right(*a))
    assert 'is 2 more than the right one' in says(task, lambda *a: right(*a) + 2)
    one_environment = says(task, lambda rewards, gamma: right(rewards, gamma) ** (1 if rewards.shape[1] == 1 else 2))
    assert one_environment.startswith('Right: one environment. Wrong: several environments. ')
    nowhere = says(task, lambda *a: right(*a) ** 2)
    assert nowhere.startswith('Wrong for every kind of input (one environment; several environments). ')


def test_one_wrong_number_is_shown_with_its_input():
    def off_at_2(*a):
        mean = solution(TASKS['soft_target'])(*a).numpy()
        mean[2:] += (1, 3, 2, *[0] * (len(mean) - 5))
        return tf.constant(mean)

    task = TASKS['soft_target']
    _, draw = next(iter(task.draws()))
    good = task.solve(*draw())[2]
    kind = task.cases[0].called.en
    assert says(task, off_at_2).endswith(
        f'In an input of the kind “{kind}”, element [2] is {good + 1:.6g} and should be {good:.6g}.'
    )
    factors = TASKS['kronecker_factors']
    _, draw = next(iter(factors.draws()))
    wrong = says(factors, lambda *a: (solution(factors)(*a)[0], solution(factors)(*a)[1] ** 2))
    assert ', element [0, 0] of G is ' in wrong
    assert ', the result is ' in says(TASKS['penalty_coefficient'], lambda beta, *_: beta**2)


def test_of_sums_that_run_backwards_the_last_wrong_row_is_shown():
    """The rows before it are wrong because it is."""

    def wrong_at_a_death(rewards, values, terminated, truncated, gamma, lam):
        advantages, following = np.empty_like(rewards), 0
        for t in reversed(range(len(rewards))):
            delta = rewards[t] + gamma * np.where(terminated[t], 1, values[t + 1]) - values[t]
            following = delta + gamma * lam * np.where(terminated[t] | truncated[t], 0, following)
            advantages[t] = following
        return advantages

    task = TASKS['gae']
    rewards, values, *_ = task.cases[1].draw(np.random.default_rng((1, 0)))
    good = rewards[7, 1] - values[7, 1]
    assert says(task, wrong_at_a_death).endswith(
        'The sums run backwards, so look at the last wrong row. In an input of the kind “some episodes end by a death”: '
        f'[7, 1] is {good + 0.9:.6g} and should be {good:.6g}; there terminated is True.'
    )


@pytest.mark.parametrize(
    ('name', 'old', 'new', 'said'),
    [
        ('discounted_sums', 'return y', 'return y[::-1]', 'row 0 belongs to the first step'),
        ('discounted_sums', 'reversed(range(len(rewards)))', 'reversed(range(len(rewards) - 1))', 'the last step is left out'),
        (
            'gae', 'np.where(ended, 0, following)', '(1 - 1.0 * terminated[t] - truncated[t]) * following',
            'is counted twice: use terminated[t] | truncated[t]',
        ),
        (
            'gae', 'ended = terminated[t] | truncated[t]',
            'ended = (terminated[t + 1] | truncated[t + 1]) if t + 1 < len(rewards) else terminated[t] & False',
            'the ends in the sum come from the wrong step, t + 1',
        ),
        ('gae', 'where(terminated[t],', 'where(terminated[t] & (t + 1 < len(rewards)),', 'the last step is never a death'),
        ('gae', 'where(terminated[t],', 'where(truncated[t],', 'are swapped in the TD error'),
        ('gae', '- values[t]', '- np.where(terminated[t], 0, values[t])', 'V(s_t) is left out after a death'),
        ('gae', 'np.zeros_like(rewards[0])', 'values[-1]', 'the sum starts from the last value'),
        ('gaussian_log_prob', 'tf.square(z)', 'tf.square(actions - mean) / tf.exp(log_std)', 'divide by σ first, then square'),
        ('gaussian_log_prob', 'math.log(2', '2 * math.log(2', 'the 1/2 before log 2π is missing'),
        (
            'clipped_objective', 'tf.minimum(ratio * adv, clipped * adv)',
            'tf.minimum(ratio * adv, tf.clip_by_value(ratio * adv, 1 - clip, 1 + clip))',
            'the product of ratio and A is clipped',
        ),
    ],
)  # fmt: skip
def test_a_solution_with_one_slip_is_recognised(name, old, new, said):
    source = Path(inspect.getsourcefile(import_module(f'exercises.solutions.{name}'))).read_text(encoding='utf-8')
    assert source.count(old) == 1
    module = {}
    exec(source.replace(old, new).replace('np.empty_like', 'np.zeros_like'), module)
    assert said in says(TASKS[name], module[name])


def test_a_function_that_changes_its_arguments_is_told_so():
    def in_place(rewards, gamma):
        for t in reversed(range(len(rewards) - 1)):
            rewards[t] += gamma * rewards[t + 1]
        return rewards

    assert 'changes an array that it was given' in says(TASKS['discounted_sums'], in_place)


def test_a_function_that_does_not_compile_is_told_so():
    def with_numpy(mean, log_std, actions):
        z = (actions.numpy() - mean.numpy()) / np.exp(log_std.numpy())
        return tf.constant(-0.5 * (z**2 + 2 * log_std.numpy() + np.log(2 * np.pi)).sum(1), tf.float32)

    verdict = check(TASKS['gaussian_log_prob'], with_numpy, Path(__file__))
    text, line, reason = verdict.says[0].en.split('\n')
    assert 'a training compiles your function, and that fails' in text
    assert text.endswith('none of NumPy or math, except on plain numbers.')
    assert re.fullmatch(rf'  {re.escape(__file__)}:\d+: z = \(actions\.numpy\(\) - .*', line)
    assert reason == "  AttributeError: 'SymbolicTensor' object has no attribute 'numpy'"
    assert verdict.says[0].zh.endswith(f'{line}\n{reason}')


def test_a_layer_that_does_not_fit_is_told_so():
    assert 'needs one dense layer with 1 outputs' in says(TASKS['action_mean'], lambda layer, low, high: layer)


def test_the_books_errata_are_among_the_mistakes():
    def numbers(text):
        return {
            int(one) for words in re.findall(r'(?:errat(?:um|a)|勘误) ([\d、 and]+)', text) for one in re.findall(r'\d+', words)
        }

    for _, mistake in MISTAKES:
        assert numbers(mistake.says.en) == numbers(mistake.says.zh)
    assert set.union(*(numbers(mistake.says.en) for _, mistake in MISTAKES)) == {1, 2, 3, 4, 6, 7, 10, 11, 12, 13, 14}


@of_each_exercise
def test_the_texts_name_every_argument_and_hints_come_in_steps(task):
    assert len(task.hints) >= 3
    assert len(task.mistakes) >= 8
    for language in LANGUAGES:
        text = task.text.of(language)
        if task.name != 'log_std':  # whose methods TensorLayer calls
            for argument in inspect.signature(solution(task)).parameters:
                assert re.search(rf'^.*\b{argument}\b.*  ', text, re.M), argument
        assert all(words.of(language) for words in (task.title, task.source, *task.hints))
    assert re.search('[一-鿿]', task.text.zh)
    assert not re.search('[一-鿿]', ''.join(words.en for words in (task.title, task.source, task.text, *task.hints)))
