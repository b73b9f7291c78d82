import type { LookAhead, WasmDenoiser } from "./wasm/denoise.js";

export { DenoiseNode, type DenoiseNodeOptions, type Report } from "./wasm/audio.js";
export { type Facts, type LookAhead, ModuleError, WasmChannel, WasmDenoiser, WasmStream } from "./wasm/denoise.js";

/** What a model file says about itself. */
export interface Contract {
  name: string;
  /** Samples per window. */
  window: number;
  /** Recommended samples between window starts. */
  hop: number;
  normalization: "minmax" | "none";
  /** The rate the model was trained for; null means any. */
  sampleRateHz: number | null;
  /** Numbers that a stateful model carries from window to window; 0 for a stateless one. */
  stateSize: number;
  /** The scales of the context that the model takes, if any: blocks before and after each window, the nearest first. */
  contextPast: Blocks[];
  contextAhead: Blocks[];
  /** The longest look-ahead that the model can use, in samples after each window; 0 for most models. */
  mostLookaheadSamples: number;
  license: string;
  trainedOn: string;
}

/** A row of blocks of a context: `count` means of `size` samples each. */
export interface Blocks {
  size: number;
  count: number;
}

export type Samples = Float32Array | Float64Array;

/** A model file breaks the contract. */
export class ContractError extends Error {}

/** One channel, chunk by chunk; however the signal is cut, the result is the same. NaN marks a missing value. */
export class DenoiseStream {
  /** A sample is given back when this many samples, itself included, have come in. */
  readonly latencySamples: number;
  /** Take the next samples; give those that are finished, possibly none. */
  process<T extends Samples>(chunk: T): Promise<T>;
  /** End the signal and give the rest; the next chunk starts a new one. */
  flush(): Promise<Samples>;
  /** Forget everything. */
  reset(): Promise<void>;
}

/** A loaded ONNX file; any number of streams share it. */
export class Denoiser {
  readonly contract: Contract;
  /** Open a stream; it does not look ahead unless that is stated. */
  stream(options?: LookAhead & { hop?: number }): DenoiseStream;
  /** Denoise a whole signal of one channel; the model looks ahead as far as it can unless another look-ahead is stated. */
  denoise<T extends Samples>(signal: T, options?: LookAhead & { hop?: number }): Promise<T>;
  /** Free the memory of the network; streams that are still open fail from now on. */
  release(): Promise<void>;
}

/** Load an ONNX file; Node only, with onnxruntime-node. */
export function load(path: `${string}.onnx`): Promise<Denoiser>;
/** Load a module of `denoise-export --wasm`: its address or, in Node, its path; its bytes; or what is compiled already. */
export function load(source: string | URL | BufferSource | WebAssembly.Module): Promise<WasmDenoiser>;

export interface Audio {
  sampleRateHz: number;
  channels: Samples[];
  /** Bits per sample; 16 if left out. */
  bits?: number;
  /** Whether the samples are floats (32 or 64 bits) instead of integers. */
  float?: boolean;
}

export function readWav(bytes: Uint8Array): Required<Audio>;
export function writeWav(audio: Audio): Uint8Array;
export function readMetadata(bytes: Uint8Array): Record<string, string>;
export function readContract(metadata: Record<string, string>, file: string): Contract;
