/** The audio thread: every channel of a DenoiseNode goes through the module, block by block. */

import { WasmDenoiser } from "./denoise.js";

const BLOCK_SAMPLES = 128;
const REPORT_BLOCKS = 16;

class DenoiseProcessor extends AudioWorkletProcessor {
  static get parameterDescriptors() {
    return [{ name: "mix", defaultValue: 1, minValue: 0, maxValue: 1 }];
  }

  constructor({ outputChannelCount: [count], processorOptions: { module, contract, reports } }) {
    super();
    const denoiser = new WasmDenoiser(module, contract);
    try {
      this._channels = Array.from({ length: count }, () => denoiser.channel(sampleRate));
    } catch (error) {
      this._ended = true;
      this.port.postMessage({ failure: error.message });
      return;
    }
    this._silence = new Float32Array(BLOCK_SAMPLES);
    this._delayed = new Float32Array(BLOCK_SAMPLES);
    this._clean = new Float32Array(BLOCK_SAMPLES);
    this._reports = reports;
    this._blocks = this._late = this._spentMs = 0;
    this._renew();
    this.port.onmessage = () => (this._ended = true);
    this.port.postMessage({ delaySamples: this._channels[0].delaySamples });
  }

  process([heard], [played], { mix }) {
    if (this._ended) return false;
    const started = Date.now();
    for (let number = 0; number < this._channels.length; number++) {
      const target = played[number];
      this._channels[number].processInto(heard[number] ?? this._silence, this._delayed, this._clean);
      for (let n = 0; n < target.length; n++) {
        const share = mix.length > 1 ? mix[n] : mix[0];
        target[n] = this._delayed[n] + share * (this._clean[n] - this._delayed[n]);
      }
      if (this._reports && number === 0) this._keep();
    }
    this._report(Date.now() - started);
    return true;
  }

  /** Keep the first channel's samples for the next report. */
  _keep() {
    const at = (this._blocks % REPORT_BLOCKS) * BLOCK_SAMPLES;
    this._noisy.set(this._delayed, at);
    this._denoised.set(this._clean, at);
  }

  _report(tookMs) {
    this._blocks += 1;
    this._spentMs += tookMs;
    if (tookMs > (1000 * BLOCK_SAMPLES) / sampleRate) this._late += 1;
    if (!this._reports || this._blocks % REPORT_BLOCKS) return;
    const { _noisy: noisy, _denoised: clean, _blocks: blocks, _late: late, _spentMs: spentMs } = this;
    this.port.postMessage({ noisy, clean, blocks, late, spentMs }, [noisy.buffer, clean.buffer]);
    this._renew();
  }

  _renew() {
    if (!this._reports) return;
    this._noisy = new Float32Array(REPORT_BLOCKS * BLOCK_SAMPLES);
    this._denoised = new Float32Array(REPORT_BLOCKS * BLOCK_SAMPLES);
  }
}

registerProcessor("denoise-stream", DenoiseProcessor);
