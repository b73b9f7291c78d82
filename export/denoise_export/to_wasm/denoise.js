/**
 * Denoise with a module that `denoise-export MODEL --wasm DIR` made: in Node, in pages, in workers and on audio threads.
 *
 * One module holds the network, its weights, windows and overlap-add; what is here moves samples in and out.
 */

const FACTS = "denoise-stream";
const BLOCK_SAMPLES = 4096;
const SAMPLE_BYTES = 8;
const PAGE_BYTES = 65536;
const ALIGNMENT = 16;

/** What was loaded is not a module made by denoise-export; the message says what it is. */
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
    this._end = this._functions.__heap_base.value; // of what is taken of the memory
    this._spare = []; // states of streams that were closed
    this._input = this._taken(BLOCK_SAMPLES * SAMPLE_BYTES);
    this._output = this._taken((BLOCK_SAMPLES + contract.window) * SAMPLE_BYTES);
  }

  stream() {
    const state = this._spare.pop() ?? this._taken(this._functions.denoise_state_bytes());
    return new WasmStream(this, state);
  }

  denoise(signal) {
    const stream = this.stream();
    const clean = new signal.constructor(signal.length);
    const begin = stream.process(signal);
    clean.set(begin);
    clean.set(stream.flush(), begin.length);
    stream.close();
    return clean;
  }

  /** Take bytes of the module's memory, for good. */
  _taken(bytes) {
    const start = Math.ceil(this._end / ALIGNMENT) * ALIGNMENT;
    this._end = start + bytes;
    const { memory } = this._functions;
    const missing = this._end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES)); // which makes all views of it unusable
    this._samples = new Float64Array(memory.buffer);
    return start;
  }
}

/** One channel, chunk by chunk; see denoise.d.ts. */
export class WasmStream {
  constructor(denoiser, state) {
    this.latencySamples = denoiser.contract.window;
    this._denoiser = denoiser;
    this._state = state;
    this._Kind = Float32Array;
    this.reset();
  }

  process(chunk) {
    this._check(chunk);
    this._Kind = chunk.constructor;
    const clean = new this._Kind(chunk.length + this.latencySamples);
    return clean.slice(0, this.processInto(chunk, clean));
  }

  /** Write what is finished to `clean`, which has room for a window more than the chunk; return how many. */
  processInto(chunk, clean) {
    const { _functions: functions, _samples: samples, _input: input, _output: output } = this._denoiser;
    let done = 0;
    for (let at = 0; at < chunk.length; at += BLOCK_SAMPLES) {
      const block = chunk.length > BLOCK_SAMPLES ? chunk.subarray(at, at + BLOCK_SAMPLES) : chunk;
      samples.set(block, input / SAMPLE_BYTES);
      const count = functions.denoise_process(this._state, input, block.length, output);
      for (let n = 0; n < count; n++) clean[done + n] = samples[output / SAMPLE_BYTES + n];
      done += count;
    }
    return done;
  }

  flush() {
    this._check();
    const { _functions: functions, _samples: samples, _output: output } = this._denoiser;
    const count = functions.denoise_flush(this._state, output);
    return this._Kind.from(samples.subarray(output / SAMPLE_BYTES, output / SAMPLE_BYTES + count));
  }

  reset() {
    this._check();
    this._denoiser._functions.denoise_init(this._state);
  }

  close() {
    if (this._state !== null) this._denoiser._spare.push(this._state);
    this._state = null;
  }

  _check(chunk = []) {
    if (this._state === null) throw new Error("the stream is closed; open another with denoiser.stream()");
    const wrong = chunk.findIndex((sample) => Math.abs(sample) === Infinity);
    if (wrong >= 0)
      throw new RangeError(`sample ${wrong} of the chunk is ${chunk[wrong]}; every sample must be a finite number`);
  }
}
