/** Compute the level in dB by frequency of a stretch of samples. */

export const FFT_SAMPLES = 512;
export const BINS = FFT_SAMPLES / 2;

const HANN = Float64Array.from({ length: FFT_SAMPLES }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / FFT_SAMPLES) ** 2);
const QUIETEST_DB = -200;
const real = new Float64Array(FFT_SAMPLES);
const imaginary = new Float64Array(FFT_SAMPLES);

/** Return the levels of {@link BINS} frequencies, in dB, round a sample; what lies outside the signal is 0. */
export function levels(samples, centre) {
  const start = Math.round(centre) - FFT_SAMPLES / 2;
  let mean = 0;
  for (let n = 0; n < FFT_SAMPLES; n++) mean += real[n] = samples[start + n] || 0;
  mean /= FFT_SAMPLES;
  for (let n = 0; n < FFT_SAMPLES; n++) real[n] = (real[n] - mean) * HANN[n];
  imaginary.fill(0);
  transform();
  const found = new Float32Array(BINS);
  for (let bin = 0; bin < BINS; bin++) {
    const power = real[bin] ** 2 + imaginary[bin] ** 2;
    found[bin] = power > 0 ? 10 * Math.log10(power) : QUIETEST_DB;
  }
  return found;
}

/** Transform `real` and `imaginary` in place: radix 2, decimation in time. */
function transform() {
  for (let n = 1, reversed = 0; n < FFT_SAMPLES; n++) {
    let bit = FFT_SAMPLES >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (n < reversed) for (const part of [real, imaginary]) [part[n], part[reversed]] = [part[reversed], part[n]];
  }
  for (let size = 2; size <= FFT_SAMPLES; size *= 2) {
    const angle = (-2 * Math.PI) / size;
    for (let k = 0; k < size / 2; k++) {
      const cosine = Math.cos(angle * k);
      const sine = Math.sin(angle * k);
      for (let even = k; even < FFT_SAMPLES; even += size) {
        const odd = even + size / 2;
        const re = real[odd] * cosine - imaginary[odd] * sine;
        const im = real[odd] * sine + imaginary[odd] * cosine;
        real[odd] = real[even] - re;
        imaginary[odd] = imaginary[even] - im;
        real[even] += re;
        imaginary[even] += im;
      }
    }
  }
}
