/** The types allow what the guide shows. */

import { ContractError, load, readWav, writeWav, type Samples } from "../index.js";

export async function example(noisy: Float32Array, bytes: Uint8Array): Promise<number> {
  const denoiser = await load("general.onnx");
  const stream = denoiser.stream({ hop: 30 });
  const parts: Samples[] = [await stream.process(noisy), await stream.flush()];
  const audio = readWav(bytes);
  const written: Uint8Array = writeWav({ ...audio, channels: [await denoiser.denoise(noisy)] });
  // @ts-expect-error: a plain array is no signal
  await stream.process([1, 2, 3]);
  if (!denoiser.contract.stateSize) throw new ContractError("stateless");
  return parts.length + written.length;
}
