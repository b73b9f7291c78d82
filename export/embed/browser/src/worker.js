/** The denoising thread of WebAssembly modules: whole signals, one channel after the other. */

import { load } from "../../../denoise_export/to_wasm/denoise.js";
import { answerCalls } from "./calls.js";

let denoiser;

answerCalls({
  /** Load a model from its bytes. */
  async load(bytes) {
    denoiser = await load(bytes);
    return { contract: denoiser.contract };
  },

  /** Denoise whole channels at their rate; report how far it is. */
  denoise(channels, sampleRateHz) {
    const started = performance.now();
    let firstMs = null;
    const clean = channels.map((noisy, number) => {
      const onProgress = (share) => {
        firstMs ??= performance.now() - started;
        self.postMessage({ progress: (number + share) / channels.length });
      };
      return denoiser.denoise(noisy, { sampleRateHz, onProgress });
    });
    return { clean, firstMs: firstMs ?? 0, computeMs: performance.now() - started };
  },
});
