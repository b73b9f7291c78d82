/**
 * Denoise with a module that `denoise-export MODEL --wasm DIR` made: in Node, in pages, in workers and on audio threads.
 *
 * One module holds the network, its weights, windows, overlap-add and resampling; what is here moves samples in and out.
 */

const FACTS = "denoise-stream";
const BLOCK_SAMPLES = 4096;

/** What was loaded is not a module made by denoise-export; the message says what is wrong with it. */
export class ModuleError extends Error {
  name = "ModuleError";
}

/** Load a model; see denoise.d.ts. */
export async function load(source) {
  const module = source instanceof WebAssembly.Module ? source : await compiled(source);
  const [facts] = WebAssembly.Module.customSections(module, FACTS);
  if (!facts) throw new ModuleError("the module was not made by denoise-export --wasm; it says nothing about its model");
  const contract = JSON.parse(new TextDecoder().decode(facts));
  return new WasmDenoiser(module, contract, await WebAssembly.instantiate(module, {}));
}

async function compiled(source) {
  let bytes = source;
  if (typeof source === "string" || source instanceof URL) {
    const answer = await fetch(source);
    if (!answer.ok) throw new ModuleError(`${source} cannot be loaded: the server answers ${answer.status}`);
    bytes = await answer.arrayBuffer();
  }
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw new ModuleError(`this is not a WebAssembly module, or this browser has no SIMD: ${error.message}`, {
      cause: error,
    });
  }
}

/** A loaded model; see denoise.d.ts. */
export class WasmDenoiser {
  constructor(module, contract, instance = new WebAssembly.Instance(module, {})) {
    this.module = module;
    this.contract = contract;
    this._functions = instance.exports;
    this._input = this._functions.malloc(8 * BLOCK_SAMPLES);
    this._output = this._functions.malloc(8 * (BLOCK_SAMPLES + contract.window + contract.mostLookaheadSamples));
  }

  stream({ lookaheadSamples = 0 } = {}) {
    return new WasmStream(this, checked(lookaheadSamples, this.contract));
  }

  channel(sampleRateHz, { lookaheadSamples = 0 } = {}) {
    return new WasmChannel(this, sampleRateHz, checked(lookaheadSamples, this.contract));
  }

  denoise(signal, { sampleRateHz, lookaheadSamples = this.contract.mostLookaheadSamples, onProgress } = {}) {
    const { sampleRateHz: neededHz } = this.contract;
    if (neededHz !== null && sampleRateHz !== undefined && sampleRateHz !== neededHz)
      return this._converted(signal, this.channel(sampleRateHz, { lookaheadSamples }), onProgress);
    const stream = this.stream({ lookaheadSamples });
    const clean = new signal.constructor(signal.length);
    let done = 0;
    for (const [piece, share] of pieces(signal)) {
      const finished = stream.process(piece);
      clean.set(finished, done);
      done += finished.length;
      onProgress?.(share);
    }
    clean.set(stream.flush(), done);
    stream.close();
    return clean;
  }

  /** Denoise at another rate than the model's: extend the signal by reflection, and cut the delay off. */
  _converted(signal, channel, onProgress) {
    const { length } = signal;
    const extended = new Float32Array(length + channel.delaySamples);
    const period = Math.max(1, 2 * (length - 1));
    for (let n = 0; n < extended.length && length; n++) {
      const at = n % period;
      extended[n] = signal[at < length ? at : period - at];
    }
    const clean = new signal.constructor(length);
    let done = -channel.delaySamples;
    for (const [piece, share] of pieces(extended)) {
      const finished = channel.process(piece).clean;
      if (done + finished.length > 0) clean.set(finished.subarray(Math.max(0, -done)), Math.max(0, done));
      done += finished.length;
      onProgress?.(share);
    }
    channel.close();
    return clean;
  }

  /** Return a view of the memory's samples from an address on; calls that take memory make it unusable. */
  _view(Kind, address, length) {
    return new Kind(this._functions.memory.buffer, address, length);
  }
}

/** One channel at the model's rate, chunk by chunk; see denoise.d.ts. */
export class WasmStream {
  constructor(denoiser, lookaheadSamples) {
    this.latencySamples = denoiser.contract.window + lookaheadSamples;
    this._denoiser = denoiser;
    this._lookahead = lookaheadSamples;
    this._state = taken(denoiser._functions.state_open());
    this._Kind = Float32Array;
    this.reset();
  }

  process(chunk) {
    this._check(chunk);
    this._Kind = chunk.constructor;
    const { _denoiser: denoiser, _state: state } = this;
    const { _functions: functions, _input: input, _output: output } = denoiser;
    const clean = new this._Kind(chunk.length + this.latencySamples);
    let done = 0;
    for (let at = 0; at < chunk.length; at += BLOCK_SAMPLES) {
      const block = chunk.subarray(at, at + BLOCK_SAMPLES);
      denoiser._view(Float64Array, input, block.length).set(block);
      const count = functions.denoise_process(state, input, block.length, output);
      clean.set(denoiser._view(Float64Array, output, count), done);
      done += count;
    }
    return clean.slice(0, done);
  }

  flush() {
    this._check();
    const { _functions: functions, _output: output } = this._denoiser;
    const count = functions.denoise_flush(this._state, output);
    return this._Kind.from(this._denoiser._view(Float64Array, output, count));
  }

  reset() {
    this._check();
    this._denoiser._functions.state_init(this._state, this._lookahead);
  }

  close() {
    this._denoiser._functions.free(this._state);
    this._state = 0;
  }

  _check(chunk = []) {
    if (!this._state) throw new Error("the stream is closed; open another with denoiser.stream()");
    const wrong = chunk.findIndex((sample) => Math.abs(sample) === Infinity);
    if (wrong >= 0)
      throw new RangeError(`sample ${wrong} of the chunk is ${chunk[wrong]}; every sample must be a finite number`);
  }
}

/** One channel of sound at any rate, with a fixed delay; see denoise.d.ts. */
export class WasmChannel {
  constructor(denoiser, sampleRateHz, lookaheadSamples) {
    const functions = denoiser._functions;
    this._channel = functions.channel_open(sampleRateHz, lookaheadSamples);
    if (!this._channel)
      throw new RangeError(
        `sampleRateHz=${sampleRateHz} is too far from the ${denoiser.contract.sampleRateHz} Hz that the model needs`,
      );
    this.delaySamples = functions.channel_delay(this._channel);
    this._denoiser = denoiser;
  }

  process(chunk) {
    const delayed = new Float32Array(chunk.length);
    const clean = new Float32Array(chunk.length);
    for (let at = 0; at < chunk.length; at += BLOCK_SAMPLES) {
      const block = chunk.subarray(at, at + BLOCK_SAMPLES);
      this.processInto(block, delayed.subarray(at, at + block.length), clean.subarray(at, at + block.length));
    }
    return { delayed, clean };
  }

  /** Process at most 4096 samples; write the denoised ones, and the originals with the same delay. */
  processInto(block, delayed, clean) {
    this._check();
    const { _functions: functions, _input: input, _output: output } = this._denoiser;
    const { length } = block;
    if (this._heard?.buffer !== functions.memory.buffer || this._heard.length !== length) this._renewViews(length);
    this._heard.set(block);
    functions.channel_run(this._channel, input, length, output, output + 4 * length);
    delayed.set(this._delayed);
    clean.set(this._clean);
  }

  /** View the memory for blocks of one length, until it grows: an audio thread must leave nothing to collect. */
  _renewViews(length) {
    const { _denoiser: denoiser } = this;
    this._heard = denoiser._view(Float32Array, denoiser._input, length);
    this._delayed = denoiser._view(Float32Array, denoiser._output, length);
    this._clean = denoiser._view(Float32Array, denoiser._output + 4 * length, length);
  }

  reset() {
    this._check();
    this._denoiser._functions.channel_restart(this._channel);
  }

  close() {
    if (this._channel) this._denoiser._functions.channel_close(this._channel);
    this._channel = 0;
  }

  _check() {
    if (!this._channel) throw new Error("the channel is closed; open another with denoiser.channel()");
  }
}

/** Cut a signal into pieces: a short one first, then long ones; each with the share that is done after it. */
function* pieces(signal) {
  for (let at = 0, size = BLOCK_SAMPLES / 8; at < signal.length; size = 4 * BLOCK_SAMPLES) {
    const piece = signal.subarray(at, at + size);
    at += piece.length;
    yield [piece, at / signal.length];
  }
}

function checked(lookaheadSamples, { name, mostLookaheadSamples: most }) {
  if (Number.isInteger(lookaheadSamples) && lookaheadSamples >= 0 && lookaheadSamples <= most) return lookaheadSamples;
  throw new RangeError(
    `lookaheadSamples=${lookaheadSamples} is out of range; ${most ? `use 0 to ${most}` : `${name} does not look ahead, use 0`}`,
  );
}

function taken(address) {
  if (!address) throw new RangeError("WebAssembly has no memory left for another stream; close some");
  return address;
}
