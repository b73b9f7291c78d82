/** Denoise in Node: load an ONNX file by its path. */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import * as runtime from "onnxruntime-node";
import { Denoiser } from "./src/denoiser.js";

export { ContractError, readContract } from "./src/contract.js";
export { readMetadata } from "./src/metadata.js";
export { DenoiseStream } from "./src/stream.js";
export { readWav, writeWav } from "./src/wav.js";
export { Denoiser };

/** Load a model that keeps the contract. */
export async function load(path) {
  return Denoiser.fromBytes(runtime, new Uint8Array(await readFile(path)), basename(path));
}
