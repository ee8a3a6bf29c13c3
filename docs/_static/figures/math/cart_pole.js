// Gymnasium's CartPole-v1, operation by operation. The state is {x, xSpeed, theta, thetaSpeed}, theta 0 upright.

export const SECONDS = 0.02; // of a step
export const STEPS = 500; // of an episode
export const FORCE = 10; // of an action, to the left (0) or to the right (1)
export const X_LIMIT = 2.4;
export const ANGLE_LIMIT = (12 * 2 * Math.PI) / 360;
const GRAVITY = 9.8;
const POLE_MASS = 0.1;
const TOTAL_MASS = 0.1 + 1.0; // pole and cart
const HALF_LENGTH = 0.5; // of the pole
const POLE_MASS_LENGTH = POLE_MASS * HALF_LENGTH;

/** What the agent sees, in single precision. */
export function observe({ x, xSpeed, theta, thetaSpeed }) {
  return [x, xSpeed, theta, thetaSpeed].map(Math.fround);
}

/** One step with the agent's action and a `push`, a force beside it; returns the new state, the reward, whether it fell. */
export function step({ x, xSpeed, theta, thetaSpeed }, action, push = 0) {
  const force = (action === 1 ? FORCE : -FORCE) + push;
  const cos = Math.cos(theta);
  const sin = Math.sin(theta);
  const temp = (force + POLE_MASS_LENGTH * (thetaSpeed * thetaSpeed) * sin) / TOTAL_MASS;
  const thetaAcceleration = (GRAVITY * sin - cos * temp) / (HALF_LENGTH * (4 / 3 - (POLE_MASS * (cos * cos)) / TOTAL_MASS));
  const xAcceleration = temp - (POLE_MASS_LENGTH * thetaAcceleration * cos) / TOTAL_MASS;
  const state = {
    x: x + SECONDS * xSpeed,
    xSpeed: xSpeed + SECONDS * xAcceleration,
    theta: theta + SECONDS * thetaSpeed,
    thetaSpeed: thetaSpeed + SECONDS * thetaAcceleration,
  };
  return { state, reward: 1, terminated: Math.abs(state.x) > X_LIMIT || Math.abs(state.theta) > ANGLE_LIMIT };
}

/** A state to start from: everything near 0. */
export function reset(random) {
  const small = () => 0.1 * random() - 0.05;
  return { x: small(), xSpeed: small(), theta: small(), thetaSpeed: small() };
}
