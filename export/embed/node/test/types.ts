/** The types allow what the README shows. */

import {
  ContractError,
  DenoiseNode,
  type Report,
  type Samples,
  type WasmDenoiser,
  load,
  readWav,
  writeWav,
} from "denoise-stream";

export async function onnx(noisy: Float32Array, bytes: Uint8Array): Promise<number> {
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

export async function wasm(noisy: Float64Array, place: string): Promise<Float64Array> {
  const denoiser: WasmDenoiser = await load(place);
  const stream = denoiser.stream();
  const parts: Samples[] = [stream.process(noisy), stream.flush()];
  const { clean, delayed }: { clean: Float32Array; delayed: Float32Array } = denoiser.channel(48000).process(noisy);
  // @ts-expect-error: a stream of a module has no promises
  stream.process(noisy).then();
  return denoiser.denoise(noisy, { sampleRateHz: parts.length + clean.length + delayed.length });
}

export async function sound(context: AudioContext): Promise<number> {
  const onReport = ({ late, blocks }: Report) => console.log(late / blocks);
  const node: AudioNode & DenoiseNode = await DenoiseNode.create(context, "speech.wasm", { channels: 2, onReport });
  node.mix.setTargetAtTime(0, context.currentTime, 0.02);
  return node.delaySamples / context.sampleRate;
}
