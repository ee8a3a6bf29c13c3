# %% [markdown] en
# # TRPO, step by step (section 5.10.5)
#
# After this notebook you know how TRPO chooses the direction and the length of a step, and you have checked both against a
# matrix that a larger network could not hold. The agent is [trpo.py](../../trpo.py), and
# [its page](../../docs/plain/en/agents/trpo.md) shows the equations next to the code, under the numbers used here. Read
# [the smallest policy gradient](1_minimal.ipynb) first if policy gradients are new to you.

# %% [markdown] zh
# # 一步一步看 TRPO（5.10.5 节）
#
# 读完这个笔记本，你会知道 TRPO 怎样确定一步的方向和长度，并且亲自用完整的矩阵核对过两者；网络再大一些，内存里就放不下这个矩
# 阵了。智能体的代码在 [trpo.py](../../trpo.py)，[它的页面](../../docs/plain/zh/agents/trpo.md)把公式和代码并排列出，公式编号与
# 这里一致。如果你还不熟悉策略梯度，请先读[最小的策略梯度](1_minimal.ipynb)。

# %% setup

# %% [markdown] en
# ## A batch
#
# TRPO solves, for each batch of experience,
#
# $$\max_\theta\; L(\theta) = \mathbb{E}\left[\frac{\pi_\theta(a \mid s)}{\pi_\mathrm{old}(a \mid s)}\, A(s, a)\right]
# \quad\text{s.t.}\quad \mathbb{E}\left[\mathrm{KL}(\pi_\mathrm{old}, \pi_\theta)\right] \le \delta. \tag{1}$$
#
# The next cell collects a batch on Pendulum, just as `trpo.train` does. The actor is tiny, eight hidden units, so that we can
# afford to write down its matrices.

# %% [markdown] zh
# ## 一批数据
#
# 对每一批数据，TRPO 求解
#
# $$\max_\theta\; L(\theta) = \mathbb{E}\left[\frac{\pi_\theta(a \mid s)}{\pi_\mathrm{old}(a \mid s)}\, A(s, a)\right]
# \quad\text{s.t.}\quad \mathbb{E}\left[\mathrm{KL}(\pi_\mathrm{old}, \pi_\theta)\right] \le \delta. \tag{1}$$
#
# 下一个单元格在 Pendulum 上采集一批数据，做法与 `trpo.train` 相同。这里的行动者很小，只有八个隐藏单元，所以可以把它的矩阵完
# 整地写出来。

# %%
from dataclasses import replace

import trpo
from common.backend import tf
from common.envs import make_envs

import matplotlib.pyplot as plt
import numpy as np

settings = trpo.Settings(hidden=(8,), activation='tanh', normalize=True)
envs = make_envs('Pendulum-v1', settings.num_envs, training=True)
agent = trpo.TRPO(envs.state_dim, envs.action_dim, envs.action_bound, settings)

state = envs.reset(0)
while not agent.buf.is_full():
    action = agent.act(state)
    next_state, *outcome = envs.step(action)
    agent.store_transition(state, action, *outcome)
    state = next_state
agent.finish_path(state)
envs.close()

states, actions, adv, returns = agent.buf.get()
adv = (adv - adv.mean()) / (adv.std() + 1e-8)
old_pi = agent.actor(states)
theta = agent.get_pi_params()
print(f'{len(states)} transitions, {len(theta)} parameters')

# %% [markdown] en
# ## The divergence is a bowl
#
# At $\theta_\mathrm{old}$ the KL divergence is 0, and 0 is its minimum. So a small step $d$ has
# $\mathrm{KL} \approx \frac{1}{2}\, d^\top H d$, where $H$ is the Hessian. It is also the Fisher matrix of the policy. Here
# we build $H$ in the plain way: differentiate twice, with respect to all parameters. `agent.hvp` never builds it. It computes
# $Hv$ for one vector $v$, and adds damping, $0.1\, v$. Both must agree.

# %% [markdown] zh
# ## 散度像一只碗
#
# 在 $\theta_\mathrm{old}$ 处 KL 散度为 0，而 0 就是它的最小值。因此走一小步 $d$ 之后，
# $\mathrm{KL} \approx \frac{1}{2}\, d^\top H d$，其中 $H$ 是海森矩阵，它也是策略的费舍尔信息矩阵。这里用最直接的办法构造
# $H$：对全部参数求两次导。`agent.hvp` 从不构造这个矩阵，它只对一个向量 $v$ 算出 $Hv$，再加上阻尼项 $0.1\, v$。两者应当一致。

# %%
weights = agent.actor.trainable_weights
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        kl = agent.kl(states, old_pi)
    slope = agent._flat_concat(inner.gradient(kl, weights))
rows = outer.jacobian(slope, weights)
H = np.concatenate([part.numpy().reshape(len(theta), -1) for part in rows], axis=1)

damped = H + settings.damping * np.eye(len(H))
v = np.random.default_rng(0).standard_normal(len(H)).astype(np.float32)
np.testing.assert_allclose(agent.hvp(states, old_pi, v), damped @ v, rtol=1e-3, atol=1e-4)

eigenvalues = np.linalg.eigvalsh(H)
print('largest eigenvalues:', eigenvalues[-3:], '| below 0.0001:', (eigenvalues < 1e-4).sum(), 'of', len(H))

# %% [markdown] en
# Many eigenvalues are almost 0: along these directions you can walk far without changing the policy. Damping keeps the system
# solvable there.
#
# ## Direction: conjugate gradient
#
# The best direction is $H^{-1} g$, with $g$ the gradient of $L$. Conjugate gradient finds it from products with $H$ alone:
#
# $$x \approx H^{-1} g \tag{2}$$
#
# Here it is in NumPy, with the error after each iteration, next to `agent.cg`.

# %% [markdown] zh
# 许多特征值几乎是 0：沿着这些方向走很远，策略也不会变。阻尼使方程组在这些方向上仍然可解。
#
# ## 方向：共轭梯度
#
# 最好的方向是 $H^{-1} g$，其中 $g$ 是 $L$ 的梯度。共轭梯度法只用与 $H$ 的乘积就能求出它：
#
# $$x \approx H^{-1} g \tag{2}$$
#
# 下面用 NumPy 写出这个方法，记录每次迭代之后的误差，并与 `agent.cg` 比较。

# %%
g, loss = agent.gradient(states, actions, adv, old_pi)  # of the loss, -L
solution = np.linalg.solve(damped, g.numpy())


def conjugate_gradient(A, b, iterations):
    x, r, p, errors = np.zeros_like(b), b, b, []
    for _ in range(iterations):
        z = A @ p
        step = r @ r / (p @ z)
        x, r, old = x + step * p, r - step * z, r
        p = r + r @ r / (old @ old) * p
        errors.append(np.linalg.norm(x - solution) / np.linalg.norm(solution))
    return x, errors


x, errors = conjugate_gradient(damped, g.numpy(), settings.cg_iters)
by_agent = agent.cg(lambda v: agent.hvp(states, old_pi, v), g).numpy()
np.testing.assert_allclose(by_agent, x, rtol=1e-2, atol=1e-3 * abs(x).max())

plt.figure(figsize=(6, 2.5))
plt.semilogy(range(1, len(errors) + 1), errors, '.-')
plt.xlabel('iterations')
plt.ylabel(r'$\|x - H^{-1}g\| \,/\, \|H^{-1}g\|$')
plt.grid(alpha=0.3)
plt.show()

# %% [markdown] en
# ## Length: the line search
#
# Along $x$ the step with a predicted divergence of exactly $\delta$ has the length $\sqrt{2\delta / x^\top H x}$. The
# prediction is only of second order, so TRPO tries this step, and then shorter ones:
#
# $$\theta = \theta_\mathrm{old} + \alpha^j \sqrt{\frac{2\delta}{x^\top H x}}\; x \tag{3}$$
#
# It takes the first one that keeps the true divergence within $\delta$ and does not lower $L$. The next cell walks along $x$
# and draws both, for a $\delta$ that is large enough to see where the prediction fails.

# %% [markdown] zh
# ## 步长：线搜索
#
# 沿着 $x$，预测的散度恰好等于 $\delta$ 的那一步，步长是 $\sqrt{2\delta / x^\top H x}$。这个预测只精确到二阶，所以 TRPO 先试这
# 一步，再逐次缩短：
#
# $$\theta = \theta_\mathrm{old} + \alpha^j \sqrt{\frac{2\delta}{x^\top H x}}\; x \tag{3}$$
#
# 采用第一个使真实散度不超过 $\delta$、又不降低 $L$ 的步长。下一个单元格沿着 $x$ 走，把两条曲线都画出来；$\delta$ 取得足
# 够大，可以看出预测从哪里开始失准。

# %%
delta = 0.3
full_step = np.sqrt(2 * delta / (by_agent @ damped @ by_agent)) * by_agent
lengths = np.linspace(0, 1.2, 25)
kls, objectives = [], []
for length in lengths:
    agent.set_pi_params(theta - length * full_step)  # minus: g is the gradient of the loss
    kls.append(agent.kl(states, old_pi).numpy())
    objectives.append(-agent.pi_loss(states, actions, adv, old_pi).numpy())
agent.set_pi_params(theta)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout='constrained')
left.plot(lengths, kls, label='KL')
left.plot(lengths, delta * lengths**2, '--', label=r'$\frac{1}{2} d^\top (H + 0.1) d$')
left.axhline(delta, color='black', linewidth=1, label=r'$\delta$')
right.plot(lengths, objectives, label='$L$')
right.plot(lengths, lengths * (full_step @ g.numpy()), '--', label=r'$g^\top d$')
for axes in (left, right):
    for j in range(5):
        axes.axvline(settings.backtrack**j, color='grey', linestyle=':', linewidth=1)
    axes.set_xlabel('length, in full steps')
    axes.legend()
plt.show()

# %% [markdown] en
# The dotted lines are the steps that the line search tries, from right to left. `agent.line_search` starts from the same
# parameters each time; only the limit differs. It returns whether it accepted a step, and how often it shortened it.

# %% [markdown] zh
# 点线是线搜索依次尝试的步长，从右到左。`agent.line_search` 每次都从同样的参数出发，只有上限不同。它返回是否采用了某一步，以及
# 缩短了几次。

# %%
for delta in (0.01, 0.3, 3.0):
    agent.settings = replace(settings, delta=delta)
    full_step = np.sqrt(2 * delta / (by_agent @ damped @ by_agent)) * by_agent
    accepted, backtracks, kl, _ = agent.line_search(states, actions, adv, old_pi, theta, full_step, loss)
    print(f'delta {delta}: KL {float(kl):.4f}, accepted {bool(accepted)}, shortened {int(backtracks)} times')
    assert kl <= delta
    agent.set_pi_params(theta)

# %% [markdown] en
# ## Training
#
# The same steps, forty thousand of them, on CartPole: the softmax policy of the article. The picture is the learning curve
# that every run writes. The best possible return is 500.

# %% [markdown] zh
# ## 训练
#
# 在 CartPole 上，用同样的更新训练四万步，策略就是那篇文章里的 softmax 策略。下图是每次训练都会写出的学习曲线。最高回报是
# 500。

# %%
from IPython.display import Image

agent = trpo.train('CartPole-v1', steps=40_960, out='notebook', episodes=20)
Image(f'notebook/image/TRPO_CartPole-v1/{agent.path.parent.name}.png', width=600)

# %% [markdown] en
# What each update reported: `backtracks` is how often a step was shortened, `kl` stays within $\delta = 0.01$.

# %% [markdown] zh
# 每次更新报告的数值如下：`backtracks` 是步长被缩短的次数，`kl` 始终不超过 $\delta = 0.01$。

# %%
Image(f'notebook/image/TRPO_CartPole-v1/{agent.path.parent.name}.losses.png')

# %% [markdown] en
# ## Questions
#
# **1.** The default actor for Pendulum has two hidden layers of 64 units. How many numbers would $H$ have, and how many
# products with it does conjugate gradient need?
#
# <details><summary>Answer</summary>
#
# The actor has $3 \cdot 64 + 64 + 64 \cdot 64 + 64 + 64 + 1 + 1 = 4482$ parameters, the last one for the standard deviation.
# So $H$ would have 20 million numbers, and building it would take 4,482 products. Conjugate gradient takes ten.
#
# </details>
#
# **2.** You multiply all rewards by 10. How does TRPO's step change?
#
# <details><summary>Answer</summary>
#
# Not at all. Even before advantages are standardised, $g$ and therefore $x$ would be ten times as long, and Eq. (3) divides
# by the length of $x$. The trust region decides how long a step is, not the rewards. The critic does notice: it must learn
# larger values.
#
# </details>
#
# **3.** Why does the line search also check $L$, if the divergence is within its limit?
#
# <details><summary>Answer</summary>
#
# The direction comes from a linear model of $L$. On a long step $L$ itself may fall although the model rises: compare the two
# curves on the right above. A step that lowers $L$ is not worth taking, however small its divergence.
#
# </details>
#
# Next: [PPO](3_ppo.ipynb), which replaces all of this by a clip.

# %% [markdown] zh
# ## 思考题
#
# **1.** Pendulum 默认的行动者有两个隐藏层，各 64 个单元。$H$ 会有多少个数？共轭梯度法需要多少次与它的乘积？
#
# <details><summary>答案</summary>
#
# 行动者有 $3 \cdot 64 + 64 + 64 \cdot 64 + 64 + 64 + 1 + 1 = 4482$ 个参数，最后一个是标准差的参数。因此 $H$ 会有两千万个数，
# 构造它需要 4,482 次乘积。共轭梯度法只需要十次。
#
# </details>
#
# **2.** 把所有奖励乘以 10，TRPO 的一步会怎样变化？
#
# <details><summary>答案</summary>
#
# 完全不变。即使不对优势作标准化，$g$ 以及 $x$ 也只是变成十倍长，而式 (3) 会除以 $x$ 的长度。一步走多长由信赖域决定，与奖励的
# 大小无关。批判者则会受影响：它要学习的价值变大了。
#
# </details>
#
# **3.** 散度既然没有超过上限，线搜索为什么还要检查 $L$？
#
# <details><summary>答案</summary>
#
# 方向来自 $L$ 的线性近似。步长大了，近似值虽然在上升，$L$ 本身却可能下降：请比较上面右图的两条曲线。使 $L$ 下降的一步不值得
# 走，散度再小也是如此。
#
# </details>
#
# 下一个：[PPO](3_ppo.ipynb)，它用裁剪代替了这一切。
