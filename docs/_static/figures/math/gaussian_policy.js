// The actor of pg_gaussian_minimal.py: two hidden layers of five ReLUs, heads mu and sigma (softplus), and Adam.
// Its only state is 1. Weights are in the order of the Python model: matrix and biases of each layer, mu's head, sigma's.

import { reward } from './one_shot_game.js';

const UNITS = 5;
const SHAPES = [[1, UNITS], [UNITS], [UNITS, UNITS], [UNITS], [UNITS, 1], [1], [UNITS, 1], [1]];
const [BETA_1, BETA_2, EPSILON] = [0.9, 0.999, 1e-7]; // Adam's, as Keras has them

/** Weights as a run starts: hidden ones drawn (He et al., 2015), heads zero but for biases that give mu and sigma. */
export function startingWeights(normal, mu = 0, sigma = 1) {
  const weights = SHAPES.map(([rows, columns = 1]) => new Float64Array(rows * columns));
  for (const hidden of [0, 2]) {
    const scale = Math.sqrt(2 / SHAPES[hidden][0]);
    weights[hidden].forEach((_, i) => (weights[hidden][i] = scale * normal()));
  }
  weights[5][0] = mu;
  weights[7][0] = sigma + Math.log(-Math.expm1(-sigma)); // softplus of it is sigma
  return weights;
}

/** out_j = b_j + sum_i x_i W_ij */
function dense(x, matrix, biases) {
  const out = Float64Array.from(biases);
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < out.length; j++) out[j] += x[i] * matrix[i * out.length + j];
  }
  return out;
}

const relu = (x) => x.map((value) => Math.max(0, value));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** The forward pass: mu, sigma, and what the backward pass needs of it. */
export function forward(weights) {
  const [w1, b1, w2, b2, wMu, bMu, wSigma, bSigma] = weights;
  const first = relu(dense([1], w1, b1));
  const second = relu(dense(first, w2, b2));
  const [mu] = dense(second, wMu, bMu);
  const [beforeSoftplus] = dense(second, wSigma, bSigma);
  return { mu, sigma: softplus(beforeSoftplus), beforeSoftplus, first, second };
}

/** The pseudo-loss -R log N(a; mu, sigma). */
export function pseudoLoss(mu, sigma, action, weight) {
  return -weight * (-0.5 * ((action - mu) / sigma) ** 2 - Math.log(sigma) - 0.5 * Math.log(2 * Math.PI));
}

/** The pseudo-loss's gradient in every weight, by hand: its slopes in mu and sigma, and back through the layers. */
export function gradient(weights, action, weight) {
  const { mu, sigma, beforeSoftplus, first, second } = forward(weights);
  const [, , w2, , wMu, , wSigma] = weights;
  const z = (action - mu) / sigma;
  const toMu = (-weight * z) / sigma;
  const toHead = ((-weight * (z * z - 1)) / sigma) * sigmoid(beforeSoftplus);
  const back2 = second.map((active, i) => (active > 0 ? wMu[i] * toMu + wSigma[i] * toHead : 0));
  const back1 = first.map((active, i) => (active > 0 ? back2.reduce((sum, b, j) => sum + w2[i * UNITS + j] * b, 0) : 0));
  const outer = new Float64Array(UNITS * UNITS);
  for (let i = 0; i < UNITS; i++) for (let j = 0; j < UNITS; j++) outer[i * UNITS + j] = first[i] * back2[j];
  const scaled = (factor) => second.map((active) => factor * active);
  return [back1, back1, outer, back2, scaled(toMu), [toMu], scaled(toHead), [toHead]];
}

/** Adam's state: the running means of gradients and of their squares. */
export function adam() {
  const zeros = () => SHAPES.map(([rows, columns = 1]) => new Float64Array(rows * columns));
  return { steps: 0, means: zeros(), squares: zeros() };
}

/** One step of Adam; changes weights and state. */
export function adamStep(weights, gradients, state, learningRate) {
  state.steps += 1;
  const rate = (learningRate * Math.sqrt(1 - BETA_2 ** state.steps)) / (1 - BETA_1 ** state.steps);
  weights.forEach((values, layer) => {
    const [mean, square] = [state.means[layer], state.squares[layer]];
    for (let i = 0; i < values.length; i++) {
      const g = gradients[layer][i];
      mean[i] += (1 - BETA_1) * (g - mean[i]);
      square[i] += (1 - BETA_2) * (g * g - square[i]);
      values[i] -= (rate * mean[i]) / (Math.sqrt(square[i]) + EPSILON);
    }
  });
}

/** The learner: weights, Adam's state, and the running mean of the rewards that the baseline is. */
export function learner(normal, mu, sigma) {
  return { weights: startingWeights(normal, mu, sigma), optimizer: adam(), baseline: 0 };
}

/**
 * One episode: an action a = mu + sigma noise, its reward, one gradient step. `baselineRate` 0 subtracts no baseline.
 * Returns {mu, sigma, action, reward, loss}, all from before the step.
 */
export function episode(actor, noise, game, { learningRate, baselineRate }) {
  const { mu, sigma } = forward(actor.weights);
  const action = mu + sigma * noise;
  const received = reward(action, game);
  const weight = received - actor.baseline;
  adamStep(actor.weights, gradient(actor.weights, action, weight), actor.optimizer, learningRate);
  actor.baseline += baselineRate * weight;
  return { mu, sigma, action, reward: received, loss: pseudoLoss(mu, sigma, action, weight) };
}
