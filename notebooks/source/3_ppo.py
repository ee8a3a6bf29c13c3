# %% [markdown] en
# # PPO and its clip (section 5.10.6)
#
# After this notebook you know what the clipped objective looks like, where its gradient vanishes, and what the clip changes
# when an agent learns from one batch many times. Then you train an agent on Pendulum and look at what it has learnt. The
# agent is [ppo.py](../../ppo.py), and [its page](../../docs/plain/en/agents/ppo.md) shows the equations next to the code,
# under the numbers used here.

# %% [markdown] zh
# # PPO 与裁剪（5.10.6 节）
#
# 读完这个笔记本，你会知道裁剪后的目标函数是什么样子，它的梯度在哪里消失，以及智能体从同一批数据反复学习时，裁剪改变了什么。然
# 后你会在 Pendulum 上训练一个智能体，看看它学到了什么。智能体的代码在 [ppo.py](../../ppo.py)，
# [它的页面](../../docs/plain/zh/agents/ppo.md)把公式和代码并排列出，公式编号与这里一致。

# %% setup

# %% [markdown] en
# ## The clipped objective
#
# PPO takes many gradient steps on one batch. Meanwhile the policy moves away from the one that collected the batch. The ratio
# $\rho_t$ measures how far, for each action:
#
# $$\rho_t = \frac{\pi(a_t \mid s_t)}{\pi_\mathrm{old}(a_t \mid s_t)} \tag{1}$$
#
# PPO-Clip maximises
#
# $$\mathbb{E}\left[\min\left(\rho_t\, A_t,\; \mathrm{clip}(\rho_t,\, 1 - \varepsilon,\, 1 + \varepsilon)\,
# A_t\right)\right]. \tag{2}$$
#
# The pictures show one term of this mean, for an action that was better than expected and for one that was worse.

# %% [markdown] zh
# ## 裁剪后的目标函数
#
# PPO 在一批数据上做很多步梯度更新。在此期间，策略会逐渐偏离采集这批数据的旧策略。对每个动作，概率比 $\rho_t$ 衡量偏离了多少：
#
# $$\rho_t = \frac{\pi(a_t \mid s_t)}{\pi_\mathrm{old}(a_t \mid s_t)} \tag{1}$$
#
# PPO-Clip 最大化
#
# $$\mathbb{E}\left[\min\left(\rho_t\, A_t,\; \mathrm{clip}(\rho_t,\, 1 - \varepsilon,\, 1 + \varepsilon)\,
# A_t\right)\right]. \tag{2}$$
#
# 下面两幅图画出这个均值中的一项：左边的动作比预期好，右边的动作比预期差。

# %%
import ppo
from common.backend import tf
from common.buffers import minibatches
from common.envs import make_envs

import matplotlib.pyplot as plt
import numpy as np

EPSILON = 0.2


def objective(ratio, adv):  # Eq. (2), one term for each action
    return np.minimum(ratio * adv, np.clip(ratio, 1 - EPSILON, 1 + EPSILON) * adv)


ratio = np.linspace(0, 2, 200)
figure, panels = plt.subplots(1, 2, figsize=(9, 2.8), layout='constrained')
for axes, adv in zip(panels, (1, -1), strict=True):
    axes.plot(ratio, ratio * adv, '--', label=r'ratio $\cdot\, A$')
    axes.plot(ratio, objective(ratio, adv), label='clipped')
    axes.axvspan(1 - EPSILON, 1 + EPSILON, color='grey', alpha=0.2)
    axes.set(title=f'$A = {adv}$', xlabel='ratio')
    axes.legend()
plt.show()

# %% [markdown] en
# Where the clipped line is flat, the action adds nothing to the gradient: its probability has changed enough. Where the
# change went the wrong way, the line keeps its slope, so that a mistake is always corrected.
#
# ## What one batch does
#
# We collect one batch on Pendulum with a new agent. Then three agents with the same weights learn from it, in 30 passes. They
# differ in the clip only; with 1000 there is none. After each pass we measure the KL divergence from the old policy.

# %% [markdown] zh
# 裁剪后的线变平的地方，这个动作对梯度不再有贡献：它的概率已经改变得够多了。如果概率朝错误的方向改变，线仍保持斜率，因此错误总
# 能得到纠正。
#
# ## 一批数据会带来什么
#
# 我们用一个新的智能体在 Pendulum 上采集一批数据，再让权重相同的三个智能体从中学习，各学 30 遍。它们只有裁剪范围不同；取 1000
# 就等于不裁剪。每学一遍，就测量一次与旧策略的 KL 散度。


# %%
def new_agent(clip):
    return ppo.PPO(envs.state_dim, envs.action_dim, envs.action_bound, settings=ppo.Settings(clip=clip, normalize=True))


envs = make_envs('Pendulum-v1', ppo.Settings().num_envs, training=True)
agent = new_agent(EPSILON)
state = envs.reset(0)
while not agent.buf.is_full():
    action = agent.act(state)
    next_state, *outcome = envs.step(action)
    agent.store_transition(state, action, *outcome)
    state = next_state
agent.finish_path(state)
envs.close()

states, actions, adv, _ = agent.buf.get()
adv = (adv - adv.mean()) / (adv.std() + 1e-8)
old_pi = [part.numpy() for part in agent.actor(states)]


def learn(clip, passes):
    """Learns from the batch; returns the agent and its KL divergence after each pass."""
    agent = new_agent(clip)

    @tf.function
    def one_pass(index):
        for rows in index:
            batch = [tf.gather(part, rows) for part in (states, actions, adv)]
            agent.train_actor(*batch, [tf.gather(part, rows) for part in old_pi])
        return agent.actor_loss(states, actions, adv, old_pi)[1]

    index = minibatches(len(states), 64, passes, np.random.default_rng(0)).reshape(passes, -1, 64)
    return agent, [float(one_pass(part)) for part in index]


learnt = {clip: learn(clip, 30) for clip in (0.1, 0.2, 1000)}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout='constrained')
for clip, (agent, kls) in learnt.items():
    left.semilogy(range(1, len(kls) + 1), kls, label=f'clip {clip}')
    ratios = agent.ratio(agent.actor(states), old_pi, actions).numpy()
    if clip in (EPSILON, 1000):
        right.hist(ratios, np.linspace(0, 3, 90), alpha=0.5, label=f'clip {clip}')
    print(f'clip {clip}: KL {kls[-1]:.3f}, ratios from {ratios.min():.2g} to {ratios.max():.2g}')
left.set(xlabel='passes over the batch', ylabel='KL')
right.set(xlabel='ratio after the last pass')
for axes in (left, right):
    axes.legend()
plt.show()

# %% [markdown] en
# Without a clip the policy keeps running away from the data that it learns from. With one it stops, though not exactly at the
# limits: the clip only removes the reward for going further. The objective of Eq. (2), computed in NumPy from these ratios,
# is minus the agent's loss:

# %% [markdown] zh
# 不裁剪时，策略会一直远离它所依据的数据。裁剪之后它会停下来，但并不恰好停在界限上：裁剪只是让继续远离不再有好处。用这些概率比
# 在 NumPy 中算出的式 (2)，就是智能体的损失取负号：

# %%
agent, _ = learnt[EPSILON]
ratios = agent.ratio(agent.actor(states), old_pi, actions).numpy()
loss, _ = agent.actor_loss(states, actions, adv, old_pi)
np.testing.assert_allclose(objective(ratios, adv).mean(), -loss.numpy(), rtol=1e-4)

# %% [markdown] en
# ## Training
#
# Pendulum, 200,000 steps: random torques get about -1200, a pendulum that swings up and stands gets about -150. After each
# update a function of yours may look at the run. This one keeps what the update reported.

# %% [markdown] zh
# ## 训练
#
# 在 Pendulum 上训练 200,000 步：随机施加力矩，回报大约是 -1200；能甩上去并立住的摆，大约是 -150。每次更新之后，可以由你的一个
# 函数来查看这次训练。下面这个函数把更新报告的数值记下来。

# %%
from IPython.display import Image

updates = []
agent = ppo.train('Pendulum-v1', out='notebook', on_update=lambda run, losses: updates.append(losses))
picture = f'notebook/image/PPO_Pendulum-v1/{agent.path.parent.name}'
Image(f'{picture}.png', width=600)

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 2.5), layout='constrained')
for axes, name in zip(panels, ('kl', 'clip_fraction', 'std'), strict=True):
    axes.plot([losses[name] for losses in updates])
    axes.set(title=name, xlabel='update')
plt.show()

# %% [markdown] en
# ## What it has learnt
#
# The greedy torque and the value of every state. The cross in the middle is the pendulum at rest at the top. Hanging still,
# at 180 degrees, it must first swing to gain speed.

# %% [markdown] zh
# ## 它学到了什么
#
# 每个状态的贪心力矩和状态价值。中间的十字是静止在最高点的摆。静止下垂（180 度）时，摆必须先来回摆动以获得速度。

# %%
Image(f'{picture}.learnt.png', width=800)

# %% [markdown] en
# ## Questions
#
# **1.** What is the ratio at the first step on a batch, and what does the clip do then?
#
# <details><summary>Answer</summary>
#
# The policy is still the one that collected the batch, so every ratio is 1. The clip does nothing, and the gradient of Eq.
# (2) is the policy gradient. The clip starts to matter once the first steps have moved the policy.
#
# </details>
#
# **2.** At a ratio beyond the limit an action no longer pushes. Why do ratios leave the range all the same?
#
# <details><summary>Answer</summary>
#
# All actions share the network's weights: the steps for other actions move this one, too. Adam's momentum also carries on for
# a while. And a single step can be long enough to jump over the limit.
#
# </details>
#
# **3.** PPO-Penalty subtracts $\beta\, \mathrm{KL}$ from the objective instead of clipping. Train it: add `method='penalty'`
# to the cell of the training, and draw `kl_coefficient` instead of `clip_fraction`. What does $\beta$ do?
#
# <details><summary>Answer</summary>
#
# After an update whose divergence exceeds 1.5 times the target, $\beta$ doubles. After one below the target divided by 1.5 it
# halves, but never below its first value. So the divergence stays near the target. The files of this agent are in the folder
# `PPO-Penalty_Pendulum-v1`.
#
# </details>
#
# Next: [your own environment](4_environment.ipynb).

# %% [markdown] zh
# ## 思考题
#
# **1.** 在一批数据上走第一步时，概率比是多少？这时裁剪起什么作用？
#
# <details><summary>答案</summary>
#
# 这时的策略仍是采集数据的策略，所以每个概率比都是 1。裁剪不起作用，式 (2) 的梯度就是策略梯度。前几步使策略移动之后，裁剪才开
# 始起作用。
#
# </details>
#
# **2.** 概率比超出界限之后，这个动作就不再推动策略。为什么概率比还是会超出裁剪范围？
#
# <details><summary>答案</summary>
#
# 所有动作共用网络的权重：为其他动作所做的更新，也会改变这个动作的概率。Adam 的动量还会持续一阵。另外，单独一步也可能大到越
# 过界限。
#
# </details>
#
# **3.** PPO-Penalty 不裁剪，而是从目标函数中减去 $\beta\, \mathrm{KL}$。训练一个试试：在训练的单元格里加上
# `method='penalty'`，并把画图单元格里的 `clip_fraction` 换成 `kl_coefficient`。$\beta$ 会怎样变化？
#
# <details><summary>答案</summary>
#
# 如果一次更新的散度超过目标值的 1.5 倍，$\beta$ 就加倍；如果低于目标值除以 1.5，就减半，但不会低于初始值。因此散度会保持在目
# 标值附近。这个智能体的文件在 `PPO-Penalty_Pendulum-v1` 文件夹里。
#
# </details>
#
# 下一个：[你自己的环境](4_environment.ipynb)。
