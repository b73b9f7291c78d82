/** Read columns of samples from a table's text, and write them back with every other cell as it was. */

import { layoutOf, parsed, unquoted } from "./layout.js";

const TIME = new RegExp(
  "time|date|zeit|stamp|millis|epoch|frame|packet|counter|index|" +
    "^#? ?(t|idx|id|nr|no|n|row|x|x-axis|seconds?|sec|ms)([_ .([-].*)?$",
  "i",
);
const PART_OF_A_DATE = /^(year|yr|month|mon|mo|day|dy|hour|hr|minute|min|second|sec)s?$/i;
const DIGITS = 13;
const MOST_DIGITS = 17;
/** With more empty cells than this, at regular places, the known ones are a series of their own. */
const SPARSE = 1 / 3;
const MOST_STATES = 8;

/**
 * Read a table; its signals are the columns of numbers that are not time, a count or a state.
 *
 * @param {string} text
 * @returns {{ names: string[], columns: Float64Array[], sampleRateHz: number,
 *   write: (clean: Float64Array[]) => string }} the rate is 0 where the table does not tell
 */
export function readCsv(text) {
  const marked = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const parts = text.slice(marked.length).split(/(\r\n|\n|\r)/);
  const [lines, ends] = [parts.filter((_, n) => n % 2 === 0), parts.filter((_, n) => n % 2)];
  const { delimiter, decimal, width, rows, first } = layoutOf(lines);
  const isData = ({ row, at }) => at >= first && row.length >= width && lines[at].trim();
  const data = rows.map((row, at) => ({ row, at })).filter(isData);
  const names = namesOf(rows.slice(0, first), width);
  const all = Array.from({ length: width }, (_, index) => {
    const values = Float64Array.from(data, ({ row }) => parsed(row[index], decimal));
    const known = values.filter((value) => !Number.isNaN(value));
    return { index, name: names[index] || `column ${index + 1}`, values, known };
  });
  const numbers = all.filter(({ known, values }) => known.length > 1 && known.length > 0.3 * values.length);
  const isClock = ({ name, known, index }) => rises(known) && (TIME.test(name) || (!index && strictly(known)));
  const clocks = numbers.filter(isClock);
  const signals = numbers.filter((column) => !clocks.includes(column) && !isState(column));
  if (!signals.length) throw new Error("the table has no column of numbers besides time");
  for (const signal of signals) {
    const sparse = signal.known.length < (1 - SPARSE) * signal.values.length;
    signal.places = [...data.keys()].filter((n) => !sparse || !Number.isNaN(signal.values[n]));
  }
  return {
    names: signals.map(({ name }) => name),
    columns: signals.map(({ values, places }) => Float64Array.from(places, (n) => values[n])),
    sampleRateHz: rate(clocks[0]),
    write(clean) {
      signals.forEach(({ index, known, places }, number) => {
        const digits = digitsOf(known);
        places.forEach((n, at) => {
          const value = clean[number][at];
          if (!Number.isNaN(value)) data[n].row[index] = written(data[n].row[index], value, digits, decimal);
        });
      });
      return marked + rows.map((row, n) => row.join(delimiter) + (ends[n] ?? "")).join("");
    },
  };
}

/** Return the names above the data: the first row of text that has one for every column, after a preamble. */
function namesOf(header, width) {
  const blank = header.findLastIndex((row) => !row.join("").trim());
  const wide = header.slice(blank + 1).filter((row) => row.length >= width || row.length === width - 1);
  const rows = wide.map((row) => row.map((cell, n) => unquoted(n ? cell : cell.replace(/^\s*(#|%|\/\/)\s*/, ""))));
  const filled = (least) => rows.find((row) => row.filter(Boolean).length >= least);
  return filled(width) ?? filled(width - 1) ?? rows.at(-1) ?? [];
}

/** Return the samples per second that a column of seconds implies; 0 if there is none. */
function rate(clock) {
  if (!clock || !/^#? ?(t|time)?[_ ([]*(s|sec|seconds)?[)\]]?$/i.test(clock.name)) return 0;
  const { known } = clock;
  return (known.length - 1) / (known.at(-1) - known[0]);
}

const rises = (values) => values.every((value, n) => n === 0 || value >= values[n - 1]);
const strictly = (values) => values.length > 8 && values.every((value, n) => n === 0 || value > values[n - 1]);

/** Whether a column is a part of a date, or a state that takes a few whole values. */
function isState({ name, known }) {
  if (!known.every(Number.isInteger)) return false;
  return PART_OF_A_DATE.test(name) || (known.length > 10 * MOST_STATES && new Set(known).size <= MOST_STATES);
}

/** Return the digits that keep a millionth of the variation of values that lie far from 0. */
function digitsOf(values) {
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  const size = Math.max(Math.abs(low), Math.abs(high));
  const needed = high > low ? Math.ceil(Math.log10(size / (high - low))) + 8 : DIGITS;
  return Math.max(DIGITS, Math.min(MOST_DIGITS, needed));
}

/** Write a number as the cell was written: with its decimal mark, its groups of digits and its quotation marks. */
function written(cell, value, digits, decimal) {
  const before = unquoted(cell).trim();
  const group = before.match(/\d([,. '])\d{3}(?!\d)/)?.[1];
  const isGrouped = group && group !== decimal && Math.abs(value) >= 1000;
  let text = String(Number(value.toPrecision(digits)));
  if (decimal === ",") text = text.replace(".", ",");
  if (isGrouped) text = text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, group));
  return cell.trimStart().startsWith('"') ? cell.replace(/"(.*)"/s, () => `"${text}"`) : text;
}
