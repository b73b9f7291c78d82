/** One signal's picture: samples come in, a waveform and a spectrogram of the same stretch of time are drawn. */

import { BINS, FFT_SAMPLES, levels } from "./spectrum.js";

const COLUMNS = 360;
const RANGE_DB = 70;
/** Seconds that a live picture shows. */
const SPAN_S = 6;

/** Colours from quiet to loud, on dark and on light pages: equal steps of brightness. */
const DARK = [[15, 18, 27], [45, 35, 105], [112, 63, 190], [190, 104, 205], [247, 170, 165], [255, 240, 205]];
const LIGHT = [[250, 251, 254], [205, 210, 246], [142, 138, 236], [97, 72, 205], [68, 33, 134], [29, 12, 62]];

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

  /** Take a whole signal. */
  show(samples) {
    const step = samples.length / COLUMNS;
    this.columns = Array.from({ length: COLUMNS }, (_, n) => column(samples, n * step, step));
  }

  /** Take the next samples of a live signal. */
  append(samples, sampleRateHz) {
    const step = (SPAN_S * sampleRateHz) / COLUMNS;
    const all = new Float32Array(this._tail.length + samples.length);
    all.set(this._tail);
    all.set(samples, this._tail.length);
    // A column is complete when the spectrum round it is; `_position` is where the next one starts.
    for (; this._position + step / 2 + FFT_SAMPLES / 2 <= all.length && this._position + step <= all.length; this._position += step)
      this.columns.push(column(all, this._position, step));
    this.columns.splice(0, this.columns.length - COLUMNS);
    const old = Math.max(0, Math.floor(this._position) - FFT_SAMPLES);
    this._tail = all.slice(old);
    this._position -= old;
  }

  /** The largest and smallest sample and the loudest level, for a scale that pictures share. */
  get scale() {
    const known = this.columns.filter(({ low }) => low <= Infinity && !Number.isNaN(low));
    return {
      low: Math.min(...known.map(({ low }) => low)),
      high: Math.max(...known.map(({ high }) => high)),
      loudest: Math.max(...known.map(({ spectrum }) => spectrum.reduce((most, level) => Math.max(most, level), -200))),
    };
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
    const y = (value) => margin + ((high - value) / (high - low)) * (height - 2 * margin);
    const step = width / COLUMNS;
    const first = COLUMNS - this.columns.length;
    paint.fillStyle = getComputedStyle(this._wave).color;
    this.columns.forEach((one, n) => {
      const top = y(one.high);
      paint.fillRect((first + n) * step, top, Math.max(1, step), Math.max(1.5, y(one.low) - top));
    });
    line(paint, playhead * width, height, this._wave);
  }

  _drawSpectrum({ loudest }, playhead) {
    const { paint, width, height } = prepared(this._spectrum);
    if (!this.columns.length) return;
    const image = this._image.getContext("2d");
    const pixels = image.createImageData(COLUMNS, BINS);
    const first = COLUMNS - this.columns.length;
    const colours = palette();
    this.columns.forEach(({ spectrum }, n) => {
      for (let bin = 0; bin < BINS; bin++) {
        const share = Math.max(0, Math.min(1, 1 + (spectrum[bin] - loudest) / RANGE_DB));
        pixels.data.set(colours[Math.round(255 * share)], 4 * ((BINS - 1 - bin) * COLUMNS + first + n));
      }
    });
    image.putImageData(pixels, 0, 0);
    paint.drawImage(this._image, 0, 0, width, height);
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
  return { low, high, spectrum: levels(samples, start + step / 2) };
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

function palette() {
  const stops = matchMedia("(prefers-color-scheme: dark)").matches ? DARK : LIGHT;
  if (!palettes.has(stops))
    palettes.set(
      stops,
      Array.from({ length: 256 }, (_, n) => {
        const place = (n / 255) * (stops.length - 1);
        const from = Math.min(stops.length - 2, Math.floor(place));
        return [0, 1, 2].map((part) => stops[from][part] + (place - from) * (stops[from + 1][part] - stops[from][part])).concat(255);
      }),
    );
  return palettes.get(stops);
}
