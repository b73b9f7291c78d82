/** Draw a signal's waveform and spectrogram of the same stretch of time. */

import { labelSpectrum, labelValues } from "./axes.js";
import { BINS, FFT_SAMPLES, levels } from "./spectrum.js";

const COLUMNS = 360;
const RANGE_DB = 70;
/** Share of columns whose extremes may leave the picture, and the room left for most of them. */
const OUTLIERS = 0.02;
const ROOM = 0.15;
/** Seconds that a live picture shows. */
const SPAN_S = 6;

/** Colours from quiet to loud, on dark and on light pages: equal steps of brightness. */
const DARK = [
  [15, 18, 27],
  [45, 35, 105],
  [112, 63, 190],
  [190, 104, 205],
  [247, 170, 165],
  [255, 240, 205],
];
const LIGHT = [
  [250, 251, 254],
  [205, 210, 246],
  [142, 138, 236],
  [97, 72, 205],
  [68, 33, 134],
  [29, 12, 62],
];

export class Scope {
  constructor(wave, spectrum) {
    this._wave = wave;
    this._spectrum = spectrum;
    this._image = new OffscreenCanvas(COLUMNS, BINS);
    this.clear();
  }

  clear() {
    this.columns = [];
    this._tail = new Float32Array(0);
    this._position = 0;
  }

  /** Take a whole signal; the rate is 0 if it is not known. */
  show(samples, sampleRateHz) {
    Object.assign(this, { _samples: samples.length, _rate: sampleRateHz });
    const step = samples.length / COLUMNS;
    this.columns = Array.from({ length: COLUMNS }, (_, n) => column(samples, n * step, step));
  }

  /** Take the next samples of a live signal. */
  append(samples, sampleRateHz) {
    Object.assign(this, { _samples: SPAN_S * sampleRateHz, _rate: sampleRateHz });
    const step = (SPAN_S * sampleRateHz) / COLUMNS;
    const all = new Float32Array(this._tail.length + samples.length);
    all.set(this._tail);
    all.set(samples, this._tail.length);
    // A column is complete when the spectrum round it is; `_position` is where the next one starts.
    for (
      ;
      this._position + step / 2 + FFT_SAMPLES / 2 <= all.length && this._position + step <= all.length;
      this._position += step
    )
      this.columns.push(column(all, this._position, step));
    this.columns.splice(0, this.columns.length - COLUMNS);
    const old = Math.max(0, Math.floor(this._position) - FFT_SAMPLES);
    this._tail = all.slice(old);
    this._position -= old;
  }

  /** The range of samples, a few outliers apart, and the loudest level: a scale that pictures share. */
  get scale() {
    const known = this.columns.filter(({ low, high }) => low <= high);
    const lows = Float64Array.from(known, ({ low }) => low).sort();
    const highs = Float64Array.from(known, ({ high }) => high).sort();
    let low = lows[Math.floor(OUTLIERS * lows.length)];
    let high = highs[Math.ceil((1 - OUTLIERS) * highs.length) - 1];
    const room = ROOM * (high - low);
    low = Math.max(lows[0], low - room);
    high = Math.min(highs.at(-1), high + room);
    // A signal that swings round 0 gets a scale with 0 in the middle.
    const peak = Math.max(-low, high);
    if (Math.min(-low, high) > peak / 4) [low, high] = [-peak, peak];
    return { low, high, loudest: Math.max(...known.map(({ loudest }) => loudest)) };
  }

  /** Draw with a scale, and a line at the place that is played (0 to 1). */
  draw(scale, playhead = 0) {
    this._drawWave(scale, playhead);
    this._drawSpectrum(scale, playhead);
  }

  _drawWave({ low, high }, playhead) {
    const { paint, width, height } = prepared(this._wave);
    if (!this.columns.length || !(high > low)) return;
    const margin = 0.06 * height;
    const share = (value) => Math.max(0, Math.min(1, (high - value) / (high - low)));
    const y = (value) => margin + share(value) * (height - 2 * margin);
    const step = width / COLUMNS;
    const first = COLUMNS - this.columns.length;
    paint.fillStyle = getComputedStyle(this._wave).color;
    this.columns.forEach((one, n) => {
      const top = y(one.high);
      paint.fillRect((first + n) * step, top, Math.max(1, step), Math.max(1.5, y(one.low) - top));
    });
    labelValues(this._wave, paint, low, high);
    line(paint, playhead * width, height, this._wave);
  }

  _drawSpectrum({ loudest }, playhead) {
    const { paint, width, height } = prepared(this._spectrum);
    if (!this.columns.length) return;
    const image = this._image.getContext("2d");
    const pixels = image.createImageData(COLUMNS, BINS);
    const colours = new Uint32Array(pixels.data.buffer);
    const first = COLUMNS - this.columns.length;
    const known = palette();
    const quietest = loudest - RANGE_DB;
    this.columns.forEach(({ spectrum }, n) => {
      for (let bin = 0, at = (BINS - 1) * COLUMNS + first + n; bin < BINS; bin++, at -= COLUMNS)
        colours[at] = known[Math.max(0, Math.min(255, ((spectrum[bin] - quietest) / RANGE_DB) * 255)) | 0];
    });
    image.putImageData(pixels, 0, 0);
    paint.drawImage(this._image, 0, 0, width, height);
    labelSpectrum(this._spectrum, paint, this._samples, this._rate);
    line(paint, playhead * width, height, this._spectrum);
  }
}

function column(samples, start, step) {
  let low = Infinity;
  let high = -Infinity;
  const end = Math.max(start + 1, start + step + 1);
  for (let n = Math.floor(start); n < end && n < samples.length; n++) {
    if (samples[n] < low) low = samples[n];
    if (samples[n] > high) high = samples[n];
  }
  const spectrum = levels(samples, start + step / 2);
  return { low, high, spectrum, loudest: spectrum.reduce((most, level) => Math.max(most, level)) };
}

/** Fit a canvas to the screen's pixels and wipe it. */
function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const paint = canvas.getContext("2d");
  paint.clearRect(0, 0, width, height);
  return { paint, width, height };
}

function line(paint, x, height, canvas) {
  if (!x) return;
  paint.fillStyle = getComputedStyle(canvas.parentElement).color;
  paint.fillRect(x, 0, 1.5 * (window.devicePixelRatio || 1), height);
}

const palettes = new Map();

/** Return the 256 colours of the page's scheme. */
function palette() {
  const stops = matchMedia("(prefers-color-scheme: dark)").matches ? DARK : LIGHT;
  if (!palettes.has(stops))
    palettes.set(
      stops,
      Uint32Array.from({ length: 256 }, (_, n) => {
        const place = (n / 255) * (stops.length - 1);
        const from = Math.min(stops.length - 2, Math.floor(place));
        const part = (index) => stops[from][index] + (place - from) * (stops[from + 1][index] - stops[from][index]);
        return (0xff000000 | (part(2) << 16) | (part(1) << 8) | part(0)) >>> 0; // red, green, blue, opaque in memory
      }),
    );
  return palettes.get(stops);
}
