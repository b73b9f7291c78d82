/** Denoise in Node: with a WebAssembly module that needs nothing else, or with an ONNX file and onnxruntime-node. */

import { readFile } from "node:fs/promises";
import * as onnx from "./onnx.js";
import * as wasm from "./wasm/denoise.js";

export { ContractError, DenoiseStream, Denoiser, readContract, readMetadata, readWav, writeWav } from "./onnx.js";
export { DenoiseNode } from "./wasm/audio.js";
export { ModuleError, WasmChannel, WasmDenoiser, WasmStream } from "./wasm/denoise.js";

/** Load a model by its path or address, or from its bytes. */
export async function load(source) {
  if (typeof source === "string" && source.endsWith(".onnx")) return onnx.load(source);
  const isPath = typeof source === "string" && !/^https?:/.test(source);
  const isFile = isPath || (source instanceof URL && source.protocol === "file:");
  return wasm.load(isFile ? await readFile(source) : source);
}
