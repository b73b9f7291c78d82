/** Denoise in Node with onnxruntime: load an ONNX file by its path. */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Denoiser } from "./src/denoiser.js";

export { ContractError, readContract } from "./src/contract.js";
export { readMetadata } from "./src/metadata.js";
export { DenoiseStream } from "./src/stream.js";
export { readWav, writeWav } from "./src/wav.js";
export { Denoiser };

/** Load a model that keeps the contract. */
export async function load(path) {
  let runtime;
  try {
    runtime = await import("onnxruntime-node");
  } catch (error) {
    throw new Error(`${path} needs onnxruntime-node; run: npm install onnxruntime-node`, { cause: error });
  }
  return Denoiser.fromBytes(runtime, new Uint8Array(await readFile(path)), basename(path));
}
