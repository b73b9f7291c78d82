/** Read a dropped recording or table into channels, and write denoised channels back in its format. */

import { readWav, writeWav } from "../../node/src/wav.js";
import { readCsv } from "./csv.js";
import { decodeText } from "./layout.js";

/** Above this a file would not fit into the page's memory several times over. */
const LARGEST_BYTES = 400e6;
const DISPLAY_RATE_HZ = 48000;

/** Return whether a file is a table by its name. */
export const isTable = (file) => /\.(csv|tsv|txt)$/i.test(file.name);

/**
 * Read a signal.
 *
 * @param {File} file
 * @param {number | null} neededHz the model's only rate
 * @returns {Promise<{ name: string, channels: (Float32Array | Float64Array)[], sampleRateHz: number, audible: boolean,
 *   labels: string[], note: string, write: (clean: any[]) => { name: string, blob: Blob } }>}
 */
export async function readSignal(file, neededHz) {
  if (file.size > LARGEST_BYTES)
    throw new Error(`${file.name} is larger than ${LARGEST_BYTES / 1e6} MB; use the program denoise-stream for it.`);
  const stem = file.name.replace(/\.[^.]*$/, "");
  if (isTable(file)) return readTable(file, stem);
  const bytes = new Uint8Array(await file.arrayBuffer());
  let audio;
  try {
    audio = readWav(bytes);
  } catch (error) {
    audio = await decoded(bytes, file, error);
  }
  if (!audio.channels[0]?.length) throw new Error(`${file.name} holds no samples.`);
  let note = "";
  if (neededHz !== null && neededHz !== audio.sampleRateHz) {
    note = `resampled from ${audio.sampleRateHz} to ${neededHz} Hz, the model's only rate`;
    audio = { ...audio, ...(await resampled(audio, neededHz)) };
  }
  return {
    name: file.name,
    channels: audio.channels,
    sampleRateHz: audio.sampleRateHz,
    audible: audio.sampleRateHz >= 3000 && audio.sampleRateHz <= 192000,
    labels: audio.channels.map((_, n) => `channel ${n + 1}`),
    note,
    write: (clean) => ({
      name: `${stem}.denoised.wav`,
      blob: new Blob([writeWav({ ...audio, channels: clean })], { type: "audio/wav" }),
    }),
  };
}

async function readTable(file, stem) {
  let table;
  try {
    table = readCsv(decodeText(new Uint8Array(await file.arrayBuffer())));
  } catch (error) {
    throw new Error(`${file.name} cannot be read: ${error.message}.`, { cause: error });
  }
  const extension = file.name.match(/\.[^.]*$/)[0];
  return {
    name: file.name,
    channels: table.columns,
    sampleRateHz: table.sampleRateHz,
    audible: false,
    labels: table.names,
    note: "",
    write: (clean) => ({
      name: `${stem}.denoised${extension}`,
      blob: new Blob([table.write(clean)], { type: "text/csv" }),
    }),
  };
}

/** Decode other kinds of audio with the browser: MP3, FLAC, OGG, MP4 ... */
async function decoded(bytes, file, error) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, DISPLAY_RATE_HZ).decodeAudioData(bytes.buffer);
    return { sampleRateHz: buffer.sampleRate, channels: channelsOf(buffer), bits: 16, float: false };
  } catch {
    throw new Error(`${file.name} is no recording, table or model that can be read here (${error.message}).`, {
      cause: error,
    });
  }
}

async function resampled({ channels, sampleRateHz }, neededHz) {
  const length = Math.ceil((channels[0].length * neededHz) / sampleRateHz);
  const context = new OfflineAudioContext(channels.length, length, neededHz);
  const buffer = context.createBuffer(channels.length, channels[0].length, sampleRateHz);
  channels.forEach((samples, channel) => buffer.copyToChannel(new Float32Array(samples), channel));
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return { sampleRateHz: neededHz, channels: channelsOf(await context.startRendering()) };
}

const channelsOf = (buffer) => Array.from({ length: buffer.numberOfChannels }, (_, n) => buffer.getChannelData(n));
