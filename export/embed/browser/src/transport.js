/**
 * The audio thread: blocks of the microphone go to the worker, denoised ones come back and are played.
 *
 * It never waits. Denoised samples and the originals carry the same numbers, so that switching is exact in time.
 */

import { Ring, ringMemory } from "./ring.js";

const FADE_S = 0.02;
const REPORT_BLOCKS = 32;
const SPARE_BLOCKS = 3;
/** The first seconds are not played, as everything starts up then. */
const WARM_UP_S = 0.5;

class Transport extends AudioWorkletProcessor {
  constructor({ processorOptions: { memory, window, hop } }) {
    super();
    this._input = new Ring(memory?.input ?? ringMemory(false, { window, hop }));
    this._output = new Ring(memory?.output ?? ringMemory(false, { window, hop }));
    this._link = null; // the port to the worker, where memory is not shared
    this._mix = 1;
    this._target = 1;
    this._blocks = 0;
    this._missed = 0;
    this._playing = false;
    this._begun = false;
    this._ended = false;
    this._silence = new Float32Array(128);
    // Samples behind the microphone at which playing starts: the window, a burst of hops, and some blocks to spare.
    this._lead = window + hop + SPARE_BLOCKS * 128;
    this._warmUp = (WARM_UP_S * sampleRate) / 128;
    this.port.onmessage = ({ data }) => {
      if (data.mix !== undefined) this._target = data.mix;
      if (data.end) this._ended = true;
      if (data.link) {
        this._link = data.link;
        this._link.onmessage = ({ data: samples }) => {
          const room = this._output.size - this._output.available;
          this._output.skip(Math.max(0, samples.length - room)); // the oldest: the others keep their numbers
          this._output.push(samples);
        };
      }
    };
  }

  process([[heard]], [played]) {
    const size = played[0].length;
    const block = heard ?? this._silence.subarray(0, size);
    this._input.push(block);
    if (this._link) {
      this._link.postMessage(block.slice());
      this._input.skip(size); // what was read stays there to be looked at
    }
    const behind = (this._input.written - this._output.read) | 0;
    if (!this._playing && behind >= this._lead && this._output.available >= size) {
      // What came in before is left out, as it would stay as latency, or fill the ring.
      this._output.skip(Math.min(behind - this._lead, this._output.available - size));
      if (this._blocks >= this._warmUp) this._playing = this._begun = true;
    }
    if (this._playing && this._output.available < size) {
      this._playing = false;
      this._lead = Math.min(this._lead + size, this._output.size / 2); // a little more to spare from now on
    }
    if (this._playing) this._play(played[0]);
    else if (this._begun) this._missed += 1;
    for (const channel of played.slice(1)) channel.set(played[0]);
    this._blocks += 1;
    if (this._blocks % REPORT_BLOCKS === 0)
      this.port.postMessage({ blocks: this._blocks, missed: this._missed, behind });
    return !this._ended;
  }

  _play(target) {
    const first = this._output.read;
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
