/** Show texts, numbers and pictures on the page. */

import { Scope } from "./scope.js";

/** A smaller share of the variation counts as nothing removed. */
const LEAST_SHARE = 1e-4;

const byId = (id) => document.getElementById(id);

export class View {
  constructor() {
    this.elements = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
    this._noisy = new Scope(byId("noisy-wave"), byId("noisy-spectrum"));
    this._clean = new Scope(byId("clean-wave"), byId("clean-spectrum"));
    this._playhead = 0;
    this._asked = false;
    new ResizeObserver(() => this.redraw()).observe(byId("noisy-wave"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Say what went wrong, in words; nothing wipes the last message. */
  problem(message = "") {
    this.elements.problem.textContent = message;
    this.elements.problem.hidden = !message;
  }

  title(title, status) {
    this.elements["result-title"].textContent = title;
    this.elements.status.textContent = status;
  }

  /** Describe a model: in plain words where they are known, else by its numbers. */
  facts({ name, window, hop, sampleRateHz, stateSize, mostLookaheadSamples: ahead, trainedOn }, text) {
    const parts = [
      `window ${window}, hop ${hop}`,
      sampleRateHz === null ? "any sample rate" : `${sampleRateHz} Hz only`,
      ...(stateSize ? [`state of ${stateSize} numbers`] : []),
      ...(ahead ? [`in files ${ahead} samples ahead`] : []),
    ];
    const numbers = `${name}: ${parts.join(", ")}.${trainedOn ? ` Trained on ${trainedOn}.` : ""}`;
    this.elements.facts.textContent = text ?? numbers;
    this.elements.facts.title = text ? numbers : "";
  }

  number(id, value, title = "") {
    this.elements[id].textContent = value;
    this.elements[id].title = title;
  }

  clear() {
    for (const scope of [this._noisy, this._clean]) scope.clear();
    this._playhead = 0;
    for (const id of ["latency", "load", "removed", "extra"]) this.number(id, "–");
    this.redraw();
  }

  /** Draw a whole signal. */
  show(noisy, clean, sampleRateHz) {
    this._noisy.show(noisy, sampleRateHz);
    this._clean.show(clean, sampleRateHz);
    this.redraw();
  }

  /** Draw the next samples of a live signal. */
  append(noisy, clean, sampleRateHz) {
    this._noisy.append(noisy, sampleRateHz);
    this._clean.append(clean, sampleRateHz);
    this.redraw();
  }

  playhead(share) {
    this._playhead = share;
    this.redraw();
  }

  /** Draw both pictures, on the original's scale, once before the screen is next refreshed. */
  redraw() {
    if (this._asked) return;
    this._asked = true;
    requestAnimationFrame(() => {
      this._asked = false;
      const { scale } = this._noisy;
      for (const scope of [this._noisy, this._clean]) scope.draw(scale, this._playhead);
    });
  }
}

/** Return the RMS of what was removed as a share of the input's standard deviation, as the program does, as a text. */
export function removedShare(noisy, clean) {
  let [count, sum, squares, removed] = [0, 0, 0, 0];
  const first = noisy.find((sample) => !Number.isNaN(sample)) ?? 0;
  for (let n = 0; n < clean.length; n++) {
    if (Number.isNaN(clean[n]) || Number.isNaN(noisy[n])) continue;
    count += 1;
    sum += noisy[n] - first;
    squares += (noisy[n] - first) ** 2;
    removed += (noisy[n] - clean[n]) ** 2;
  }
  const variation = squares - sum ** 2 / count;
  if (!(variation > 0)) return "–";
  const share = Math.sqrt(removed / variation);
  return share < LEAST_SHARE ? "hardly any" : share < 1e-3 ? "less than 0.1 %" : percent(share);
}

export function milliseconds(value) {
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export const percent = (share) => `${(100 * share).toFixed(share > 0.0995 ? 0 : 1)} %`;
