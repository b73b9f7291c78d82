/** What a module says about its model. */
export interface Facts {
  name: string;
  /** Samples per window. */
  window: number;
  /** Samples between window starts. */
  hop: number;
  /** The rate the model was trained for; null means any. */
  sampleRateHz: number | null;
  /** The longest look-ahead of a model that sees what follows a window, in samples at its rate; 0 for others. */
  mostLookaheadSamples: number;
  license: string;
  trainedOn: string;
}

export type Samples = Float32Array | Float64Array;

export interface LookAhead {
  /** Samples after each window that the model uses; each is one of latency. */
  lookaheadSamples?: number;
}

/** What was loaded is not a module made by denoise-export. */
export class ModuleError extends Error {}

/** One channel at the model's rate, chunk by chunk; however the signal is cut, the result is the same. NaN marks a missing value. */
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

/**
 * One channel of sound at any rate, with a fixed delay. Another rate than the model's is converted, and what lies above the
 * model's range follows the gain of its top.
 */
export class WasmChannel {
  /** The delay of the output, in samples. */
  readonly delaySamples: number;
  /** Take the next samples; return as many denoised ones, and the samples themselves with the same delay. */
  process(chunk: Samples): { clean: Float32Array; delayed: Float32Array };
  /** Forget everything. */
  reset(): void;
  /** Leave the memory to others. */
  close(): void;
}

/** A loaded model; any number of streams share its weights. */
export class WasmDenoiser {
  readonly contract: Facts;
  readonly module: WebAssembly.Module;
  /** Open a stream; it does not look ahead unless that is stated. */
  stream(options?: LookAhead): WasmStream;
  /** Open a channel; it does not look ahead unless that is stated. */
  channel(sampleRateHz: number, options?: LookAhead): WasmChannel;
  /**
   * Denoise a whole signal of one channel; without a rate, at the model's own. The model looks ahead as far as it can
   * unless another look-ahead is stated. The share that is done goes to onProgress.
   */
  denoise<T extends Samples>(
    signal: T,
    options?: LookAhead & { sampleRateHz?: number; onProgress?: (share: number) => void },
  ): T;
}

/** Load a model: a URL, the bytes of a file, or a module that is compiled already. */
export function load(source: string | URL | BufferSource | WebAssembly.Module): Promise<WasmDenoiser>;
