/** Read and write WAV files. */

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const HEADER_BYTES = 44;

/**
 * Read a WAV file of 8 to 32-bit integers or 32 or 64-bit floats; 32-bit integers and 64-bit floats come as
 * Float64Array, as they would be rounded otherwise.
 *
 * @param {Uint8Array} bytes
 * @returns {{ sampleRateHz: number, channels: (Float32Array | Float64Array)[], bits: number, float: boolean }}
 */
export function readWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") throw new Error("this is no WAV file");
  let format;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === "fmt ") {
      if (size < 16 || at + 8 + size > bytes.length) throw new Error("the WAV file's format is cut short");
      const tag = view.getUint16(at + 8, true);
      format = {
        tag: tag === EXTENSIBLE && size >= 26 ? view.getUint16(at + 32, true) : tag,
        count: view.getUint16(at + 10, true),
        sampleRateHz: view.getUint32(at + 12, true),
        bits: view.getUint16(at + 22, true),
      };
    } else if (name(at) === "data") {
      if (!format) throw new Error("the WAV file has samples before their format");
      return decode(view, at + 8, Math.min(size, bytes.length - at - 8), format);
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("the WAV file holds no samples");
}

function decode(view, start, size, { tag, count, sampleRateHz, bits }) {
  const float = tag === FLOAT;
  const readers = {
    [`${PCM}/8`]: (at) => (view.getUint8(at) - 128) / 128,
    [`${PCM}/16`]: (at) => view.getInt16(at, true) / 2 ** 15,
    [`${PCM}/24`]: (at) => (view.getInt8(at + 2) * 2 ** 16 + view.getUint16(at, true)) / 2 ** 23,
    [`${PCM}/32`]: (at) => view.getInt32(at, true) / 2 ** 31,
    [`${FLOAT}/32`]: (at) => view.getFloat32(at, true),
    [`${FLOAT}/64`]: (at) => view.getFloat64(at, true),
  };
  const read = readers[`${tag}/${bits}`];
  if (!read || !count || !sampleRateHz)
    throw new Error(
      `the WAV file has format ${tag} with ${bits} bits; use 8 to 32-bit integers or 32 or 64-bit floats`,
    );
  const step = bits / 8;
  const length = Math.floor(size / (step * count));
  const Kind = bits === 64 || (bits === 32 && !float) ? Float64Array : Float32Array;
  const channels = Array.from({ length: count }, (_, channel) =>
    Kind.from({ length }, (_, n) => read(start + (n * count + channel) * step)),
  );
  return { sampleRateHz, channels, bits, float };
}

/**
 * Make a WAV file.
 *
 * @param {import("../index.js").Audio} audio
 * @returns {Uint8Array}
 */
export function writeWav({ sampleRateHz, channels, bits = 16, float = false }) {
  const step = bits / 8;
  const frame = step * channels.length;
  const length = channels[0].length;
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + length * frame + ((length * frame) % 2)));
  const name = (at, word) => [...word].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  name(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  name(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, float ? FLOAT : PCM, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, bits, true);
  name(36, "data");
  view.setUint32(40, length * frame, true);
  const write = writer(view, bits, float);
  for (let n = 0; n < length; n++)
    channels.forEach((samples, channel) => write(HEADER_BYTES + (n * channels.length + channel) * step, samples[n]));
  return new Uint8Array(view.buffer);
}

function writer(view, bits, float) {
  if (float) return bits === 64 ? (at, x) => view.setFloat64(at, x, true) : (at, x) => view.setFloat32(at, x, true);
  const full = 2 ** (bits - 1);
  const whole = (x) => Math.max(-full, Math.min(full - 1, Math.round(x * full)));
  if (bits === 8) return (at, x) => view.setUint8(at, whole(x) + 128);
  if (bits === 16) return (at, x) => view.setInt16(at, whole(x), true);
  if (bits === 32) return (at, x) => view.setInt32(at, whole(x), true);
  return (at, x) => {
    view.setInt16(at, whole(x) & 0xffff, true);
    view.setInt8(at + 2, whole(x) >> 16);
  };
}
