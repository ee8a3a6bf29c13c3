// The agents that ship at work on Pendulum, CartPole and FrozenLake, which one can push; or the agent of a training that runs.

import { uniform } from './math/random.js';
import { makeAgent } from './math/network.js';
import { Loop, button, choice, drag, fixed, html, playButton, table } from './parts.js';
import { cartPoleWorld } from './play/cart_pole.js';
import { frozenLakeWorld } from './play/frozen_lake.js';
import { pendulumWorld } from './play/pendulum.js';

export const WORDS = {
  en: {
    hint: {
      'Pendulum-v1':
        'Pull at the pendulum, or push it with the buttons or, once the picture has the focus, with the arrow keys. ' +
        'Drag in a map to put it into another state. The red arc is the agent’s torque.',
      'CartPole-v1':
        'Pull at the cart, or push it with the buttons or, once the picture has the focus, with the arrow keys. ' +
        'The red arrow is the agent’s force.',
      'FrozenLake-v1':
        'Press a field to put the walker there, or move it with the buttons or, once the picture has the focus, with the ' +
        'arrow keys. The arrows are the policy’s probabilities, the shade and the number are the value. ' +
        'A red line: where it wanted to go and slid elsewhere.',
    },
    env: 'environment',
    agent: 'agent (mean return of its evaluation)',
    play: 'Play',
    pause: 'Pause',
    one: 'One step',
    again: 'Start again',
    left: '← Push',
    right: 'Push →',
    moves: ['←', '↓', '→', '↑'],
    moveNames: ['Move left', 'Move down', 'Move right', 'Move up'],
    stage: {
      'Pendulum-v1': 'The pendulum; the arrow keys push it',
      'CartPole-v1': 'The cart and its pole; the arrow keys push it',
      'FrozenLake-v1': 'The frozen lake; the arrow keys move the walker',
    },
    angle: 'angle θ',
    speed: 'angular speed',
    torque: 'torque',
    push: 'push',
    value: 'V(s)',
    reward: 'reward',
    valueMap: 'Value V(s) of every state',
    actionMap: 'Greedy action in every state',
    clockwise: '↻',
    counterClockwise: '↺',
    position: 'position',
    poleAngle: 'angle',
    chanceRight: 'π(right)',
    steps: 'steps',
    longest: 'longest',
    fallen: 'It fell.',
    slippery: 'slippery ice, as in its training',
    notSlippery: 'slippery ice, unlike in its training',
    start: 'start',
    goal: 'goal',
    hole: 'hole',
    field: 'field',
    wanted: 'action',
    slid: '(slid)',
    reached: 'goals / episodes',
  },
  zh: {
    hint: {
      'Pendulum-v1':
        '用鼠标或手指拉动摆杆，也可以用按钮推；选中画面后还可以用方向键推。在图中拖动可把摆杆放到别的状态。红色圆弧是智能体施加的力矩。',
      'CartPole-v1': '用鼠标或手指拉动小车，也可以用按钮推；选中画面后还可以用方向键推。红色箭头是智能体施加的力。',
      'FrozenLake-v1':
        '点击格子可把小人放到那里，也可以用按钮移动；选中画面后还可以用方向键移动。箭头的长短表示策略的概率，颜色深浅和数字表示状态价值。红线表示想去的方向，实际却滑到了别处。',
    },
    env: '环境',
    agent: '智能体（括号内为评估的平均回报）',
    play: '播放',
    pause: '暂停',
    one: '单步',
    again: '重新开始',
    left: '← 推',
    right: '推 →',
    moves: ['←', '↓', '→', '↑'],
    moveNames: ['向左移动', '向下移动', '向右移动', '向上移动'],
    stage: {
      'Pendulum-v1': '倒立摆；方向键可以推它',
      'CartPole-v1': '小车与摆杆；方向键可以推它',
      'FrozenLake-v1': '冰湖；方向键可以移动小人',
    },
    angle: '角度 θ',
    speed: '角速度',
    torque: '力矩',
    push: '推力',
    value: 'V(s)',
    reward: '奖励',
    valueMap: '各状态的价值 V(s)',
    actionMap: '各状态的贪心动作',
    clockwise: '↻',
    counterClockwise: '↺',
    position: '位置',
    poleAngle: '角度',
    chanceRight: 'π(右)',
    steps: '步数',
    longest: '最长',
    fallen: '倒了。',
    slippery: '冰面打滑（与训练时相同）',
    notSlippery: '冰面打滑（与训练时不同）',
    start: '起点',
    goal: '终点',
    hole: '冰洞',
    field: '格子',
    wanted: '动作',
    slid: '（滑开）',
    reached: '到达终点 / 回合数',
  },
};
const WORLDS = { 'Pendulum-v1': pendulumWorld, 'CartPole-v1': cartPoleWorld, 'FrozenLake-v1': frozenLakeWorld };
const KEYS = { ArrowLeft: 0, ArrowDown: 1, ArrowRight: 2, ArrowUp: 3 };
const TAP = 0.25; // seconds that a push lasts which has no end of its own

/**
 * Fills an element with the figure. Without `run` it offers the agents that ship. With it, {env, slippery, file}, it shows one
 * agent in one environment, and the function that is returned takes the file of the same agent after more training.
 */
export async function mount(element, { language, run }) {
  const words = WORDS[language];
  const load = async (name) => (await fetch(new URL(`data/${name}.json`, import.meta.url))).json();
  const index = run ? [{ name: 'run', env: run.env }] : await load('agents');
  const agents = new Map();
  const random = uniform(Date.now());
  let world, values, right, tap, clock, rest;
  let byKey = false;

  const hint = html('p', { class: 'hint' });
  const stageBox = html('div', { class: 'stage-box' });
  const mapBox = html('div');
  const readout = html('div');
  const pushes = html('div', { class: 'pushes' });
  const controls = html('div', { class: 'controls' });
  const root = html('div', { class: 'play' }, stageBox, mapBox);

  const envs = Object.keys(WORLDS).filter((name) => index.some((one) => one.env === name));
  const env = choice({ label: words.env, options: envs.map((name) => [name, name]), onChange: enter });
  const agent = choice({ label: words.agent, options: [], onChange: choose });
  const loop = new Loop(root, (seconds) => {
    if (tap > 0 && (tap -= seconds) <= 0) right = 0;
    clock += seconds;
    while (clock >= world.seconds + rest) {
      clock -= world.seconds + rest;
      rest = world.advance(right);
    }
    draw();
  });
  const play = playButton(loop, words);

  function draw() {
    world.draw(Math.min(1, clock / world.seconds), right);
    values.fill([world.row(right)]);
  }

  /** Shows what changed while nothing moves: where things stand now. */
  function still() {
    clock = loop.running ? clock : world.seconds;
    draw();
  }

  async function choose(name) {
    if (!agents.has(name)) agents.set(name, makeAgent(run?.file ?? (await load(`agents/${name}`))));
    if (agent.value !== name) return; // another was chosen meanwhile
    world.setAgent(agents.get(name));
    begin();
  }

  function begin() {
    world.reset();
    [right, tap, clock, rest] = [0, 0, 0, 0];
    draw();
  }

  async function enter(name) {
    loop.set(false);
    world = WORLDS[name](words, random, still, run?.slippery ?? true);
    values = table(world.columns);
    const shipped = index.filter((one) => one.env === name);
    const digits = name === 'FrozenLake-v1' ? 3 : 0;
    agent.set(
      shipped.map((one) => [one.name, run ? '' : `${one.algorithm} (${fixed(one.evaluation.mean_return, digits)})`]),
      firstOf(shipped),
    );
    hint.textContent = words.hint[name];
    world.stage.setAttribute('tabindex', 0);
    world.stage.setAttribute('role', 'application');
    world.stage.setAttribute('aria-label', words.stage[name]);
    listen(world.stage);
    await choose(agent.value);
    stageBox.replaceChildren(world.stage);
    mapBox.replaceChildren(world.maps);
    root.classList.toggle('beside', name === 'Pendulum-v1');
    readout.replaceChildren(values.root);
    pushes.replaceChildren(...(world.shove ? moveButtons() : [holdButton(words.left, -1), holdButton(words.right, 1)]));
    controls.replaceChildren(...world.controls);
    loop.set(play.root.textContent === words.pause);
  }

  const firstOf = (shipped) => (shipped.find(({ algorithm }) => algorithm === 'PPO') ?? shipped[0]).name;
  const push = (direction, seconds) => ([right, tap] = [direction, seconds]);

  function moveButtons() {
    return words.moves.map((arrow, direction) => {
      const node = button(arrow, () => world.shove(direction));
      node.setAttribute('aria-label', words.moveNames[direction]);
      return node;
    });
  }

  /** A button that pushes for as long as it is held; pressed by keyboard, for a moment. */
  function holdButton(text, direction) {
    const node = button(text, (event) => event.detail === 0 && push(direction, TAP));
    drag(
      node,
      () => push(direction, 0),
      () => push(0, 0),
    );
    return node;
  }

  function listen(stage) {
    const point = (event) => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(stage.getScreenCTM().inverse());
      return [x, y];
    };
    const pull = (to) => {
      world.pull(to);
      still();
    };
    drag(
      stage,
      (event) => pull(point(event)),
      () => pull(null),
    );
    stage.addEventListener('keydown', (event) => {
      if (!(event.key in KEYS)) return;
      event.preventDefault();
      const direction = KEYS[event.key];
      if (world.shove) world.shove(direction);
      else if (direction % 2 === 0) {
        byKey = true;
        push(direction - 1, 0);
      }
    });
    const release = () => {
      if (byKey) push(0, 0); // not what a button began, to which the focus may just have gone
      byKey = false;
    };
    stage.addEventListener('keyup', (event) => event.key in KEYS && release());
    stage.addEventListener('blur', release);
  }

  function one() {
    play.set(false);
    world.advance(right);
    clock = world.seconds;
    rest = 0;
    draw();
  }

  element.append(
    ...(run ? [] : [html('div', { class: 'controls first' }, env.root, agent.root)]),
    hint,
    root,
    html('div', { class: 'buttons' }, play.root, button(words.one, one), button(words.again, begin), pushes),
    controls,
    readout,
  );
  await enter(env.value);
  return (file) => {
    world.setAgent(makeAgent(file), true);
    if (!loop.running) draw();
  };
}
