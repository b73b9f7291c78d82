/** Recognize tables whose neighbouring rows do not follow each other: lists of things, several series, signals in rows. */

import { mean, median } from "./statistics.js";

const MOMENT = /\d[-/.]\d{1,2}[-/.]\d|\d[-/. ]?[^\W\d]{3,9}\.?[-/., ]+\d|^\d{1,3}:\d{2}/;
/** Months and weekdays, in any language, are no more different names than this. */
const MOST_CALENDAR_NAMES = 12;
const FEWEST_ROWS = 30;
const FEWEST_MOMENTS = 10;
/** Share of the rows that must belong to another series than the row before. */
const ALTERNATING = 0.4;
/** Least ratio of the median step between rows to the median step within a series. */
const FARTHER = 4;
/** Least ratio of the step from one series to the next to the median step within, where series follow each other. */
const JUMP = 8;
/** Fewest columns of a table whose rows may be signals. */
const FEWEST_IN_A_ROW = 32;
/** Fewest columns named by times of day that make each row a day. */
const FEWEST_TIMES = 12;
/** Most ratio of the usual step between rows to that within, and least of that down the columns, where rows go on. */
const [JOINED, FARTHER_DOWN] = [1.3, 1.8];

/** Whether texts are dates or times. */
export const areMoments = (texts) => {
  const known = texts.filter(Boolean);
  return known.filter((text) => MOMENT.test(text)).length > known.length / 2;
};

/**
 * Refuse a table whose rows do not follow each other, as the program does.
 *
 * @param {{ name: string, texts: string[] }[]} texts the columns that hold neither numbers nor times
 * @param {{ texts: string[], values: Float64Array, role?: string }[]} times the columns of times and counts
 * @param {{ name: string, values: Float64Array }[]} signals
 */
export function refuseUnrelatedRows(texts, times, signals) {
  for (const { name, texts: cells } of texts) {
    const names = [...new Set(cells)];
    const isOfSeries = cells.length >= FEWEST_ROWS && names.length > 1 && names.length <= Math.floor(cells.length / 8);
    if (!isOfSeries) continue;
    const alternating = alternate(cells) && (signals.some(isCloserTo(cells)) || times.some(hasARowOfEach(cells)));
    if (alternating || followEachOther(cells, times, signals))
      throw new Error(
        `rows of several series ${alternating ? "alternate" : "follow each other"}, named by column '${name}' ` +
          `(${names.slice(0, 3).join(", ")}` +
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

/**
 * Refuse a table of many columns without names, or named by times of day, whose rows are signals: they go on from column
 * to column, and not from row to row. So is one of a few columns without names that one signal fills row after row.
 *
 * @param {{ name: string, values: Float64Array }[]} signals
 * @param {number} width the number of all columns but axes
 */
export function refuseSignalsInRows(signals, width) {
  const ownSignals = (count) =>
    new Error(`each row looks like a signal of its own of ${count} values; transpose the table, so that time runs down`);
  const isOfTimes = signals.length >= FEWEST_TIMES && signals.every(({ name }) => /^\D?\d{1,2}:\d{2}\b/.test(name));
  if (isOfTimes || areHours(signals.map(({ name }) => name))) throw ownSignals(signals.length);
  if (!signals.every(({ name }) => /^(column )?\d+$/.test(name))) return;
  const rows = [...signals[0].values.keys()].map((n) => signals.map(({ values }) => values[n]));
  const known = rows.filter((row) => row.every(Number.isFinite));
  if (signals.length === width && width > 2 && goOn(known))
    throw new Error(`one signal seems to go on from row to row in ${width} columns; write one value in each line`);
  if (signals.length < FEWEST_IN_A_ROW) return;
  if (known.length < 2) {
    if (rows.length === 1) throw ownSignals(signals.length);
    return;
  }
  const columns = signals.map((_, at) => known.map((row) => row[at]));
  const [along, down] = [known, columns].map((lists) => mean(lists.flatMap(steps).map((step) => step ** 2)));
  const [inRow, inColumn] = [known, columns].map((lists) => mean(lists.map(variance)));
  if (along < 0.5 * inRow && down > 1.4 * inColumn && inColumn > 0.25 * inRow) throw ownSignals(signals.length);
}

/** Whether columns are all hours of a day; `H1` may be a hydrophone. */
function areHours(names) {
  const hours = names.map((name) => /^(?:he|hr|hour|hora|heure|stunde)[ _]?(\d{1,2})$/i.exec(name)?.[1]).map(Number);
  const [first, last] = [Math.min(...hours), Math.max(...hours)];
  const isDay = (first === 0 && last === 23) || (first === 1 && (last === 24 || last === 25));
  return isDay && new Set(hours).size === last - first + 1;
}

/** Whether one signal goes on from the end of a row to the start of the next as it does within rows. */
function goOn(rows) {
  if (rows.length < FEWEST_ROWS) return false;
  const joints = rows.slice(1).map((row, n) => row[0] - rows[n].at(-1));
  const columns = rows[0].map((_, at) => rows.map((row) => row[at]));
  const usual = (all) => median(all.map(Math.abs));
  const [within, joint, down] = [
    usual(rows.flatMap(steps)),
    usual(joints),
    Math.min(...columns.map((column) => usual(steps(column)))),
  ];
  return joint <= JOINED * within && down >= FARTHER_DOWN * within && within > 0;
}

const steps = (values) => values.slice(1).map((value, n) => value - values[n]);

function variance(values) {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
}

/** Whether, wherever the name changes, a time starts again and a signal jumps. */
function followEachOther(cells, times, signals) {
  const changes = [...cells.keys()].filter((n) => n && cells[n] !== cells[n - 1]);
  return startAnew(changes, cells.length, times, signals);
}

const startAnew = (changes, rows, times, signals) =>
  changes.length > 0 &&
  changes.length <= Math.floor(rows / 8) &&
  signals.some(jumpsAt(changes)) &&
  times.some((column) => restartsAt(column, changes));

/**
 * Refuse series that follow each other, parted by blank lines or comments or where all times restart.
 *
 * @param {number[]} lines the line, from 0, that each row stands in
 */
export function refuseBlocks(lines, times, signals) {
  const rows = [...lines.keys()].slice(1);
  const parted = rows.filter((n) => lines[n] > lines[n - 1] + 1);
  const restarted = times.length ? rows.filter((n) => times.every((column) => restartsAt(column, [n]))) : [];
  const changes = [parted, restarted].find((places) => startAnew(places, lines.length, times, signals));
  if (!changes) return;
  throw new Error(
    `another series begins below line ${lines[changes[0] - 1] + 1}, where the time starts again and the values jump; put ` +
      "each into a file of its own",
  );
}

/** Refuse sentences that end in a checksum, as of NMEA 0183: it would no longer be that of the numbers. */
export function refuseSentences(texts) {
  const has = (sign) => texts.some(({ texts: cells }) => cells.length > 0 && cells.every((cell) => sign.test(cell)));
  if (has(/^[$!]/) && has(/\*[0-9a-f]{2}$/i))
    throw new Error(
      "every row ends in a checksum, which would no longer be that of its numbers; make a table without checksums",
    );
}

/** Whether a time falls, or comes to a moment that it had before. */
function restartsAt({ role, texts, values }, changes) {
  if (role) return changes.every((n) => values[n] < values[n - 1]);
  const moment = (n) => (/^\d{4}-/.test(texts[n]) ? Date.parse(texts[n]) : NaN);
  const isAgain = (n) => n < texts.length && texts[n] !== texts[n - 1] && texts.indexOf(texts[n]) < n;
  return changes.every((n) => isAgain(n) || moment(n) < moment(n - 1));
}

const jumpsAt = (changes) => ({ values }) => {
  const places = [...values.keys()].slice(1);
  const step = (n) => Math.abs(values[n] - values[n - 1]);
  const isChange = new Set(changes);
  const others = places.filter((n) => !isChange.has(n));
  const [at, within] = [changes, others].map((all) => all.map(step).filter(Number.isFinite));
  const usual = median(within);
  return at.length > 0 && usual > 0 && median(at) > JUMP * usual;
};

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
