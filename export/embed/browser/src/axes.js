/** Label the pictures of a signal: values, time and frequency. */

const TEXT_PIXELS = 11;
const GAP_PIXELS = 4;
const LABEL_PIXELS = 70;
const STEPS = [1, 2, 5, 10];

/**
 * Return round places on an axis from 0 to `end`, at most `most` of them.
 *
 * @returns {{ places: number[], digits: number }} and how many decimals tell them apart
 */
export function ticks(end, most) {
  const size = 10 ** Math.floor(Math.log10(end / most));
  const step = size * STEPS.find((factor) => (size * factor * most) / end >= 1 - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const places = [];
  for (let place = step; place < end * (1 - 1e-9); place += step) places.push(place);
  return { places, digits };
}

/** Write the range of values at the left of a waveform. */
export function labelValues(canvas, paint, low, high) {
  const { height, write } = writer(canvas, paint);
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(high - low))));
  write(high.toFixed(digits), 0, TEXT_PIXELS);
  write(low.toFixed(digits), 0, height - GAP_PIXELS);
}

/** Write times along the bottom of a spectrogram and frequencies along its side; samples, without a rate. */
export function labelSpectrum(canvas, paint, samples, sampleRateHz) {
  const { width, height, write } = writer(canvas, paint);
  const end = sampleRateHz ? samples / sampleRateHz : samples;
  const { places, digits } = ticks(end, Math.max(1, Math.floor(width / LABEL_PIXELS)));
  for (const place of places)
    write(`${place.toFixed(digits)}${sampleRateHz ? " s" : ""}`, (place / end) * width, height - GAP_PIXELS, true);
  if (!sampleRateHz) return;
  const frequencies = ticks(sampleRateHz / 2, 4);
  for (const hz of frequencies.places) {
    const text = hz >= 1000 ? `${hz / 1000} kHz` : `${hz.toFixed(frequencies.digits)} Hz`;
    write(text, 0, height * (1 - hz / (sampleRateHz / 2)));
  }
}

/** Return the size of a canvas in pixels of the page, and a function that writes with a mark. */
function writer(canvas, paint) {
  const ratio = window.devicePixelRatio || 1;
  const { color } = getComputedStyle(canvas.parentElement);
  const page = getComputedStyle(canvas).backgroundColor;
  const [width, height] = [canvas.width / ratio, canvas.height / ratio];
  const write = (text, x, y, centred = false) => {
    paint.font = `${TEXT_PIXELS * ratio}px system-ui, sans-serif`;
    paint.textAlign = centred ? "center" : "left";
    paint.lineWidth = 3 * ratio;
    paint.strokeStyle = page; // an outline, so that it can be read on every colour
    paint.fillStyle = color;
    const place = [(x + (centred ? 0 : GAP_PIXELS)) * ratio, y * ratio];
    paint.strokeText(text, ...place);
    paint.fillText(text, ...place);
  };
  return { width, height, write };
}
