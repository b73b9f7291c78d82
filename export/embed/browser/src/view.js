/** Show texts, numbers and pictures on the page. */

import { Scope } from "./scope.js";

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

  facts({ name, window, hop, sampleRateHz, stateSize, trainedOn }) {
    const parts = [
      `window ${window}, hop ${hop}`,
      sampleRateHz === null ? "any sample rate" : `${sampleRateHz} Hz only`,
      ...(stateSize ? [`state of ${stateSize} numbers`] : []),
    ];
    this.elements.facts.textContent = `${name}: ${parts.join(", ")}.${trainedOn ? ` Trained on ${trainedOn}.` : ""}`;
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
  show(noisy, clean) {
    this._noisy.show(noisy);
    this._clean.show(clean);
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

/** Return the ratio of what stayed to what was removed, in dB, as a text. */
export function removedDb(noisy, clean) {
  let [count, sum, squares, removed] = [0, 0, 0, 0];
  for (let n = 0; n < clean.length; n++) {
    if (Number.isNaN(clean[n]) || Number.isNaN(noisy[n])) continue;
    count += 1;
    sum += clean[n];
    squares += clean[n] ** 2;
    removed += (noisy[n] - clean[n]) ** 2;
  }
  const kept = squares - sum ** 2 / count;
  return kept > 0 && removed > 0 ? `${(10 * Math.log10(kept / removed)).toFixed(1)} dB` : "–";
}

export function milliseconds(value) {
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
