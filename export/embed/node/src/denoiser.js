/** Load a model from an ONNX file's bytes, and make streams that share one session. */

import { ContractError, checkTensors, readContract } from "./contract.js";
import { readMetadata } from "./metadata.js";
import { DenoiseStream } from "./stream.js";

/** Denoise signals with one model; see index.d.ts. */
export class Denoiser {
  constructor(contract, network, session) {
    this.contract = contract;
    this._network = network;
    this._session = session;
  }

  /**
   * Load a model.
   *
   * @param {any} runtime onnxruntime-node or onnxruntime-web
   * @param {Uint8Array} bytes the ONNX file
   * @param {string} file its name, for messages
   */
  static async fromBytes(runtime, bytes, file = "model.onnx") {
    let metadata;
    let session;
    try {
      metadata = readMetadata(bytes);
      session = await runtime.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    } catch (error) {
      const reason = String(error?.message ?? error).split("\n")[0];
      throw new ContractError(`${file} is not an ONNX model that onnxruntime can run: ${reason}`, { cause: error });
    }
    const contract = readContract(metadata, file);
    checkTensors(contract, session, file);
    const { window, stateSize } = contract;
    const network = async (noisy, rows, state) => {
      const feeds = { noisy: new runtime.Tensor("float32", noisy, [rows, window]) };
      if (state) feeds.state = new runtime.Tensor("float32", state, [rows, stateSize]);
      const results = await session.run(feeds);
      return { clean: results.clean.data, state: state && results.state_out.data };
    };
    const denoiser = new Denoiser(contract, network, session);
    await denoiser._checkOnce(file);
    return denoiser;
  }

  /** Open a stream for one channel. */
  stream({ hop } = {}) {
    return new DenoiseStream(this.contract, this._network, hop);
  }

  /** Denoise a whole signal of one channel. */
  async denoise(signal, options) {
    const stream = this.stream(options);
    const [begin, end] = await Promise.all([stream.process(signal), stream.flush()]);
    const clean = new signal.constructor(signal.length);
    clean.set(begin);
    clean.set(end, begin.length);
    return clean;
  }

  /** Free the memory of the network; streams that are still open fail from now on. */
  async release() {
    await this._session.release();
  }

  /** Run two windows at once, so that a graph of other sizes or of one row only is refused when it is loaded. */
  async _checkOnce(file) {
    const { window, stateSize } = this.contract;
    try {
      const state = stateSize ? new Float32Array(2 * stateSize) : null;
      const { clean, state: next } = await this._network(new Float32Array(2 * window), 2, state);
      if (clean.length !== 2 * window)
        throw new Error(`output 'clean' has ${clean.length / 2} samples; needed: ${window}`);
      if (next && next.length !== 2 * stateSize)
        throw new Error(`output 'state_out' has ${next.length / 2} numbers; needed: ${stateSize}`);
    } catch (error) {
      await this.release();
      throw new ContractError(`${file} fails on a batch of 2 windows: ${String(error?.message ?? error).split("\n")[0]}`, {
        cause: error,
      });
    }
  }
}
