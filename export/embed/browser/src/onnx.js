/** The denoising thread of dropped ONNX files: loads models, denoises whole signals and live streams, and measures. */

import * as runtime from "onnxruntime-web/wasm";
import { Denoiser } from "../../node/src/denoiser.js";
import { answerCalls, inWords } from "./calls.js";
import { Ring } from "./ring.js";

const REPORT_MS = 40;
const BLOCK_SAMPLES = 16384;

runtime.env.wasm.numThreads = 1;
runtime.env.wasm.wasmPaths = { wasm: new URL("runtime.wasm", self.location.href).href };

let denoiser;
let live = null;

const calls = {
  /** Load a model from its bytes. */
  async load(bytes, file) {
    const before = denoiser;
    denoiser = await Denoiser.fromBytes(runtime, new Uint8Array(bytes), file);
    await before?.release();
    return { contract: denoiser.contract };
  },

  /** Denoise whole channels; report how far it is. */
  async denoise(channels) {
    const started = performance.now();
    const total = channels.reduce((sum, samples) => sum + samples.length, 0);
    const clean = [];
    let done = 0;
    let firstMs = null;
    for (const noisy of channels) {
      const stream = denoiser.stream({ lookaheadSamples: denoiser.contract.mostLookaheadSamples });
      const parts = [];
      // The first window alone, to know when the first denoised sample is there.
      for (let at = 0, size = stream.latencySamples; at < noisy.length;) {
        const chunk = noisy.subarray(at, at + size);
        parts.push(await stream.process(chunk));
        firstMs ??= performance.now() - started;
        done += chunk.length;
        at += size;
        size = BLOCK_SAMPLES;
        self.postMessage({ progress: done / total });
      }
      parts.push(await stream.flush());
      clean.push(concatenated(parts, noisy.constructor));
    }
    return { clean, firstMs, computeMs: performance.now() - started };
  },

  /** Denoise a signal in chunks of one size, as the test vectors ask for. */
  async chunks(noisy, size, lookaheadSamples) {
    const stream = denoiser.stream({ lookaheadSamples });
    const parts = [];
    for (let at = 0; at < noisy.length; at += size) parts.push(await stream.process(noisy.subarray(at, at + size)));
    const before = parts.reduce((sum, part) => sum + part.length, 0);
    parts.push(await stream.flush());
    return { clean: concatenated(parts, noisy.constructor), before };
  },

  /** Denoise what comes through shared rings, or through a port, until `stop`. */
  async start({ memory, port, sampleRateHz }) {
    const stream = denoiser.stream();
    const meter = new Meter(sampleRateHz);
    await calls.stop();
    live = { ended: false, port };
    const failed = (error) => self.postMessage({ failure: inWords(error) });
    if (memory) pump(new Ring(memory.input), new Ring(memory.output), stream, meter, live).catch(failed);
    else
      port.onmessage = ({ data: noisy }) =>
        meter.measure(noisy, stream).then((clean) => clean.length && port.postMessage(clean), failed);
  },

  async stop() {
    if (live) live.ended = true;
    live?.port?.close();
    live = null;
  },
};

/** Move samples from one ring through the stream to the other. */
async function pump(input, output, stream, meter, own) {
  const block = new Float32Array(1024);
  while (!own.ended) {
    const seen = input.written;
    const count = input.pull(block);
    if (count) await deliver(await meter.measure(block.slice(0, count), stream), output, own);
    else await input.change(seen, 100);
  }
}

/** Write all samples, as soon as there is room: a sample left out would shift all that follow. */
async function deliver(clean, output, own) {
  let left = output.push(clean);
  while (left && !own.ended) {
    await new Promise((wake) => setTimeout(wake, 3));
    left = output.push(clean.subarray(clean.length - left));
  }
}

/** Measures compute time and tells the page, a few times a second, what went in and out. */
class Meter {
  constructor(sampleRateHz) {
    this._rate = sampleRateHz;
    this._noisy = [];
    this._clean = [];
    this._busyMs = 0;
    this._samples = 0;
    this._reported = performance.now();
  }

  async measure(noisy, stream) {
    const started = performance.now();
    const clean = await stream.process(noisy);
    const now = performance.now();
    this._busyMs += now - started;
    this._samples += noisy.length;
    this._noisy.push(noisy);
    this._clean.push(clean);
    if (now - this._reported >= REPORT_MS) {
      const signalMs = (1000 * this._samples) / this._rate;
      const [all, after] = [this._noisy, this._clean].map((parts) => concatenated(parts, Float32Array));
      const before = all.slice(0, after.length); // the same samples; the others wait for their denoised ones
      self.postMessage({ live: { noisy: before, clean: after, busyMs: this._busyMs, signalMs } });
      this._noisy = [all.slice(after.length)];
      this._clean = [];
      this._busyMs = this._samples = 0;
      this._reported = now;
    }
    return clean;
  }
}

function concatenated(parts, Kind) {
  const all = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

answerCalls(calls);
