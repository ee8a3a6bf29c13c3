# %% [markdown] en
# # An experiment with ten seeds
#
# After this notebook you can compare two settings of an agent so that the answer holds. You see why one run is not enough,
# and what an interval says. [The page about experiments](../../docs/plain/en/experiments.md) has all options, among them
# searches and clusters.

# %% [markdown] zh
# # 十个种子的实验
#
# 读完这个笔记本，你就能可靠地比较智能体的两种设置。你会看到为什么只训练一次不够，以及区间说明什么。
# [讲实验的那一页](../../docs/plain/zh/experiments.md)列出了全部选项，包括超参数搜索和集群。

# %% setup

# %% [markdown] en
# ## The question
#
# The book's listing of PPO has the discount factor $\gamma = 0.9$, this project has 0.99. Which one gives the better
# agent after 20,000 steps on CartPole? A reward that comes $k$ steps later counts $\gamma^k$, so the agent looks about
# $1 / (1 - \gamma)$ steps ahead: 10, or 100.
#
# `experiment.main` takes the words that you would type after `python experiment.py`. It trains 20 agents, two settings with
# ten seeds each, as many at a time as there are cores. On two cores this takes a minute or two.

# %% [markdown] zh
# ## 问题
#
# 书中 PPO 代码的折扣因子是 $\gamma = 0.9$，本项目用 0.99。在 CartPole 上训练两万步，哪一个得到的智能体更好？$k$ 步之后的奖励
# 要乘以 $\gamma^k$，所以智能体大约向前看 $1 / (1 - \gamma)$ 步：10 步，或者 100 步。
#
# `experiment.main` 接受的就是在 `python experiment.py` 之后输入的参数。它训练 20 个智能体：两种设置，各十个种子；有几个核就
# 同时训练几个。两个核需要一两分钟。

# %%
from pathlib import Path

import experiment

command = 'ppo.py --vary gamma=0.9,0.99 --env CartPole-v1 --steps 20_480 --seeds 10 --episodes 20'
options = ['--storage', 'notebook', '--name', 'gamma']
experiment.main([*command.split(), *options])
folder = max(Path('notebook').glob('gamma*'), key=lambda path: path.stat().st_mtime)

# %% [markdown] en
# ## The table and the curves
#
# Each row of the table is one setting. *IQM*, the interquartile mean, is the mean of the middle half of the seeds. The
# interval says how much it would change with other seeds. The second table says how likely a run of one setting ends above
# one of the other.

# %% [markdown] zh
# ## 表格与曲线
#
# 表中每一行是一种设置。*IQM* 是四分位间均值，即居中一半种子的均值。区间说明换一批种子，这个数会变化多少。第二个表说明，一种设
# 置的一次训练，最后胜过另一种设置的概率有多大。

# %%
from IPython.display import Image, Markdown, display

display(Markdown((folder / 'table.md').read_text(encoding='utf-8')))
display(Image(folder / 'curves.png', width=650))

# %% [markdown] en
# ## Why ten seeds
#
# `results.csv` has the return of every run. Each point is one seed; the bars are the intervals of the table.

# %% [markdown] zh
# ## 为什么要十个种子
#
# `results.csv` 里有每次训练的回报。每个点是一个种子，竖线是表中的区间。

# %%
from experiments import report, results
from experiments.statistics import improvement, interquartile_mean, interval

import matplotlib.pyplot as plt
import numpy as np

returns = report.returns_of(results.read_rows(folder / 'results.csv'))['CartPole-v1']
plt.figure(figsize=(6, 3))
for place, values in enumerate(returns.values()):
    plt.plot(np.full(len(values), place), values, '.', alpha=0.6)
    low, high = interval(values)
    plt.plot([place + 0.1] * 2, [low, high], 'k')
    plt.plot(place + 0.1, interquartile_mean(values), 'k_', markersize=14)
plt.xticks(range(len(returns)), returns)
plt.xlim(-0.5, len(returns) - 0.5)
plt.ylabel('return')
plt.show()

# %% [markdown] en
# Suppose you had trained fewer seeds. We draw some of the ten again and again, and count how often the means come out in the
# other order than with all ten. We also compute the probability of improvement by hand, and compare it with the project's
# function.

# %% [markdown] zh
# 假如当初只训练了较少的种子，会怎样？我们反复从十个种子里抽取几个，数一数有多少次均值的高低与用全部十个种子时相反。我们还手算
# 了胜出的概率，并与项目的函数比较。

# %%
rng = np.random.default_rng(0)
one, other = returns.values()
better, worse = (one, other) if interquartile_mean(one) >= interquartile_mean(other) else (other, one)
for count in (1, 2, 3, 5):
    draws = [rng.permuted(np.tile(values, (10_000, 1)), axis=1)[:, :count].mean(axis=1) for values in (better, worse)]
    print(f'{count} of ten seeds: {np.mean(draws[0] < draws[1]):.1%} in the other order')

by_hand = np.mean([float(x > y) + 0.5 * float(x == y) for x in better for y in worse])
np.testing.assert_allclose(by_hand, improvement(better, worse))
print(f'probability of improvement: {by_hand:.2f}')

# %% [markdown] en
# ## Questions
#
# **1.** The intervals of two settings overlap. Does that show that the settings are equally good?
#
# <details><summary>Answer</summary>
#
# No. It shows that these seeds cannot tell them apart. With more seeds the intervals become narrower, about as $1/\sqrt{n}$:
# four times as many seeds halve them. Add seeds with `--resume` and `--seeds 40`.
#
# </details>
#
# **2.** You try 20 settings with ten seeds each and report the best one with its interval. What is wrong?
#
# <details><summary>Answer</summary>
#
# The best of 20 is partly the luckiest of 20, so its mean and its interval are too high. Train the winner again, on seeds
# that had no part in the choice. `--search` does this by itself.
#
# </details>
#
# **3.** Why the interquartile mean, and not the best seed, or the mean?
#
# <details><summary>Answer</summary>
#
# The best seed says what luck can do. The mean may hang on one failed run. The interquartile mean leaves out the best and the
# worst quarter, so no single seed decides it. A failure is still worth knowing: this is why the table also has the worst
# seed.
#
# </details>
#
# More about notebooks: [In a notebook](../../docs/plain/en/notebook.md).

# %% [markdown] zh
# ## 思考题
#
# **1.** 两种设置的区间有重叠。这说明两者一样好吗？
#
# <details><summary>答案</summary>
#
# 不能说明，只能说这些种子分不出高下。种子越多，区间越窄，大致按 $1/\sqrt{n}$ 变化：种子增加到四倍，区间减半。用 `--resume` 和
# `--seeds 40` 可以增加种子。
#
# </details>
#
# **2.** 你试了 20 种设置，各十个种子，然后报告其中最好的一种及其区间。这样做有什么问题？
#
# <details><summary>答案</summary>
#
# 20 种里最好的，多少也是运气最好的，所以它的均值和区间都偏高。应当用没有参与选择的种子重新训练胜出的设置。`--search` 会自动这样
# 做。
#
# </details>
#
# **3.** 为什么用四分位间均值，而不用最好的种子，也不用均值？
#
# <details><summary>答案</summary>
#
# 最好的种子只说明运气能带来什么。均值可能被一次失败的训练左右。四分位间均值去掉最好和最差的四分之一，没有哪一个种子能单独决定
# 它。失败也值得知道，所以表中还列出了最差的种子。
#
# </details>
#
# 关于笔记本的更多内容，见[在笔记本里使用](../../docs/plain/zh/notebook.md)。
