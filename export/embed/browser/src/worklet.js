/**
 * The audio thread: blocks of the microphone go to the worker, denoised ones come back and are played.
 *
 * It never waits. Denoised samples and the originals carry the same numbers, so switching between them is exact in time.
 */

import { Ring, ringMemory } from "./ring.js";

const FADE_S = 0.02;
const REPORT_BLOCKS = 32;
const SPARE_BLOCKS = 3;

class Transport extends AudioWorkletProcessor {
  constructor({ processorOptions: { memory, window, hop } }) {
    super();
    this._input = new Ring(memory?.input ?? ringMemory(false));
    this._output = new Ring(memory?.output ?? ringMemory(false));
    this._link = null; // the port to the worker, where memory is not shared
    this._mix = 1;
    this._target = 1;
    this._blocks = 0;
    this._missed = 0;
    this._playing = false;
    this._ended = false;
    this._unused = new Float32Array(1024);
    // Samples behind the microphone at which playing starts: the window, a burst of hops, and some blocks to spare.
    this._lead = window + hop + SPARE_BLOCKS * 128;
    this.port.onmessage = ({ data }) => {
      if (data.mix !== undefined) this._target = data.mix;
      if (data.end) this._ended = true;
      if (data.link) {
        this._link = data.link;
        this._link.onmessage = ({ data: samples }) => this._output.push(samples);
      }
    };
  }

  process([[heard]], [played]) {
    const size = played[0].length;
    const block = heard ?? this._unused.fill(0).subarray(0, size);
    this._input.push(block);
    if (this._link) {
      this._link.postMessage(block.slice());
      this._input.pull(this._unused.subarray(0, size)); // what was read stays there to be looked at
    }
    const behind = (this._input.written - this._output.read) | 0;
    if (!this._playing && behind >= this._lead && this._output.available >= size) {
      // What came in a burst before is left out, as it would stay as latency.
      this._output.pull(this._unused.subarray(0, Math.min(behind - this._lead, this._output.available - size)));
      this._playing = true;
    }
    if (this._playing) this._play(played[0]);
    for (const channel of played.slice(1)) channel.set(played[0]);
    this._blocks += 1;
    if (this._blocks % REPORT_BLOCKS === 0)
      this.port.postMessage({ blocks: this._blocks, missed: this._missed, behind });
    return !this._ended;
  }

  _play(target) {
    const first = this._output.read;
    if (this._output.available < target.length) {
      this._missed += 1;
      return;
    }
    this._output.pull(target);
    const step = 1 / (FADE_S * sampleRate);
    for (let n = 0; n < target.length; n++) {
      this._mix += Math.max(-step, Math.min(step, this._target - this._mix));
      const original = this._input.at(first + n);
      target[n] = original + this._mix * (target[n] - original);
    }
  }
}

registerProcessor("transport", Transport);
