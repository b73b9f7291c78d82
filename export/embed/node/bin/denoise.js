#!/usr/bin/env node
/** Denoise a WAV file: `denoise-wav model.onnx noisy.wav clean.wav`. */

import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { load, readWav, writeWav } from "../onnx.js";

async function main([model, noisy, clean, ...rest]) {
  if (!clean || rest.length) {
    console.error("usage: denoise-wav model.onnx noisy.wav clean.wav");
    return 2;
  }
  const partial = `${clean}.partial`;
  try {
    const denoiser = await load(model);
    const audio = readWav(new Uint8Array(await readFile(noisy)));
    const rate = denoiser.contract.sampleRateHz;
    if (rate !== null && rate !== audio.sampleRateHz)
      throw new Error(
        `${noisy} has ${audio.sampleRateHz} Hz; ${denoiser.contract.name} needs ${rate} Hz: resample the file`,
      );
    const channels = await Promise.all(audio.channels.map((samples) => denoiser.denoise(samples)));
    await writeFile(partial, writeWav({ ...audio, channels }));
    await rename(partial, clean);
    return 0;
  } catch (error) {
    await rm(partial, { force: true });
    console.error(`denoise-wav: ${error.message}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
