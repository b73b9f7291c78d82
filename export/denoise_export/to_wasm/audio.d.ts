import type { WasmDenoiser, load } from "./denoise.js";

/** What the audio thread tells every 16 blocks, of the first channel. */
export interface Report {
  /** The last 2048 samples that came in, and their denoised ones. */
  noisy: Float32Array;
  clean: Float32Array;
  /** Blocks of 128 samples so far, those that took longer than they last, and the time for all in ms. */
  blocks: number;
  late: number;
  spentMs: number;
}

export interface DenoiseNodeOptions {
  /** Channels; 1 if left out. */
  channels?: number;
  /** Where worklet.js is served; beside audio.js if left out. */
  worklet?: string | URL;
  onReport?: (report: Report) => void;
}

/** A node of Web Audio that denoises, in a context of any rate. */
export class DenoiseNode extends AudioWorkletNode {
  /** Make a node from a loaded model, or from what `load` takes. */
  static create(
    context: BaseAudioContext,
    model: WasmDenoiser | Parameters<typeof load>[0],
    options?: DenoiseNodeOptions,
  ): Promise<DenoiseNode>;
  /** The delay of the output, in samples of the context. */
  readonly delaySamples: number;
  /** How much of the result is denoised: 1 for all, 0 for the original with the same delay. */
  readonly mix: AudioParam;
  /** Disconnect the node and end its work on the audio thread. */
  close(): void;
}
