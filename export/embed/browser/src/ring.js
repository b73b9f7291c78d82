/** A queue of samples between one writer and one reader, in memory that they may share across threads. */

const WRITTEN = 0;
const READ = 1;

/** A third of a second at 48 kHz. */
const FEWEST_SAMPLES = 16384;

export class Ring {
  /** @param {{ counters: ArrayBufferLike, samples: ArrayBufferLike }} memory of {@link ringMemory} */
  constructor({ counters, samples }) {
    this._counters = new Int32Array(counters);
    this._samples = new Float32Array(samples);
  }

  /** How many samples have been written and read since the start. */
  get written() {
    return Atomics.load(this._counters, WRITTEN);
  }

  get read() {
    return Atomics.load(this._counters, READ);
  }

  /** How many samples wait for the reader. */
  get available() {
    return (this.written - this.read) | 0;
  }

  /** How many samples have room. */
  get size() {
    return this._samples.length;
  }

  /** Write samples and wake waiting readers; return how many did not fit. */
  push(samples) {
    const start = this.written;
    const count = Math.min(samples.length, this._samples.length - this.available);
    for (let n = 0; n < count; n++) this._samples[(start + n) & (this._samples.length - 1)] = samples[n];
    Atomics.store(this._counters, WRITTEN, (start + count) | 0);
    Atomics.notify(this._counters, WRITTEN);
    return samples.length - count;
  }

  /** Read as many samples as fit, or as there are; return how many. */
  pull(samples) {
    const start = this.read;
    const count = Math.min(samples.length, this.available);
    for (let n = 0; n < count; n++) samples[n] = this.at(start + n);
    Atomics.store(this._counters, READ, (start + count) | 0);
    return count;
  }

  /** Leave out the next samples; the reader's. */
  skip(count) {
    Atomics.store(this._counters, READ, (this.read + count) | 0);
  }

  /** Return a sample by its number, without taking it; it stays until the writer comes round to its place. */
  at(number) {
    return this._samples[number & (this._samples.length - 1)];
  }

  /** Wait until something is written after `seen`, or some milliseconds have passed. */
  async change(seen, milliseconds) {
    const waiting = Atomics.waitAsync?.(this._counters, WRITTEN, seen, milliseconds);
    if (waiting) await waiting.value;
    else if (this.written === seen) await new Promise((wake) => setTimeout(wake, 3));
  }
}

/** Make the memory of a ring: several windows long, and a power of two, so that counters may wrap. */
export function ringMemory(shared, { window, hop }) {
  const Memory = shared ? SharedArrayBuffer : ArrayBuffer;
  const samples = Math.max(FEWEST_SAMPLES, 2 ** Math.ceil(Math.log2(4 * (window + hop))));
  return { counters: new Memory(8), samples: new Memory(4 * samples) };
}
