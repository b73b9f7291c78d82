/** Denoise in a page: on the audio thread, in workers, or whole signals at once. */

export { DenoiseNode } from "./wasm/audio.js";
export { ModuleError, WasmChannel, WasmDenoiser, WasmStream, load } from "./wasm/denoise.js";
