/** Denoise sound in a page: a node of Web Audio whose audio thread runs the module itself. */

import { WasmDenoiser, load } from "./denoise.js";

const Node = globalThis.AudioWorkletNode ?? class {}; // so that the file can be imported where there is no sound

/** A node that denoises what flows through it; see audio.d.ts. */
export class DenoiseNode extends Node {
  static async create(context, model, options = {}) {
    const { channels = 1, worklet = new URL("./worklet.js", import.meta.url), onReport } = options;
    const denoiser = model instanceof WasmDenoiser ? model : await load(model);
    await context.audioWorklet.addModule(worklet);
    const node = new DenoiseNode(context, denoiser, channels, Boolean(onReport));
    await node._started(onReport);
    return node;
  }

  constructor(context, { module, contract }, channels, reports) {
    super(context, "denoise-stream", {
      channelCount: channels,
      channelCountMode: "explicit",
      outputChannelCount: [channels],
      processorOptions: { module, contract, reports },
    });
  }

  get mix() {
    return this.parameters.get("mix");
  }

  close() {
    this.disconnect();
    this.port.postMessage("close");
    this.port.close();
  }

  _started(onReport) {
    return new Promise((resolve, reject) => {
      this.onprocessorerror = () => reject(new Error("the audio thread could not start the model"));
      this.port.onmessage = ({ data: { delaySamples, failure } }) => {
        if (failure) reject(new RangeError(failure));
        this.delaySamples = delaySamples;
        this.port.onmessage = ({ data }) => onReport?.(data);
        resolve();
      };
    });
  }
}
