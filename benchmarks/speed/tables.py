"""Tables and sentences of speed, in both languages, from the result file. Links are relative to the repository's root."""

from typing import NamedTuple

from benchmarks import report
from benchmarks.speed.cells import (
    A2C,
    ALONE,
    BOOK,
    BULLET,
    DEFAULT,
    LARGE,
    LISTING,
    ONE_PROCESS,
    OURS,
    PPO_CHEETAH,
    PPO_PENDULUM,
    PROCESSES,
    PUREJAX,
    SAC,
    SB3,
    SLOW,
    TRPO,
    key_of,
)

import numpy as np


class Found(NamedTuple):
    """The median, smallest and largest value of a key, their number, and the number of threads."""

    middle: float
    low: float
    high: float
    repeats: int
    threads: str


def summaries(rows, unit='steps/s'):
    """A `Found` for each key that was measured in `unit`, {key: Found}."""
    values, threads = {}, {}
    for row in rows:
        if row['unit'] == unit:
            values.setdefault(key_of(row), []).append(float(row['value']))
            threads[key_of(row)] = row['threads']
    return {key: Found(np.median(one), min(one), max(one), len(one), threads[key]) for key, one in values.items()}


def peers_of(found, what, env, schedule, num_envs=None):
    """The medians of the peers for an algorithm, {name: steps/s}.

    `num_envs`: None for each peer's best over all numbers of environments.
    """
    best = {}
    for (who, *task, count, _, how), one in found.items():
        if who not in (OURS, ALONE, LISTING) and [*task, how] == [what, env, schedule] and num_envs in (None, count):
            best[who] = max(best.get(who, 0), one.middle)
    return best


def sb3_of(peers):
    """The median of stable-baselines3 or of sb3-contrib among `peers_of`, None where there is neither."""
    return next((peers[who] for who in SB3 if who in peers), None)


def as_each_comes(who, num_envs, engine, schedule):
    """Whether a row is in the first table: not compared with the listings, and ours only with its default engine."""
    comes_with = 'envpool' if num_envs > 1 else 'gymnasium'
    return schedule not in (BOOK, DEFAULT) and (who != OURS or engine == comes_with)


def times(value, other):
    """A ratio as text, '' where there is nothing to divide by."""
    return f'{value / other:.{1 if value >= other else 2}f}' if other else ''


def rows_as_each_comes(found, words):
    """The lines of the first table: how each was measured, then median, range and ratios."""
    alone = {key[2:5]: one.middle for key, one in found.items() if key[0] == ALONE}
    lines = []
    for (who, what, env, num_envs, engine, schedule), one in found.items():
        if not as_each_comes(who, num_envs, engine, schedule):
            continue
        fastest = max(peers_of(found, what, env, schedule).values(), default=None)
        equal = sb3_of(peers_of(found, what, env, schedule, num_envs))
        name = f'**{words[who]}**' if who == OURS else words.get(who, who)
        of = [env, words.get(what, what), words.get(schedule, schedule), num_envs, name, words.get(engine, engine)]
        share = f'{one.middle / alone[env, num_envs, engine]:.0%}' if (env, num_envs, engine) in alone else ''
        speed = [one.threads, one.repeats, f'{one.middle:,.0f}', f'{one.low:,.0f} - {one.high:,.0f}']
        lines.append([*of, *speed, times(one.middle, equal), times(one.middle, fastest), share])
    return lines


def rows_same_engine(found, words):
    """The lines of the second table: ours and the peers with the same number of Gymnasium's environments."""
    lines = []
    for (who, what, env, num_envs, engine, schedule), one in found.items():
        peers = peers_of(found, what, env, schedule, num_envs)
        peers.pop(PUREJAX, None)
        if who != OURS or engine != 'gymnasium' or not peers:
            continue
        fastest = max(peers, key=peers.get)
        comes = found.get((who, what, env, num_envs, 'envpool', schedule), one)
        of = [env, what, words.get(schedule, schedule), num_envs, one.repeats]
        speeds = [f'{one.middle:,.0f}', f'{peers[fastest]:,.0f} ({fastest})', times(one.middle, peers[fastest])]
        lines.append([*of, *speeds, times(one.middle, sb3_of(peers)), times(comes.middle, sb3_of(peers))])
    return lines


def rows_of_slow(found, words):
    """The lines of the table of slow environments: how each was measured, then median, range and ratios."""
    lines = []
    for (who, _, env, num_envs, engine, _), one in found.items():
        if env not in (SLOW, BULLET):
            continue
        alone = next(other.middle for key, other in found.items() if (key[0], key[2], key[4]) == (OURS, env, ONE_PROCESS))
        best = max(other.middle for key, other in found.items() if key[0] != OURS and key[2] == env)
        ours = who == OURS and engine != ONE_PROCESS
        name = f'**{words[who]}**' if ours else words.get(who, who)
        how = words['workers'] if ours else words[engine]
        spread = f'{one.low:,.0f} - {one.high:,.0f}'
        speed = [one.repeats, f'{one.middle:,.0f}', spread, times(one.middle, alone), times(one.middle, best)]
        lines.append([words.get(env, env), name, num_envs, how, *speed])
    return lines


def rows_of_memory(rows, words):
    """The lines of the table of memory: the most that each process had in RAM at a time, in MB."""
    found = summaries(rows, 'MB')
    lines = []
    for (who, what, env, num_envs, engine, _), one in found.items():
        name = f'**{words[who]}**' if who == OURS else who
        spread = f'{one.low:,.0f} - {one.high:,.0f}'
        lines.append([env, what, num_envs, name, words.get(engine, engine), one.repeats, f'{one.middle:,.0f}', spread])
    return lines


def against_listing(found):
    """(algorithm, schedule, who, Found, times the listing) of the listings, of ours with the book's settings and by default."""
    lines = []
    for (who, what, *_, schedule), one in found.items():
        listing = next((other for key, other in found.items() if key[:2] == (LISTING, what)), None)
        if schedule in (BOOK, DEFAULT) and listing:
            lines.append((what, schedule, who, one, one.middle / listing.middle))
    return sorted(lines, key=lambda line: (line[0], line[2] != LISTING, line[1] != BOOK))


def rows_of_listing(found, words):
    """The lines of the third table."""
    lines = []
    for what, schedule, who, one, ratio in against_listing(found):
        name = f'**{words[who]}**' if who == OURS else words[who]
        how = f'`python {what.lower()}.py --train`' if schedule == DEFAULT else words.get(schedule, schedule)
        speed = [f'{one.middle:,.0f}', f'{one.low:,.0f} - {one.high:,.0f}', f'{ratio:.0f}']
        lines.append([what, name, how, one.threads, one.repeats, *speed])
    return lines


def rows_of_seconds(rows, words):
    """The lines of the last table: median and range in seconds, and the worst return of those that have one."""
    lines = []
    for key, one in summaries(rows, 's').items():
        reached = [float(row['reached']) for row in rows if key_of(row) == key and row['unit'] == 's' and row['reached']]
        flag = ' --book' if key[-1] == BOOK else ''
        label = words['minimal'] if key[1] == 'minimal' else words['cold start'].format(key[1].lower(), flag)
        spread = f'{one.low:.1f} - {one.high:.1f}'
        lines.append([label, f'{one.middle:.1f}', spread, one.repeats, f'{min(reached):.1f}' if reached else ''])
    return lines


def span(values, to):
    """The range of values as text: '2.4', or '8.9 to 11'."""
    low, high = (f'{one:.1f}' if one < 9.95 else f'{one:.0f}' for one in (min(values), max(values)))
    return low if low == high else f'{low}{to}{high}'


def claim(rows, words):
    """The READMEs' claim: how many times as fast as the listings, in one language's words."""
    lines = against_listing(summaries(rows))
    ratios = {(what, schedule): ratio for what, schedule, who, _, ratio in lines if who == OURS}
    seconds = next(one.middle for key, one in summaries(rows, 's').items() if (key[1], key[-1]) == ('PPO', DEFAULT))
    said = [ratios[what, how] for how in (BOOK, DEFAULT) for what in ('PPO', 'TRPO')]
    return words['claim'].format(*(f'{one:.0f}' for one in [*said, seconds]))


def summary(found, words):
    """The sentences on the first two tables: our speed as a multiple of stable-baselines3's and of PureJaxRL's."""
    comes, same, compiled = {}, {}, []
    for (who, what, env, num_envs, engine, schedule), one in found.items():
        peers = peers_of(found, what, env, schedule, num_envs)
        if who == OURS and (sb3 := sb3_of(peers)):
            if as_each_comes(who, num_envs, engine, schedule):
                comes.setdefault(what, []).append(one.middle / sb3)
            if engine == 'gymnasium':
                same.setdefault(what, []).append(one.middle / sb3)
            if engine == 'envpool' and PUREJAX in peers:
                compiled.append(words['at'].format(times(one.middle, peers[PUREJAX]), num_envs))
    spans = [[f'{what} {span(ratios, words["to"])}' for what, ratios in those.items()] for those in (comes, same)]
    return words['summary'].format(*map(words['comma'].join, [*spans, compiled]))


def tables(rows, words):
    """All tables of the companion's page on speed, in one language's words."""
    found = summaries(rows)
    slow = {key: found.pop(key) for key in list(found) if key[2] in (SLOW, BULLET)}
    blocks = [
        (words['first'], words['first header'], rows_as_each_comes(found, words)),
        (words['second'], words['second header'], rows_same_engine(found, words)),
        (words['slow'], words['slow header'], rows_of_slow(slow, words)),
        (words['third'], words['third header'], rows_of_listing(found, words)),
        (words['memory'], words['memory header'], rows_of_memory(rows, words)),
        (summary(found, words), words['last header'], rows_of_seconds(rows, words)),
    ]
    return '\n\n'.join(f'{title}\n\n{report.table(header, lines)}' for title, header, lines in blocks if lines)


ENGLISH = {
    OURS: OURS,
    LISTING: LISTING,
    'envpool': 'EnvPool',
    'gymnasium': 'Gymnasium',
    'first': 'Each with its own engine:',
    'first header': [
        'environment', 'algorithm', 'schedule', 'envs', 'who', 'engine', 'threads', 'repeats', 'steps/s (median)', 'range',
        'times SB3, equal envs', 'times the fastest peer', "share of the engine's speed",
    ],
    'second': 'All with the same engine, Gymnasium:',
    'second header': [
        'environment', 'algorithm', 'schedule', 'envs', 'repeats', 'this project', 'fastest peer', 'times the fastest peer',
        'times SB3, equal envs', 'times SB3, each with its own engine',
    ],
    SLOW: 'a step computes 2 ms',
    PROCESSES: 'a process each',
    ONE_PROCESS: 'one process',
    'workers': 'two workers, chosen by the run',
    'slow': 'PPO in environments that Gymnasium steps and whose steps are slow, with batches of 2048 and minibatches of 64:',
    'slow header': [
        'environment', 'who', 'envs', 'how they are stepped', 'repeats', 'steps/s (median)', 'range', 'times one process here',
        'times the best peer',
    ],
    'memory': 'The most memory that a training had at a time:',
    'memory header': ['environment', 'algorithm', 'envs', 'who', 'engine', 'repeats', 'MB (median)', 'range'],
    'third': "Compared with [a program that does the work of the book's listings](benchmarks/speed/listing.py), on "
    "Pendulum-v1. The book's settings\nhave one environment, the default commands sixteen. The default commands print their "
    'speed themselves, compilation included:',
    'third header': ['algorithm', 'who', 'settings', 'threads', 'repeats', 'steps/s (median)', 'range', 'times the listing'],
    'last header': ['seconds', 'median', 'range', 'repeats', 'greedy return'],
    'cold start': '`python {}.py --train{}` from a cold start: imports, compilation, training, evaluation, files',
    'minimal': '10,000 episodes of `pg_gaussian_minimal.py`, compilation included, imports not',
    'to': ' to ',
    'comma': ', ',
    'at': '{} at {} environments',
    'claim': "It is fast, too. With the book's settings, PPO trains {} and TRPO {} times as fast as\n"
    "[a program that does the work of the book's listings](benchmarks/speed/listing.py). With the default commands, they train "
    '{} and {} times as fast.\n`python ppo.py --train` solves Pendulum in {} seconds, imports and compilation included. '
    'We [measured](docs/plain/en/speed.md) this on two CPU cores.',
    'summary': 'As a multiple of stable-baselines3 (TRPO: sb3-contrib) with equal numbers of environments, each with its own '
    'engine:\n{};\nwith the same engine:\n{}.\nAs a multiple of PureJaxRL, which compiles the environment in: {}.\n\n'
    'The seconds of whole commands:',
}  # fmt: skip
CHINESE = {
    OURS: '本项目',
    LISTING: '书中的代码',
    ALONE: '只有环境',
    'envpool': 'EnvPool',
    'gymnasium': 'Gymnasium',
    'compiled in': '编译在内',
    'random actions': '随机动作',
    PPO_PENDULUM: '批量 4096，10 遍，小批量 256',
    PPO_CHEETAH: '批量 2048，10 遍，小批量 64',
    TRPO: '批量 2048，批判者 20 遍，小批量 128',
    A2C: '批量 80',
    LARGE: '批量 1024',
    SAC: '每 16 步更新 16 次',
    BOOK: '书中的设置',
    'first': '各用各的环境引擎：',
    'first header': [
        '环境', '算法', '更新安排', '环境数', '实现', '环境引擎', '线程数', '重复次数', '步/秒（中位数）', '范围',
        '相对 SB3（同环境数）', '相对最快的同类库', '占引擎自身速度',
    ],
    'second': '都用 Gymnasium 的环境：',
    'second header': [
        '环境', '算法', '更新安排', '环境数', '重复次数', '本项目', '最快的同类库', '相对它的倍数', '相对 SB3',
        '相对 SB3（各用各的引擎）',
    ],
    SLOW: '每步计算 2 毫秒的环境',
    PROCESSES: '每个环境一个进程',
    ONE_PROCESS: '单个进程',
    'workers': '两个工作进程（由程序自动选择）',
    'slow': '由 Gymnasium 运行、单步较慢的环境中的 PPO，批量 2048，小批量 64：',
    'slow header': [
        '环境', '实现', '环境数', '运行方式', '重复次数', '步/秒（中位数）', '范围', '相对本项目单进程', '相对最快的同类库',
    ],
    'memory': '训练期间占用内存的峰值：',
    'memory header': ['环境', '算法', '环境数', '实现', '环境引擎', '重复次数', 'MB（中位数）', '范围'],
    'third': '在 Pendulum-v1 上与[按书中写法实现的代码](benchmarks/speed/listing.py)相比。书中的设置只有一个环境，\n'
    '默认命令有十六个。默认命令的速度由命令自己打印，含编译：',
    'third header': ['算法', '实现', '设置', '线程数', '重复次数', '步/秒（中位数）', '范围', '相对书中代码'],
    'last header': ['秒', '中位数', '范围', '重复次数', '贪心回报'],
    'cold start': '`python {}.py --train{}` 冷启动：含导入、编译、训练、评估与保存',
    'minimal': '`pg_gaussian_minimal.py` 的 10,000 个回合：含编译，不含导入',
    'to': ' 至 ',
    'comma': '，',
    'at': '{1} 个环境时 {0}',
    'claim': '训练也快：设置相同时，PPO 的速度是[按书中写法实现的代码](benchmarks/speed/listing.py)的 {} 倍，TRPO 是 {} 倍；\n'
    '用默认命令时分别是 {} 倍和 {} 倍。`python ppo.py --train` 连同导入和编译，{} 秒就能解决 Pendulum。\n'
    '以上均在两个 CPU 核上[实测](docs/plain/zh/speed.md)。',
    'summary': '环境数相同时，本项目的速度相对 stable-baselines3（TRPO 相对 sb3-contrib）的倍数：\n'
    '各用各的环境引擎时，{}；\n都用 Gymnasium 的环境时，{}。\nPureJaxRL 把环境也编译在内，相对它的倍数：{}。\n\n'
    '整条命令所用的秒数：',
}  # fmt: skip
LANGUAGES = ENGLISH, CHINESE


def texts(rows):
    """All texts on speed: {name: (in English, in Chinese)}."""
    return {name: tuple(make(rows, words) for words in LANGUAGES) for name, make in (('speed', tables), ('speed-claim', claim))}
