/** Recognize tables whose neighbouring rows do not follow each other: lists of things, and several series at once. */

import { median } from "./statistics.js";

const MOMENT = /\d[-/.]\d{1,2}[-/.]\d|\d[-/. ]?[^\W\d]{3,9}\.?[-/., ]+\d|^\d{1,3}:\d{2}/;
/** Months and weekdays, in any language, are no more different names than this. */
const MOST_CALENDAR_NAMES = 12;
const FEWEST_ROWS = 30;
const FEWEST_MOMENTS = 10;
/** Share of the rows that must belong to another series than the row before. */
const ALTERNATING = 0.4;
/** Least ratio of the median step between rows to the median step within a series. */
const FARTHER = 4;

/** Whether texts are dates or times. */
export const areMoments = (texts) => {
  const known = texts.filter(Boolean);
  return known.filter((text) => MOMENT.test(text)).length > known.length / 2;
};

/**
 * Refuse a table whose rows do not follow each other, as the program does.
 *
 * @param {{ name: string, texts: string[] }[]} texts the columns that hold neither numbers nor times
 * @param {{ texts: string[] }[]} times the columns of times and counts
 * @param {{ name: string, values: Float64Array }[]} signals
 */
export function refuseUnrelatedRows(texts, times, signals) {
  for (const { name, texts: cells } of texts) {
    const names = [...new Set(cells)];
    const isOfSeries = cells.length >= FEWEST_ROWS && names.length > 1 && names.length <= Math.floor(cells.length / 8);
    if (isOfSeries && alternate(cells) && (signals.some(isCloserTo(cells)) || times.some(hasARowOfEach(cells))))
      throw new Error(
        `rows of several series alternate, named by column '${name}' (${names.slice(0, 3).join(", ")}` +
          `${names.length > 3 ? ", ..." : ""}); use the program, which denoises each: ` +
          `denoise-stream --series-column '${name}'`,
      );
  }
  if (times.length) return;
  for (const { name, texts: cells } of texts) {
    if (!cells.every(Boolean) || new Set(cells).size < cells.length) continue;
    const different = new Set(cells.map((cell) => cell.replace(/0x[0-9a-f]+|\d+/gi, ""))).size;
    if (different > Math.max(MOST_CALENDAR_NAMES, cells.length / 2))
      throw new Error(
        `every row has a name of its own in column '${name}' (${cells.slice(0, 2).join(", ")}, ...), as in a list of ` +
          `things, not in samples that follow each other; if they are samples, use the program: ` +
          `denoise-stream --columns '${signals[0].name}'`,
      );
  }
}

const alternate = (cells) =>
  cells.filter((cell, n) => n && cell !== cells[n - 1]).length >= ALTERNATING * (cells.length - 1);

/** Whether a signal lies much closer to the last value of the same name than to the row before. */
const isCloserTo = (cells) => ({ values }) => {
  const last = new Map();
  const [own, near] = [[], []];
  cells.forEach((cell, n) => {
    if (last.has(cell)) own.push(Math.abs(values[n] - last.get(cell)));
    if (n) near.push(Math.abs(values[n] - values[n - 1]));
    last.set(cell, values[n]);
  });
  const [steps, all] = [own, near].map((one) => one.filter(Number.isFinite));
  return Math.min(steps.length, all.length) >= FEWEST_ROWS / 2 && median(all) > FARTHER * median(steps);
};

/** Whether most rows share their moment with others, and no name comes twice in one. */
const hasARowOfEach = (cells) => ({ texts }) => {
  let moment = 0;
  const pairs = new Set(cells.map((cell, n) => `${n && texts[n] !== texts[n - 1] ? ++moment : moment} ${cell}`));
  const count = moment + 1;
  return count >= FEWEST_MOMENTS && count <= (1 - ALTERNATING) * cells.length && pairs.size === cells.length;
};
