/** Load a model from an ONNX file's bytes, and make streams that share one session. */

import { ContractError, checkTensors, contextSize, readContract } from "./contract.js";
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
    const network = async (noisy, rows, state, context) => {
      const feeds = { noisy: new runtime.Tensor("float32", noisy, [rows, window]) };
      if (state) feeds.state = new runtime.Tensor("float32", state, [rows, stateSize]);
      if (context) feeds.context = new runtime.Tensor("float32", context, [rows, contextSize(contract)]);
      const results = await session.run(feeds);
      return { clean: results.clean.data, state: state && results.state_out.data };
    };
    const denoiser = new Denoiser(contract, network, session);
    await denoiser._checkOnce(file);
    return denoiser;
  }

  /** Open a stream for one channel; it does not look ahead unless that is stated. */
  stream({ hop, lookaheadSamples } = {}) {
    return new DenoiseStream(this.contract, this._network, hop, lookaheadSamples);
  }

  /** Denoise a whole signal of one channel; the model looks ahead as far as it can unless another look-ahead is stated. */
  async denoise(signal, { hop, lookaheadSamples = this.contract.mostLookaheadSamples } = {}) {
    const stream = this.stream({ hop, lookaheadSamples });
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
      const context = new Float32Array(2 * contextSize(this.contract));
      const inputs = [new Float32Array(2 * window), 2, state, context.length ? context : null];
      const { clean, state: next } = await this._network(...inputs);
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
