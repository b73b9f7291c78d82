/** Read columns of samples from a table's text, and write them back with every other cell as it was. */

import { isOneNumber, labelOf, takeOff } from "./attached.js";
import { parsed, unquoted } from "./cells.js";
import { layoutOf, refuseHalves, refuseTableAbove, refuseTwoDelimiters } from "./layout.js";
import { PREVIEW_ROWS, printedDigits, stylesOf, written } from "./numbers.js";
import { roleOf, withoutMarkers } from "./roles.js";
import { extremes, median } from "./statistics.js";
import { areMoments, refuseBlocks, refuseSentences, refuseSignalsInRows, refuseUnrelatedRows } from "./unrelated.js";

/** With more empty cells than this, at regular places, the known ones are a series of their own. */
const SPARSE = 1 / 3;

const SECONDS = /^#? ?(t|time)?[_ ([]*(s|sec|seconds)?[)\]]?$/i;

/** The last rows, no more than these, are totals where they lack the time that the others have. */
const MOST_TOTALS = 5;
/** Least share of the rows that have a time. */
const TIMED = 0.8;

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
  const layout = layoutOf(lines);
  refuseTableAbove(layout);
  refuseTwoDelimiters(layout);
  refuseHalves(layout);
  const { delimiter, decimal, width, attached, rows, first } = layout;
  const isData = ({ row, at }) => at >= first && row.length >= width && lines[at].trim();
  let data = rows.map((row, at) => ({ row, at })).filter(isData);
  const header = namesOf(rows.slice(0, first), width);
  const names = attached.map((marks, n) => header[n] || labelOf(marks));
  const numbersIn = (index) => data.map(({ row }) => takeOff(row[index], attached[index]) ?? "");
  if (!delimiter && decimal === "," && !first && !isOneNumber(attached[0])) refusePairs(numbersIn(0));
  const sortColumns = () => {
    const all = attached.map((marks, index) => {
      const cells = numbersIn(index);
      const read = Float64Array.from(cells, (cell) => parsed(cell, decimal));
      const values = withoutMarkers(read, cells);
      const known = values.filter((value) => !Number.isNaN(value));
      const name = names[index] || `column ${index + 1}`;
      return { index, name, attached: marks, values, known, texts: cells.slice(0, PREVIEW_ROWS) };
    });
    const numbers = all.filter(({ known, values }) => known.length > 1 && known.length > 0.3 * values.length);
    const tops = numbers.map(({ name, known }) => [name, Math.max(...extremes(known).map(Math.abs))]);
    for (const column of numbers) {
      const { index, name, values, known, texts } = column;
      const isComplete = known.length === values.length;
      const digits = printedDigits(texts, decimal);
      const unit = column.attached.behind;
      const usual = median(known);
      const larger = tops.filter(([, top]) => top > usual).map(([other]) => other);
      const facts = { isComplete, digits, isFirst: index === 0, isAlone: width === 1, names: larger, unit };
      column.role = roleOf(name, known, facts);
    }
    const [clocks, signals] = ["axis", "signal"].map((role) => numbers.filter((column) => column.role === role));
    const texts = all.filter(({ known, texts }) => known.length < texts.filter(Boolean).length / 2);
    const times = [...clocks, ...texts.filter((column) => areMoments(column.texts))];
    return { numbers, clocks, signals, texts, times };
  };
  let sorted = sortColumns();
  const totals = totalsBelow(data, sorted.times);
  if (totals) {
    data = data.slice(0, -totals);
    sorted = sortColumns();
  }
  const { numbers, clocks, signals, texts, times } = sorted;
  if (!signals.length) throw new Error("the table has no column of numbers besides time");
  refuseSignalsInRows(signals, width - clocks.length);
  refuseUnrelatedRows(texts.filter((column) => !times.includes(column)), times, signals);
  refuseBlocks(data.map(({ at }) => at), times, signals);
  refuseSentences(texts);
  const styles = stylesOf(numbers, decimal, delimiter);
  for (const signal of signals) {
    signal.style = styles[numbers.indexOf(signal)];
    if (signal.style.doubt)
      throw new Error(`line ${data[0].at + 1}, column '${signal.name}': ${signal.style.doubt}`);
    const sparse = signal.known.length < (1 - SPARSE) * signal.values.length;
    signal.places = [...data.keys()].filter((n) => !sparse || !Number.isNaN(signal.values[n]));
  }
  return {
    names: signals.map(({ name }) => name),
    columns: signals.map(({ values, places }) => Float64Array.from(places, (n) => values[n])),
    sampleRateHz: rate(clocks[0]),
    write(clean) {
      const made = rows.map((row) => [...row]);
      signals.forEach(({ index, values, style, places }, number) => {
        places.forEach((n, at) => {
          const value = clean[number][at];
          const { row, at: line } = data[n];
          const isChanged = Number.isFinite(value) && Number.isFinite(values[n]) && value !== values[n];
          if (isChanged) made[line][index] = written(row[index], value, style);
        });
      });
      return marked + made.map((row, n) => row.join(delimiter) + (ends[n] ?? "")).join("");
    },
  };
}

/** Return how many of the last rows lack all times that nearly all others have; they stay as they are. */
function totalsBelow(data, times) {
  const filled = times
    .map(({ index }) => data.map(({ row }) => unquoted(row[index]).trim() !== ""))
    .filter((has) => has.filter(Boolean).length >= TIMED * data.length);
  const counts = filled.map((has) => data.length - 1 - has.lastIndexOf(true));
  const count = counts.length ? Math.min(...counts) : 0;
  return count <= MOST_TOTALS ? count : 0;
}

/** Refuse pairs such as 14,8 without a name above them: only a zero in front, as in 14,08, shows a decimal comma. */
function refusePairs(cells) {
  const pairs = cells.filter((cell) => /^\s*[-+]?\d+,\d+\s*$/.test(cell));
  if (!pairs.length || pairs.length < cells.length || pairs.some((cell) => /,0\d/.test(cell))) return;
  throw new Error(
    `'${pairs[0].trim()}' can be one number with a decimal comma or two columns; use the program denoise-stream with ` +
      "--decimal , or --delimiter ,",
  );
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
  const isInSeconds = ({ name, attached }) => SECONDS.test(name) && ["", "s"].includes(attached.behind.trim());
  if (!clock || !isInSeconds(clock)) return 0;
  const { known } = clock;
  return (known.length - 1) / (known.at(-1) - known[0]);
}
