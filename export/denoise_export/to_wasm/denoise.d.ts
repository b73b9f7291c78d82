/** What a module says about its model. */
export interface Facts {
  name: string;
  /** Samples per window. */
  window: number;
  /** Samples between window starts. */
  hop: number;
  /** The rate the model was trained for; null means any. */
  sampleRateHz: number | null;
  license: string;
  trainedOn: string;
}

export type Samples = Float32Array | Float64Array;

/** What was loaded is not a module made by denoise-export. */
export class ModuleError extends Error {}

/** One channel, chunk by chunk; however the signal is cut, the result is the same. NaN marks a missing value. */
export class WasmStream {
  /** A sample is given back when this many samples, itself included, have come in. */
  readonly latencySamples: number;
  /** Take the next samples; return those that are finished, possibly none. */
  process<T extends Samples>(chunk: T): T;
  /** End the signal and return the rest; the next chunk starts a new one. */
  flush(): Samples;
  /** Forget everything. */
  reset(): void;
  /** Leave the memory to other streams. */
  close(): void;
}

/** A loaded model; any number of streams share its weights. */
export class WasmDenoiser {
  readonly contract: Facts;
  readonly module: WebAssembly.Module;
  stream(): WasmStream;
  /** Denoise a whole signal of one channel. */
  denoise<T extends Samples>(signal: T): T;
}

/** Load a model: a URL, the bytes of a file, or a module that is compiled already. */
export function load(source: string | URL | BufferSource | WebAssembly.Module): Promise<WasmDenoiser>;
