// Gymnasium's FrozenLake-v1. A state is a field's number, row by row; actions are left, down, right, up.

export const MAP = ['SFFF', 'FHFH', 'FFFH', 'HFFG'];
export const SIDE = MAP.length;
export const ACTIONS = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
]; // rows and columns that each moves by
export const STEPS = 100; // of an episode

/** The letter of a field: start, frozen, hole, goal. */
export function letter(state) {
  return MAP[Math.floor(state / SIDE)][state % SIDE];
}

/** Whether an episode ends there. */
export function isEnd(state) {
  return 'GH'.includes(letter(state));
}

/** What the agent sees: a one at the field's number. */
export function observe(state) {
  return Array.from({ length: SIDE * SIDE }, (_, i) => Number(i === state));
}

/** The field that a move leads to; at the edge one stays. */
export function move(state, action) {
  const [down, right] = ACTIONS[action];
  const row = Math.min(SIDE - 1, Math.max(0, Math.floor(state / SIDE) + down));
  const column = Math.min(SIDE - 1, Math.max(0, (state % SIDE) + right));
  return row * SIDE + column;
}

/** What can happen: [probability, move]. On slippery ice one slides to each side as often as one goes where one wants. */
export function transitions(action, slippery) {
  if (!slippery) return [[1, action]];
  const side = (1 - 1 / 3) / 2;
  return [
    [side, (action + 3) % 4],
    [1 / 3, action],
    [side, (action + 1) % 4],
  ];
}

/** One step; `drawn`, in [0, 1), decides where one slides. Returns the new state, the reward, whether the episode ended. */
export function step(state, action, drawn, slippery = true) {
  if (isEnd(state)) return { state, reward: 0, terminated: true };
  let sum = 0;
  const [, moved] = transitions(action, slippery).find(([probability]) => (sum += probability) > drawn);
  const next = move(state, moved);
  return { state: next, reward: Number(letter(next) === 'G'), terminated: isEnd(next) };
}
