// Gymnasium's Pendulum-v1, operation by operation. theta is 0 upright and grows counter-clockwise; the state is {theta, speed}.

export const MAX_SPEED = 8;
export const MAX_TORQUE = 2;
export const SECONDS = 0.05; // of a step
export const STEPS = 200; // of an episode
const GRAVITY = 10;

/** An angle in [-pi, pi). */
export function normalized(angle) {
  const turn = 2 * Math.PI;
  return ((((angle + Math.PI) % turn) + turn) % turn) - Math.PI;
}

/** What the agent sees: cos, sin and angular speed, in single precision as Gymnasium gives them. */
export function observe({ theta, speed }) {
  return [Math.fround(Math.cos(theta)), Math.fround(Math.sin(theta)), Math.fround(speed)];
}

/** One step with the agent's torque, limited, and a `push` beside it that is not; returns the new state and the reward. */
export function step({ theta, speed }, action, push = 0) {
  const torque = Math.fround(Math.min(MAX_TORQUE, Math.max(-MAX_TORQUE, action))); // single precision, as actions are
  const reward = -(normalized(theta) ** 2 + 0.1 * speed ** 2 + Math.fround(0.001 * Math.fround(torque ** 2)));
  const acceleration = ((3 * GRAVITY) / 2) * Math.sin(theta) + Math.fround(3 * torque) + 3 * push;
  const newSpeed = Math.min(MAX_SPEED, Math.max(-MAX_SPEED, speed + acceleration * SECONDS));
  return { state: { theta: theta + newSpeed * SECONDS, speed: newSpeed }, reward };
}

/** A state to start from: any angle, a low speed. */
export function reset(random) {
  return { theta: Math.PI * (2 * random() - 1), speed: 2 * random() - 1 };
}
