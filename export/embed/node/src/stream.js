/**
 * Denoise one channel chunk by chunk; the output is aligned with the input to the sample.
 *
 *     y[n] = sum_k w[n - k H] d_k[n - k H] / sum_k w[n - k H],   w[n] = sin^2(pi (n + 1/2) / W)
 *
 * Used by Node and the browser alike; the network is a function, so that this file depends on no runtime.
 */

import { contextOf } from "./context.js";
import { contextSize, reach } from "./contract.js";

/** Windows that go through the network at once. */
const BATCH_WINDOWS = 64;

/** Return the weights of overlap-add: a Hann taper shifted by half a sample, never zero. */
function taper(window) {
  return Float64Array.from({ length: window }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / window) ** 2);
}

/**
 * Denoise one channel chunk by chunk; however the signal is cut, the result is the same.
 *
 * Kept between calls: at most two windows of samples, the past that a context covers, the look-ahead, the sums of
 * overlap-add, and a stateful network's state.
 * Calls may overlap; they run in order.
 */
export class DenoiseStream {
  /**
   * @param {import("../index.js").Contract} contract
   * @param {(noisy: Float32Array, rows: number, state: Float32Array | null, context: Float32Array | null) =>
   *   Promise<{ clean: Float32Array, state: Float32Array | null }>} network
   * @param {number} [hop] samples between window starts, 1 to the window; the model's own if left out, and the
   *   only one for a stateful model
   * @param {number} [lookahead] samples after each window that a model with a context sees, and waits for
   */
  constructor(contract, network, hop = contract.hop, lookahead = 0) {
    if (!(Number.isInteger(hop) && hop >= 1 && hop <= contract.window))
      throw new RangeError(`hop=${hop} is out of range; use 1 to ${contract.window}`);
    if (contract.stateSize && hop !== contract.hop)
      throw new RangeError(`hop=${hop} does not go with the network's memory, which goes on by ${contract.hop} samples`);
    const { name, mostLookaheadSamples: most } = contract;
    if (!(Number.isInteger(lookahead) && lookahead >= 0 && lookahead <= most))
      throw new RangeError(
        `lookaheadSamples=${lookahead} is out of range; ${most ? `use 0 to ${most}` : `${name} does not look ahead, use 0`}`,
      );
    this.latencySamples = contract.window + lookahead;
    this._lookahead = lookahead;
    this._past = reach(contract.contextPast);
    this._contract = contract;
    this._network = network;
    this._hop = hop;
    this._taper = taper(contract.window);
    this._last = Promise.resolve();
    this._begin();
  }

  /** Take the next samples; return those that are finished, of the chunk's kind (Float32Array or Float64Array). */
  process(chunk) {
    const own = chunk.slice(); // the caller may use its buffer again before it is this chunk's turn
    return this._inOrder(() => this._process(own));
  }

  /** Return all that is still inside and end the signal; the next chunk starts a new one. */
  flush() {
    return this._inOrder(() => this._flush());
  }

  /** Forget everything; the next sample is sample 0. */
  reset() {
    return this._inOrder(async () => this._begin());
  }

  _inOrder(work) {
    const result = this._last.then(work);
    this._last = result.catch(() => {});
    return result;
  }

  _begin() {
    const { window, stateSize } = this._contract;
    this._kept = new Float64Array(0); // samples that are still needed
    this._next = 0; // where among them the next window starts
    this._above = new Float64Array(window); // the sums above and below the line of the equation
    this._below = new Float64Array(window);
    this._begun = false;
    this._state = stateSize ? new Float32Array(stateSize) : null;
    this._kind = this._kind ?? Float32Array;
  }

  async _process(chunk) {
    const wrong = chunk.findIndex((sample) => Math.abs(sample) === Infinity);
    if (wrong >= 0)
      throw new RangeError(`sample ${wrong} of the chunk is ${chunk[wrong]}; every sample must be a finite number`);
    this._kind = chunk.constructor;
    this._kept = joined(this._kept, chunk, Float64Array);
    return this._run(this._lookahead);
  }

  /** Denoise all windows that are whole and have so many samples after them; return what they finish. */
  async _run(waiting) {
    const { window } = this._contract;
    const count = Math.max(0, Math.floor((this._kept.length - window - waiting - this._next) / this._hop) + 1);
    const finished = new this._kind(count * this._hop);
    const batch = this._state ? 1 : BATCH_WINDOWS;
    for (let done = 0; done < count; done += batch) {
      const rows = Math.min(batch, count - done);
      await this._denoise(this._kept, rows, finished, done * this._hop);
    }
    // The last window stays: its reflection may be needed at the end.
    const old = Math.max(0, this._next - Math.max(window, this._past));
    this._kept = this._kept.slice(old);
    this._next -= old;
    return finished;
  }

  async _flush() {
    const { window } = this._contract;
    const waited = await this._run(0);
    const given = this._kept.subarray(this._next);
    const rest = given.length;
    const finished = new this._kind(rest);
    if (rest > (this._begun ? window - this._hop : 0)) {
      const extended = reflected(this._kept, this._next + window);
      const first = new this._kind(this._hop);
      await this._denoise(extended, 1, first, 0);
      finished.set(first.subarray(0, Math.min(rest, this._hop)));
      for (let n = this._hop; n < rest; n++) finished[n] = this._above[n - this._hop] / this._below[n - this._hop];
    } else {
      for (let n = 0; n < rest; n++) finished[n] = this._above[n] / this._below[n];
    }
    given.forEach((sample, n) => Number.isNaN(sample) && (finished[n] = NaN));
    this._begin();
    return joined(waited, finished, this._kind);
  }

  /** Denoise the next windows of `samples` and return `rows * hop` finished samples. */
  async _denoise(samples, rows, finished, at) {
    const { window, normalization } = this._contract;
    const size = contextSize(this._contract);
    const noisy = new Float32Array(rows * window);
    const context = size ? new Float32Array(rows * size) : null;
    const scales = [];
    for (let row = 0; row < rows; row++) {
      const start = this._next + row * this._hop;
      const own = bridged(samples.subarray(start, start + window));
      const scale = normalization === "minmax" ? range(own) : { low: 0, span: 1 };
      for (let n = 0; n < window; n++) noisy[row * window + n] = (own[n] - scale.low) / (scale.span || 1);
      scales.push(scale);
      if (context) {
        const scaled = noisy.subarray(row * window, (row + 1) * window);
        context.set(contextOf(this._contract, this._kept, start, this._lookahead, scaled, scale), row * size);
      }
    }
    const { clean, state } = await this._network(noisy, rows, this._state, context);
    this._state = state;
    for (let row = 0; row < rows; row++) {
      const { low, span } = scales[row];
      for (let n = 0; n < window; n++) {
        this._above[n] += this._taper[n] * (clean[row * window + n] * span + low);
        this._below[n] += this._taper[n];
      }
      for (let n = 0; n < this._hop; n++) {
        const missing = Number.isNaN(samples[this._next + n]); // and is given back so
        finished[at + row * this._hop + n] = missing ? NaN : this._above[n] / this._below[n];
      }
      for (const sums of [this._above, this._below]) {
        sums.copyWithin(0, this._hop);
        sums.fill(0, window - this._hop);
      }
      this._next += this._hop;
    }
    this._begun = true;
  }
}

function joined(first, second, Kind) {
  const all = new Kind(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** Extend samples to a length by reflecting them at their end, and again at their start, as often as it takes. */
export function reflected(samples, length) {
  const period = Math.max(1, 2 * (samples.length - 1));
  return Float64Array.from({ length }, (_, n) => {
    const at = n % period;
    return samples[at < samples.length ? at : period - at];
  });
}

function range(samples) {
  let low = Infinity;
  let high = -Infinity;
  for (const sample of samples) {
    if (sample < low) low = sample;
    if (sample > high) high = sample;
  }
  return { low, span: high - low };
}

/** Replace missing values (NaN) by a line between their neighbours, held at the ends; 0 where all are missing. */
export function bridged(samples) {
  if (!samples.some(Number.isNaN)) return samples;
  const filled = samples.slice();
  let before = -1;
  for (let n = 0; n <= samples.length; n++) {
    if (n < samples.length && Number.isNaN(samples[n])) continue;
    for (let gap = before + 1; gap < n; gap++) {
      const left = before >= 0 ? samples[before] : samples[n];
      const right = n < samples.length ? samples[n] : left;
      filled[gap] = Number.isNaN(left ?? NaN) ? 0 : left + ((right - left) * (gap - before)) / (n - before);
    }
    before = n;
  }
  return filled;
}
