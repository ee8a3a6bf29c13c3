# %% [markdown] en
# # The smallest policy gradient
#
# After this notebook you know what a policy gradient is, why its loss is called a *pseudo*-loss, and what a baseline does.
# There is one state and one action, so nothing else can distract you. The agent is
# [pg_gaussian_minimal.py](../../pg_gaussian_minimal.py), and [its page](../../docs/plain/en/agents/pg_gaussian_minimal.md)
# shows the equations next to the code. The numbers of the equations are those of the file.

# %% [markdown] zh
# # 最小的策略梯度
#
# 读完这个笔记本，你会知道什么是策略梯度，它的损失为什么叫“伪损失”，以及基线有什么用。这里只有一个状态、一个动作，没有别的东西
# 会让你分心。智能体的代码在 [pg_gaussian_minimal.py](../../pg_gaussian_minimal.py)，
# [它的页面](../../docs/plain/zh/agents/pg_gaussian_minimal.md)把公式和代码并排列出。公式编号与该文件一致。

# %% setup

# %% [markdown] en
# ## The task
#
# An episode is one action $a$. Its reward is largest within a range $\zeta$ of the target $\tau$, and falls with the
# distance:
#
# $$R(a) = \frac{\zeta\,\beta}{\max(\zeta, |\tau - a|)} \tag{1}$$
#
# The agent does not know this function. It draws $a$ from a Gaussian with mean $\mu$ and standard deviation $\sigma$, and it
# sees $R(a)$. The shaded area is the policy at the start.

# %% [markdown] zh
# ## 任务
#
# 一个回合只有一个动作 $a$。动作落在目标 $\tau$ 左右 $\zeta$ 的范围内时，奖励最大；超出这个范围，离得越远奖励越小：
#
# $$R(a) = \frac{\zeta\,\beta}{\max(\zeta, |\tau - a|)} \tag{1}$$
#
# 智能体并不知道这个函数。它从均值为 $\mu$、标准差为 $\sigma$ 的高斯分布中抽取 $a$，然后得到 $R(a)$。图中的阴影是训练开始时的
# 策略。

# %%
import pg_gaussian_minimal as pg

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

TAU, ZETA, BETA = 4.0, 0.25, 1.0

a = np.linspace(-4, 8, 600, dtype=np.float32)
plt.figure(figsize=(7, 2.5))
plt.fill_between(a, np.exp(-pg.pseudo_loss(0.0, 1.0, a, 1.0)), alpha=0.3, label=r'$N(a; \mu, \sigma)$')
plt.plot(a, pg.reward(a, TAU, ZETA, BETA), 'C1', label='$R(a)$')
plt.xlabel('$a$')
plt.legend()
plt.show()

# %% [markdown] en
# ## A gradient without a derivative of the reward
#
# We want to raise the expected reward $J(\mu, \sigma) = \mathbb{E}[R(a)]$. The reward has no derivative that we could use,
# but the density has one. Since $\nabla N = N\, \nabla \log N$,
#
# $$\nabla J = \int R(a)\, \nabla N(a)\, da = \mathbb{E}\left[R(a)\, \nabla \log N(a; \mu, \sigma)\right].$$
#
# So one action gives an estimate of the gradient. TensorFlow wants to minimise a loss, so we give it
#
# $$\ell = -R \log N(a; \mu, \sigma), \qquad
# \log N = -\frac{1}{2}\left(\frac{a - \mu}{\sigma}\right)^2 - \log \sigma - \frac{1}{2} \log 2\pi. \tag{2}$$
#
# By hand, its derivatives are
#
# $$\frac{\partial \ell}{\partial \mu} = -R\, \frac{a - \mu}{\sigma^2}, \qquad
# \frac{\partial \ell}{\partial \sigma} = -R \left(\frac{(a - \mu)^2}{\sigma^3} - \frac{1}{\sigma}\right).$$
#
# The next cell compares them with those of `tf.GradientTape`, on 1,000 actions.

# %% [markdown] zh
# ## 不对奖励求导，也能得到梯度
#
# 我们想提高期望奖励 $J(\mu, \sigma) = \mathbb{E}[R(a)]$。奖励没有可用的导数，但概率密度有。由于
# $\nabla N = N\, \nabla \log N$，
#
# $$\nabla J = \int R(a)\, \nabla N(a)\, da = \mathbb{E}\left[R(a)\, \nabla \log N(a; \mu, \sigma)\right].$$
#
# 因此，一个动作就能给出梯度的一个估计。TensorFlow 要最小化一个损失，我们就给它
#
# $$\ell = -R \log N(a; \mu, \sigma), \qquad
# \log N = -\frac{1}{2}\left(\frac{a - \mu}{\sigma}\right)^2 - \log \sigma - \frac{1}{2} \log 2\pi. \tag{2}$$
#
# 手算得到它的导数：
#
# $$\frac{\partial \ell}{\partial \mu} = -R\, \frac{a - \mu}{\sigma^2}, \qquad
# \frac{\partial \ell}{\partial \sigma} = -R \left(\frac{(a - \mu)^2}{\sigma^3} - \frac{1}{\sigma}\right).$$
#
# 下一个单元格用 1,000 个动作，把它们与 `tf.GradientTape` 的结果作比较。

# %%
rng = np.random.default_rng(0)
mu, sigma = tf.Variable(2.0), tf.Variable(1.5)
m, s = mu.numpy(), sigma.numpy()
a = (m + s * rng.standard_normal(1000)).astype(np.float32)
R = pg.reward(a, TAU, ZETA, BETA).numpy()

with tf.GradientTape() as tape:
    loss = tf.reduce_mean(pg.pseudo_loss(mu, sigma, a, R))
by_tape = [gradient.numpy() for gradient in tape.gradient(loss, [mu, sigma])]

d_mu = -R * (a - m) / s**2
d_sigma = -R * ((a - m) ** 2 / s**3 - 1 / s)
by_hand = [d_mu.mean(), d_sigma.mean()]
np.testing.assert_allclose(by_hand, by_tape, rtol=1e-4)
print('by hand:', np.round(by_hand, 5))
print('by tape:', np.round(by_tape, 5))

# %% [markdown] en
# Is this the gradient of $J$? With one dimension we can compute $J$ itself, as an integral, and take differences of it. The
# estimate from 1,000 actions must agree with that within its own error. It does.

# %% [markdown] zh
# 这真的是 $J$ 的梯度吗？在一维情形下，可以直接用积分算出 $J$，再取差商。用 1,000 个动作得到的估计，与它的差别应当在估计自身的
# 误差范围之内。结果确实如此。


# %%
def J(mu, sigma):
    grid = np.linspace(mu - 8 * sigma, mu + 8 * sigma, 20_001)
    density = np.exp(-0.5 * ((grid - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return np.trapezoid(density * pg.reward(grid, TAU, ZETA, BETA), grid)


h = 1e-3
true = np.array([J(m + h, s) - J(m - h, s), J(m, s + h) - J(m, s - h)]) / (2 * h)
estimate = -np.array(by_hand)
error = np.array([d_mu.std(), d_sigma.std()]) / np.sqrt(len(a))
assert (abs(estimate - true) < 4 * error).all()
print('dJ/dmu, dJ/dsigma:', true.round(4))
print('estimate:         ', estimate.round(4), '+-', error.round(4))

# %% [markdown] en
# ## What a baseline does
#
# Subtract from $R$ a number $b$ that does not depend on the action. The expected gradient stays the same, because
# $\mathbb{E}[\nabla \log N] = 0$. But single estimates scatter less. Here $\mu$ is at the target, so the true derivative is
# 0. Each estimate comes from one action.

# %% [markdown] zh
# ## 基线有什么用
#
# 从 $R$ 中减去一个与动作无关的数 $b$。由于 $\mathbb{E}[\nabla \log N] = 0$，梯度的期望不变，但单次估计的波动变小了。下面让
# $\mu$ 正好等于目标，此时真正的导数是 0。每个估计都只用一个动作。

# %%
s = 0.15
a = TAU + s * rng.standard_normal(10_000)
R = pg.reward(a, TAU, ZETA, BETA).numpy()
plt.figure(figsize=(7, 2.5))
for name, b in (('b = 0', 0.0), ('b = E[R]', R.mean())):
    estimates = (R - b) * (a - TAU) / s**2
    print(f'{name:8} mean {estimates.mean():+.2f}, standard deviation {estimates.std():.2f}')
    plt.plot(a[:500], estimates[:500], '.', label=f'${name}$')
plt.xlabel('$a$')
plt.ylabel(r'$(R - b)\,\partial \log N / \partial \mu$')
plt.legend()
plt.show()

# %% [markdown] en
# ## Training
#
# Ten seeds, 10,000 episodes each, one gradient step after each episode: first without a baseline, then with a running mean of
# the rewards as the baseline. The first call compiles, which takes most of the time.

# %% [markdown] zh
# ## 训练
#
# 十个种子，各训练 10,000 个回合，每个回合之后做一步梯度更新：先不用基线，再用奖励的滑动平均作基线。第一次调用要编译，大部分时
# 间花在这里。

# %%
actor = pg.GaussianActor()


def learn(seed, baseline_rate):
    rng = np.random.default_rng(seed)
    actor.reset(rng)
    noise = rng.standard_normal(10_000, dtype=np.float32)
    task = [tf.constant(value) for value in (TAU, ZETA, BETA, baseline_rate)]
    return actor.learn(noise, *task).numpy()  # (episodes, 4): mu, sigma, reward, loss


runs = {rate: np.array([learn(seed, rate) for seed in range(10)]) for rate in (0.0, 0.1)}

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 4.5), sharex=True, sharey='row', layout='constrained')
for column, (rate, history) in zip(axes.T, runs.items(), strict=True):
    count = pg.solved(history, TAU, ZETA).sum()
    column[0].set_title(f'{"no baseline" if rate == 0 else "baseline"}: {count} of 10 solved')
    for axis, values, name in zip(column, (history[..., 0], history[..., 1]), (r'$\mu$', r'$\sigma$'), strict=True):
        axis.plot(values.T, linewidth=0.8)
        axis.set_ylabel(name)
    column[0].axhline(TAU, color='black', linestyle='--', linewidth=1)
    column[1].set_xlabel('episode')
plt.show()

# %% [markdown] en
# All rewards are positive, so without a baseline every action pulls $\mu$ towards itself, and $\mu$ never comes to rest. With
# a baseline, an action that does worse than usual pushes $\mu$ away.

# %% [markdown] zh
# 所有奖励都是正的。不用基线时，每个动作都会把 $\mu$ 拉向自己，$\mu$ 始终稳定不下来。有了基线，奖励低于平常的动作会把 $\mu$
# 推开。

# %% [markdown] en
# ## Questions
#
# **1.** The pseudo-loss of an agent falls during training. Does that show that the agent gets better?
#
# <details><summary>Answer</summary>
#
# No. Only the gradient of the pseudo-loss means something. Its value is $-R \log N$: it falls below 0 when the density
# exceeds 1, and it rises when the agent draws a rare action that is well rewarded. Watch the reward.
#
# </details>
#
# **2.** You add 10 to every reward. What changes in the expected gradient, and what changes in training?
#
# <details><summary>Answer</summary>
#
# The expected gradient stays the same, because $\mathbb{E}[10\, \nabla \log N] = 0$. Each estimate becomes far noisier, so
# without a baseline training mostly follows the noise. A baseline of about 10 undoes the change. Try it in the cell that
# draws the estimates: write `R = 10 + pg.reward(...)`.
#
# </details>
#
# **3.** At the start $\sigma$ grows. Why?
#
# <details><summary>Answer</summary>
#
# The target is four standard deviations away. The actions that come closest to it have the largest rewards, and they are far
# from $\mu$: for them $(a - \mu)^2 / \sigma^3 > 1 / \sigma$, so they raise $\sigma$. Near the target the best actions are
# close to $\mu$, and they lower it.
#
# </details>
#
# Next: [TRPO](2_trpo.ipynb). More on running notebooks: [In a notebook](../../docs/plain/en/notebook.md).

# %% [markdown] zh
# ## 思考题
#
# **1.** 训练中，智能体的伪损失下降了。这说明智能体变好了吗？
#
# <details><summary>答案</summary>
#
# 不能说明。伪损失只有梯度有意义。它的值是 $-R \log N$：密度超过 1 时它会小于 0；采样到一个少见而奖励又高的动作时，它反而会
# 上升。要看的是奖励。
#
# </details>
#
# **2.** 给每个奖励都加上 10。梯度的期望有什么变化？训练有什么变化？
#
# <details><summary>答案</summary>
#
# 梯度的期望不变，因为 $\mathbb{E}[10\, \nabla \log N] = 0$。但每次估计的噪声大得多，不用基线时，训练基本上是在跟着噪声走。取
# 约为 10 的基线就能抵消这一变化。可以在画这些估计的单元格里试一试：改成 `R = 10 + pg.reward(...)`。
#
# </details>
#
# **3.** 训练刚开始时 $\sigma$ 会变大，为什么？
#
# <details><summary>答案</summary>
#
# 目标在四个标准差之外。离目标最近的动作奖励最大，而它们离 $\mu$ 很远：对它们来说 $(a - \mu)^2 / \sigma^3 > 1 / \sigma$，因此
# 会使 $\sigma$ 变大。到了目标附近，最好的动作离 $\mu$ 很近，又会使 $\sigma$ 变小。
#
# </details>
#
# 下一个：[TRPO](2_trpo.ipynb)。关于怎样运行笔记本，见[在笔记本里使用](../../docs/plain/zh/notebook.md)。
