# %% [markdown] en
# # Your own environment
#
# After this notebook you can write an environment in a cell, train an agent in it, and watch it play. What an environment may
# be, and what to mind, is on [the page about environments](../../docs/plain/en/environment.md).

# %% [markdown] zh
# # 你自己的环境
#
# 读完这个笔记本，你就能在单元格里写一个环境，在其中训练智能体，并看它行动。环境可以是什么样子、要留意什么，
# 见[讲环境的那一页](../../docs/plain/zh/environment.md)。

# %% setup

# %% [markdown] en
# ## The class
#
# A boat crosses a river and should land at the pier on the other side. The current pushes it downstream, and it is strongest
# in the middle. An action is the rudder, from -1 (upstream) to 1. The state is where the boat is, $x$ across the river and
# $y$ along it, and how strong the current is today. Each step costs the distance to the pier.
#
# - `reset` draws a start, and returns the state and a dict.
# - `step` returns the state, the reward, `terminated`, `truncated` and a dict. Landing is an end after which no reward follows:
#   `terminated`. The time limit is set when the run begins, and gives `truncated`.
# - `render` returns a picture. Only films need it.

# %% [markdown] zh
# ## 环境类
#
# 一艘船要过河，停靠到对岸的码头。水流把船推向下游，河中央水流最急。动作是船舵，从 -1（向上游）到 1。状态包括船的位置（横向
# $x$，沿河方向 $y$）和当天的水流强度。每一步的代价是到码头的距离。
#
# - `reset` 随机选取起点，返回状态和一个字典。
# - `step` 返回状态、奖励、`terminated`、`truncated` 和一个字典。靠岸之后不会再有奖励，所以是 `terminated`。
#   时间限制在训练开始时设定，到时给出 `truncated`。
# - `render` 返回一幅图，只有录像才需要。

# %%
import gymnasium as gym
import numpy as np


class River(gym.Env):
    metadata = {'render_modes': ['rgb_array'], 'render_fps': 15}
    observation_space = gym.spaces.Box(-5, 5, (3,))  # x, y and the current
    action_space = gym.spaces.Box(-1, 1, (1,))  # rudder

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.y = 0.0, self.np_random.uniform(-0.5, 0.5)
        self.current = self.np_random.uniform(0.2, 1.0)
        return self.state(), {}

    def step(self, action):
        angle = np.pi / 3 * float(action[0])
        self.x += 0.03 * np.cos(angle)
        self.y += 0.03 * np.sin(angle) + 0.08 * self.current * self.x * (1 - self.x)
        landed = self.x >= 1
        return self.state(), -abs(self.y) - 5 * abs(self.y) * landed, bool(landed), False, {}

    def state(self):
        return np.float32([self.x, self.y, self.current])

    def render(self):
        picture = np.full((200, 200, 3), (120, 170, 220), np.uint8)
        picture[:, -6:] = (90, 140, 60)  # the other side
        picture[94:106, -12:] = (120, 80, 40)  # the pier
        row, column = int(np.clip(100 + 90 * self.y, 4, 195)), int(np.clip(190 * self.x, 4, 195))
        picture[row - 4 : row + 5, column - 4 : column + 5] = (200, 60, 40)
        return picture


# %% [markdown] en
# Gymnasium's own check looks at the class once. During a training, this project checks each reset and each step: a mistake
# ends the run with one line that names the method and what to return instead.

# %% [markdown] zh
# Gymnasium 自带的检查只检查一次这个类。训练时，本项目会检查每一次 reset 和每一步：一旦出错，训练就以一行信息结束，指出是哪个方
# 法、应当返回什么。

# %%
import ppo
from common.errors import UserError

from gymnasium.utils.env_checker import check_env

check_env(River(), skip_render_check=True)


class Mistaken(River):
    def step(self, action):
        state, reward, terminated, truncated, info = super().step(action)
        return state, np.array([reward]), terminated, truncated, info


try:
    ppo.train(Mistaken, env_args={'max_episode_steps': 60}, out='notebook')
except UserError as error:
    print(error)

# %% [markdown] en
# ## Training
#
# `train` takes the class itself, because a run makes several copies. If one step of your environment takes more than a
# millisecond, a run steps the copies in worker processes; `workers=8` sets their number.

# %% [markdown] zh
# ## 训练
#
# `train` 接受类本身，因为一次训练要创建好几个副本。如果你的环境走一步超过一毫秒，训练会用多个工作进程来运行各个副本；
# `workers=8` 可以指定进程数。

# %%
from IPython.display import Image

agent = ppo.train(River, env_args={'max_episode_steps': 60}, steps=61_440, out='notebook', episodes=20)
Image(next(agent.path.parents[3].glob(f'image/*River*/{agent.path.parent.name}.png')), width=600)

# %% [markdown] en
# ## Playing
#
# `get_action` takes what the environment returns and gives an action of its action space; `greedy=True` takes the most likely
# one. Here is how three policies cross the same river: the agent, one that steers straight ahead, and one that draws actions.

# %% [markdown] zh
# ## 运行智能体
#
# `get_action` 接受环境返回的状态，给出动作空间里的动作；`greedy=True` 取最可能的动作。下面看三种策略怎样过同一条河：智能
# 体、始终直行的策略，以及随机选择动作的策略。

# %%
import matplotlib.pyplot as plt


def play(choose, seed):
    """Plays an episode; returns its return, the way of the boat and the pictures."""
    env = gym.wrappers.TimeLimit(River(render_mode='rgb_array'), 60)
    env.action_space.seed(seed)
    (state, _), total, over, way, pictures = env.reset(seed=seed), 0.0, False, [], []
    while not over:
        way.append(state[:2])
        pictures.append(env.render())
        state, reward, terminated, truncated, _ = env.step(choose(state))
        total, over = total + reward, terminated or truncated
    return total, np.array(way), pictures


policies = {
    'agent': lambda state: agent.get_action(state, greedy=True),
    'straight': lambda state: np.zeros(1, np.float32),
    'random': lambda state: River.action_space.sample(),
}
plt.figure(figsize=(7, 3))
for color, (name, choose) in enumerate(policies.items()):
    results = [play(choose, seed) for seed in range(5)]
    for _, way, _ in results:
        plt.plot(*way.T, f'C{color}')
    plt.plot([], [], f'C{color}', label=f'{name}: {np.mean([total for total, *_ in results]):.1f}')
plt.plot(1, 0, 'k*', markersize=12)
plt.gca().invert_yaxis()
plt.xlabel('$x$')
plt.ylabel('$y$')
plt.legend()
plt.show()

# %% [markdown] en
# And a film of the agent, here in the notebook. On the command line, `--record` films an agent.

# %% [markdown] zh
# 再看一段智能体的录像，就在笔记本里。在命令行中，用 `--record` 录像。

# %%
import base64
from pathlib import Path

from IPython.display import HTML
from PIL import Image as Picture

frames = [Picture.fromarray(picture) for seed in range(3) for picture in play(policies['agent'], seed)[2]]
frames[0].save('notebook/river.gif', save_all=True, append_images=frames[1:], duration=1000 // 15, loop=0)
film = base64.b64encode(Path('notebook/river.gif').read_bytes()).decode()
HTML(f'<img src="data:image/gif;base64,{film}">')

# %% [markdown] en
# ## Questions
#
# **1.** The boat reaches the other side: `terminated`. The time limit stops it in the middle: `truncated`. What does the
# agent do differently?
#
# <details><summary>Answer</summary>
#
# After `terminated` the value of the next state is 0, because no more reward can follow. After `truncated` it is the critic's
# estimate, because the episode was only stopped. If landing were reported as `truncated`, the agent would learn that costs go
# on after landing.
#
# </details>
#
# **2.** The state holds the current. What happens if you leave it out? Try it: remove it from `state`, and write `(2,)` in
# `observation_space`.
#
# <details><summary>Answer</summary>
#
# The return falls a little, from about -1.8 to about -2.0 (the mean of two seeds). The agent still sees $y$, so it corrects a
# drift, but only after the drift has happened. With the current in the state it steers against the drift in advance. An
# environment is easier to learn if the state holds what decides the future.
#
# </details>
#
# **3.** How would you train with a different current, for example from 0 to 2, without changing the class each time?
#
# <details><summary>Answer</summary>
#
# Give the constructor an argument, `def __init__(self, strongest=1.0, render_mode=None)`, use it in `reset`, and pass
# `env_args={'strongest': 2.0, 'max_episode_steps': 60}` to `train`. Arguments may also be data, such as arrays.
#
# </details>
#
# Next: [an experiment with ten seeds](5_experiment.ipynb).

# %% [markdown] zh
# ## 思考题
#
# **1.** 船到对岸是 `terminated`，时间限制让它停在半路是 `truncated`。智能体对两者的处理有什么不同？
#
# <details><summary>答案</summary>
#
# `terminated` 之后不会再有奖励，所以下一个状态的价值是 0。`truncated` 之后取批判者的估计，因为回合只是被中止了。如果把靠岸报
# 告成 `truncated`，智能体就会以为靠岸之后还要继续付出代价。
#
# </details>
#
# **2.** 状态里包含水流强度。如果去掉它会怎样？试一试：把它从 `state` 里删掉，并把 `observation_space` 里的形状改成 `(2,)`。
#
# <details><summary>答案</summary>
#
# 回报略微下降，从 -1.8 左右降到 -2.0 左右（两个种子的均值）。智能体仍然看得到 $y$，所以能纠正偏移，但只能等偏移发生之后。状态
# 里有水流强度时，它会提前逆着水流掌舵。状态包含了决定未来的信息，环境就更容易学。
#
# </details>
#
# **3.** 想换一种水流来训练，例如从 0 到 2，又不想每次都改这个类，该怎么做？
#
# <details><summary>答案</summary>
#
# 给构造函数加一个参数 `def __init__(self, strongest=1.0, render_mode=None)`，在 `reset` 里使用它，再把
# `env_args={'strongest': 2.0, 'max_episode_steps': 60}` 传给 `train`。参数也可以是数据，例如数组。
#
# </details>
#
# 下一个：[十个种子的实验](5_experiment.ipynb)。
