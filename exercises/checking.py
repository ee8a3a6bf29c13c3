"""Checks what a reader wrote: compares its answers with the right ones and says which usual mistake they look like.

A mistake is recognised by its numbers: it is computed on the same inputs, and its answers are compared with the reader's. How
the reader's function is written does not matter.
"""

import inspect
import re
import traceback
from typing import NamedTuple

from common.backend import tf
from common.errors import one_line
from exercises.task import Words, Wrong

import numpy as np

PASSED, WRONG, UNTOUCHED = 'passed', 'wrong', 'untouched'
STILL_TO_WRITE = Words('It is still to be written.', '这道题还没有写。')


class Verdict(NamedTuple):
    """What came of a check: one of PASSED, WRONG, UNTOUCHED, and what to say to the reader."""

    state: str
    says: tuple[Words, ...]


def check(task, function, file=None):
    """The `Verdict` on a function; `file`, its file, tells the reader's own lines from others in a traceback."""
    answers, complaints = [], []
    for case, draw in task.draws():
        arguments = _as_given(task, draw())
        try:
            answer = task.call(function, arguments)
        except NotImplementedError:
            return Verdict(UNTOUCHED, (STILL_TO_WRITE,))
        except Wrong as wrong:
            return Verdict(WRONG, (wrong.says,))
        except (Exception, SystemExit) as error:
            return Verdict(WRONG, (raised(error, file),))
        if _changed(arguments, draw()):
            says = Words(
                'Your function changes an array that it was given. Write into an array of your own: y = np.empty_like(x).',
                '函数改动了传进来的数组。请写进自己新建的数组：y = np.empty_like(x)。',
            )
            return Verdict(WRONG, (says,))
        right = _parts(task.solve(*draw()))
        try:
            answers.append((case, draw, _taken(task, answer, right), right))
        except Wrong as wrong:
            complaints.append(wrong.says)
    if complaints:
        return Verdict(WRONG, complaints[:1])
    if all(_same(answer, right, task.tolerance) for _, _, answer, right in answers):
        says = _in_compiled_code(task, function, answers[0], file) if task.tensors and not task.probe else None
        return Verdict(WRONG, (says,)) if says else Verdict(PASSED, ())
    return Verdict(WRONG, _diagnosis(task, answers))


def _as_given(task, arguments):
    """The arguments as the reader's function gets them: float arrays are tensors where the exercise is about tensors."""
    if not task.tensors or task.probe:
        return arguments
    return [tf.constant(one, tf.float32) if isinstance(one, np.ndarray) else one for one in arguments]


def _changed(arguments, before):
    pairs = zip(arguments, before, strict=True)
    return any(isinstance(one, np.ndarray) and not np.array_equal(one, was, equal_nan=True) for one, was in pairs)


def _parts(answer):
    return tuple(np.asarray(part) for part in (answer if isinstance(answer, tuple) else (answer,)))


def _taken(task, answer, right):
    """The parts of an answer as arrays; raises Wrong where they cannot be numbers."""
    if answer is None:
        raise Wrong('Your function returns None: is there a return?', '函数返回 None：是不是忘了写 return？')
    count = len(task.parts) or 1
    if count > 1 and not (isinstance(answer, tuple | list) and len(answer) == count):
        names = ', '.join(task.parts)
        raise Wrong(f'Your function must return {count} things: {names}.', f'函数要返回 {count} 个结果：{names}。')
    if count == 1 and isinstance(answer, tuple | list):
        kind = type(answer).__name__
        one = Words('array', '数组') if right[0].ndim else Words('number', '数')
        raise Wrong(f'Your function returns a {kind}: return one {one.en}.', f'函数返回了 {kind}：请返回一个{one.zh}。')
    arrays = []
    for part in answer if count > 1 else (answer,):
        try:
            array = np.asarray(part)
        except Exception:
            array = np.asarray(None)
        if isinstance(part, np.ndarray) and array.dtype.kind == 'O':
            raise Wrong(
                'Your function returns an array of objects: its rows are not all numbers.',
                '函数返回的数组里是对象：各行不全是数值。',
            )
        if array.dtype.kind not in 'fiub':
            kind = type(part).__name__
            raise Wrong(f'Your function returns a {kind}: return numbers.', f'函数返回了 {kind}：请返回数值。')
        arrays.append(array)
    return tuple(arrays)


def _same(answer, right, tolerance):
    """Whether two answers have the same shapes, and the same numbers but for rounding."""
    return len(answer) == len(right) and all(
        one.shape == other.shape and one.dtype.kind == 'f' and np.allclose(one, other, tolerance, tolerance, equal_nan=True)
        for one, other in zip(answer, right, strict=True)
    )


def _diagnosis(task, answers):
    """What a wrong answer looks like: a usual mistake, or else what its shapes and its numbers say."""
    for mistake in task.mistakes:
        if all(_same(answer, _answer_of(task, mistake, draw), task.tolerance) for _, draw, answer, _ in answers):
            return (mistake.says,)
    hardest_first = answers[::-1]  # in an easy input a dimension may have size 1, which hides what is wrong
    for judge, those in ((_of_shape, hardest_first), (_of_kind, answers)):
        for _, _, answer, right in those:
            for index, (one, other) in enumerate(zip(answer, right, strict=True)):
                says = judge(one, other)
                if says:
                    return (_named(task, index, says),)
    return tuple(filter(None, [_whole(answers), *_where(task, answers)]))


def _answer_of(task, mistake, draw):
    """The answer of a mistake, or () where it has none."""
    with np.errstate(all='ignore'):
        try:
            return _parts(task.call(mistake.function, draw()))
        except Exception:
            return ()


def _named(task, index, says):
    if not task.parts:
        return says
    return Words(f'{task.parts[index]}: {says.en}', f'{task.parts[index]}：{says.zh}')


def _of_shape(answer, right):
    """What to say of an answer whose shape is wrong, or None."""
    has, wanted = answer.shape, right.shape
    if has == wanted:
        return None
    sizes = Words(f'It has shape {has}, and should have {wanted}.', f'形状是 {has}，应该是 {wanted}。')
    if has == (*wanted, 1) or has == (1, *wanted):
        return Words(
            f'{sizes.en} A later product of (N, 1) and (N,) would be (N, N): remove the dimension of 1.',
            f'{sizes.zh}以后 (N, 1) 和 (N,) 相乘会变成 (N, N)：请去掉大小为 1 的那一维。',
        )
    if len(wanted) == 1 and has == wanted * 2:
        return Words(
            f'{sizes.en} Somewhere an array of shape (N, 1) met one of shape (N,), and they were broadcast to (N, N).',
            f'{sizes.zh}某处 (N, 1) 的数组和 (N,) 的数组相遇，被广播成了 (N, N)。',
        )
    if not wanted:
        return Words(
            f'{sizes.en} Return one number: take the mean over the batch, if the equation has one.',
            f'{sizes.zh}请返回一个数：公式若对整批数据取平均，别忘了这一步。',
        )
    if has == wanted[::-1]:
        return Words(f'{sizes.en} It is transposed.', f'{sizes.zh}行列颠倒了。')
    if not has:
        return Words(f'{sizes.en} Something was summed over everything.', f'{sizes.zh}求和或平均时把所有维都合并了。')
    if len(has) > len(wanted):
        return Words(f'{sizes.en} A sum over the last dimension is missing.', f'{sizes.zh}还缺一次对最后一维的求和。')
    return sizes


def _of_kind(answer, right):
    """What to say of an answer that is no floating-point number, or not finite, or None."""
    if answer.dtype.kind != 'f':
        return Words(
            f'It holds {answer.dtype} numbers: use floating-point numbers, such as np.zeros(shape).',
            f'里面的数是 {answer.dtype} 类型：请用浮点数，例如 np.zeros(形状)。',
        )
    if np.isnan(answer).any() and not np.isnan(right).any():
        return Words(
            'It holds NaN: a division 0 / 0, or the logarithm or the root of a negative number.',
            '里面有 NaN：可能是 0 / 0，或者对负数取了对数或开方。',
        )
    if np.isinf(answer).any() and not np.isinf(right).any():
        return Words(
            'It holds infinite numbers: a division by 0, exp of a large number or log 0.',
            '里面有无穷大：可能是除以 0、对大数取 exp 或 log 0。',
        )
    return None


def _whole(answers):
    """What to say where all numbers are wrong in the same way, or None."""
    mine = np.concatenate([part.ravel() for _, _, answer, _ in answers for part in answer]).astype(np.float64)
    right = np.concatenate([part.ravel() for _, _, _, parts in answers for part in parts]).astype(np.float64)
    close = dict(rtol=1e-3, atol=1e-4)
    if np.ptp(mine) < 1e-9 and np.ptp(right) > 1e-3:
        return Words('Your function answers the same number to every input.', '不论输入是什么，函数总是返回同一个数。')
    if np.allclose(mine, -right, **close):
        return Words('Every number has the wrong sign.', '每个数的正负号都反了。')
    factor = mine @ right / (right @ right)
    if abs(factor) > 1e-3 and np.allclose(mine, factor * right, **close):
        return Words(f'Every number is {factor:.4g} times the right one.', f'每个数都是正确值的 {factor:.4g} 倍。')
    offset = np.mean(mine - right)
    if np.allclose(mine, right + offset, **close):
        return Words(f'Every number is {offset:.4g} more than the right one.', f'每个数都比正确值大 {offset:.4g}。')
    return None


def _where(task, answers):
    """Which cases are right, and one number that is wrong."""
    wrong = [one for one in answers if not _same(one[2], one[3], task.tolerance)]
    failed = [one.called for one in dict.fromkeys(case for case, *_ in wrong)]
    fine = [one.called for one in task.cases if one.called not in failed]
    listed = Words('; '.join(one.en for one in failed), '；'.join(one.zh for one in failed))
    if fine:
        yield Words(f'Right: {"; ".join(one.en for one in fine)}.', f'正确的情形：{"；".join(one.zh for one in fine)}。')
        yield Words(f'Wrong: {listed.en}.', f'错误的情形：{listed.zh}。')
    else:
        yield Words(f'Wrong for every kind of input ({listed.en}).', f'每种输入的结果都不对（{listed.zh}）。')
    case, draw, answer, right = wrong[0]
    for index, (one, other) in enumerate(zip(answer, right, strict=True)):
        off = np.argwhere(~np.isclose(one, other, task.tolerance, task.tolerance))
        if len(off):
            part = task.parts[index] if task.parts else ''
            yield _at_the_last_row(task, case, draw, one, other, off) if task.backwards else _at(case, part, one, other, off[0])
            return


def _at(case, part, answer, right, place):
    """The line for one wrong number; `part` names what holds it, if the function returns several things."""
    place = tuple(place.tolist())
    mine, good = f'{answer[place]:.6g}', f'{right[place]:.6g}'
    if place:
        at = f'[{", ".join(map(str, place))}]'
        what = Words(f'element {at} of {part}' if part else f'element {at}', f'{part} 的元素 {at}' if part else f'元素 {at}')
    else:
        what = Words(part or 'the result', part or '结果')
    return Words(
        f'In an input of the kind “{case.called.en}”, {what.en} is {mine} and should be {good}.',
        f'在“{case.called.zh}”这种输入里，{what.zh} 是 {mine}，应该是 {good}。',
    )


def _at_the_last_row(task, case, draw, answer, right, off):
    """The line for the last wrong row, with the flags that are True there."""
    place = tuple(off[off[:, 0] == off[:, 0].max()][0].tolist())
    named = dict(zip(inspect.signature(task.solve).parameters, draw(), strict=True))
    flags = [name for name, one in named.items() if isinstance(one, np.ndarray) and one.dtype == bool and one[place]]
    at, mine, good = f'[{", ".join(map(str, place))}]', f'{answer[place]:.6g}', f'{right[place]:.6g}'
    there = Words(f'; there {" and ".join(flags)} {"are" if flags[1:] else "is"} True', f'；那里 {" 和 ".join(flags)} 为 True')
    there = there if flags else Words('', '')
    return Words(
        f'The sums run backwards, so look at the last wrong row. In an input of the kind “{case.called.en}”: {at} is {mine} '
        f'and should be {good}{there.en}.',
        f'累加是从后往前的，所以请看最后一个错误的行。在“{case.called.zh}”这种输入里：{at} 是 {mine}，'
        f'应该是 {good}{there.zh}。',
    )


def _in_compiled_code(task, function, first, file):
    """What to say where a function that is right does not compile, as trainings do, or None."""
    _, draw, answer, _ = first
    try:
        compiled = tf.function(function, autograph=True)(*_as_given(task, draw()))
    except Exception as error:
        why = _of_compiling(error, file)
        return Words(
            'The numbers are right, but a training compiles your function, and that fails. For tensors use only functions of '
            'TensorFlow, such as tf.exp and tf.reduce_sum, and none of NumPy or math, except on plain numbers.\n'
            f'  {why}',
            '数值正确，但训练时要编译这个函数，而编译失败了。对张量请只用 TensorFlow 的函数，例如 tf.exp 和 '
            'tf.reduce_sum；NumPy 和 math 的函数只能用于普通的数。\n'
            f'  {why}',
        )
    if not hasattr(compiled, 'dtype') or compiled.dtype != tf.float32 or not _same(_parts(compiled), answer, task.tolerance):
        return Words(
            'The numbers are right, but compiled your function answers something else: use only functions of TensorFlow.',
            '数值正确，但编译之后结果就不同了：请只用 TensorFlow 的函数。',
        )
    return None


def _of_compiling(error, file):
    """What TensorFlow says of a function that it cannot compile: the reader's line, if it names one, and the reason.

    Its text has "in user code:", the traceback and the reason, with empty lines between them.
    """
    _, *middle, reason = ['', *re.split(r'\n\s*\n', str(error).strip())]
    lines = re.findall(r'File "(.*)", line (\d+), in .*\n\s*(.*)', '\n'.join(middle))
    mine = [f'{path}:{number}: {line}\n  ' for path, number, line in lines if path == str(file)]
    reason = ' '.join(reason.split()) if middle else one_line(error)
    return (mine[-1] if mine else '') + reason


def raised(error, file):
    """What to say of an exception: its line in the reader's file, without the rest of the traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if file and frame.filename == str(file)]
    line = f'{file}:{frames[-1].lineno}: {frames[-1].line}' if frames else ''
    if isinstance(error, SystemExit):
        return Words(
            f'Your file ends Python (exit or sys.exit) in this line:\n  {line}\n  Remove it.',
            f'你的文件在这一行结束了 Python（exit 或 sys.exit）：\n  {line}\n  请删掉它。',
        )
    what = one_line(error)
    if len(what) > 300:
        what = what[:300] + ' ...'
    more = Words('', '')
    if 'truth value' in what:
        more = Words(
            '\n  An if, and, or, min on arrays looks at one number only: use np.where, |, or tf.minimum.',
            '\n  对数组用 if、and、or、min 时，只能看一个数：请改用 np.where、| 或 tf.minimum。',
        )
    if not line:
        return Words(f'It raises {what}{more.en}', f'运行时出错：{what}{more.zh}')
    return Words(
        f'It raises an error in this line:\n  {line}\n  {what}{more.en}', f'运行到这一行时出错：\n  {line}\n  {what}{more.zh}'
    )
