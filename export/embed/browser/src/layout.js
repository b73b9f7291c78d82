/** Find out how a table of text is written: its delimiter, decimal mark and units, and where its data begin. */

import { findAttached, withoutAttached } from "./attached.js";
import { cells, isMissing, isNumber, parsed, unquoted } from "./cells.js";

const DELIMITERS = ["\t", ";", ",", "|", "", " "];
const SAMPLED_ROWS = 400;
const LONGEST_PREAMBLE = 30;
/** A table of no more lines is looked at whole; of a longer one, the first third may be a preamble. */
const SHORT = 15;
/** So many rows of another width above the data are a table of their own. */
const FEWEST_ROWS_ABOVE = 20;
const COMMENT = /^\s*(#|%|\/\/)/;
const WITH_COMMA = /^[-+]?\d+([. '\u2019\u00a0\u202f\u2009]\d{3})*,\d+(e[-+]?\d+)?$/i;

/** Decode a file's bytes: UTF-16 by its mark, else UTF-8, else Windows-1252. */
export function decodeText(bytes) {
  const utf16 = { "255 254": "utf-16le", "254 255": "utf-16be" }[`${bytes[0]} ${bytes[1]}`];
  if (utf16) return new TextDecoder(utf16).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/**
 * Find the layout in which most cells are numbers.
 *
 * @param {string[]} lines
 * @returns {{ delimiter: string, decimal: string, rows: string[][], width: number, first: number,
 *   attached: { before: string, behind: string }[] }} all rows in cells, the number of columns, the row that the data
 *   begin with, and what is attached to the numbers of each column
 */
export function layoutOf(lines) {
  let best = { score: -1, attached: [] };
  const step = Math.max(1, Math.floor(lines.length / SAMPLED_ROWS));
  const sample = lines.filter((line, n) => n % step === 0 && line.trim() && !COMMENT.test(line));
  for (const delimiter of DELIMITERS) {
    const split = sample.map((line) => cells(line, delimiter));
    const width = mostFrequent(split.map((row) => row.length));
    if (delimiter && width === 1) continue;
    const fits = (row) => row.length === width;
    const last = split.slice(split.length > SHORT ? Math.floor(split.length / 3) : 0);
    const attached = findAttached(last.filter(fits), width);
    const fitting = withoutAttached(split.filter(fits), attached);
    for (const decimal of [".", ","]) {
      const numbers = fitting.map((row) => row.filter((cell) => !Number.isNaN(parsed(cell, decimal))).length);
      const filled = fitting.map((row) => row.filter((cell) => cell.trim()).length);
      const share = sum(numbers) / Math.max(1, sum(filled));
      const score = share * (fitting.length / sample.length) + tieBreak(fitting, delimiter, decimal);
      if (score > best.score) best = { score, delimiter, decimal, width, attached };
    }
  }
  const { delimiter, decimal, width, attached } = best;
  const rows = lines.map((line) => cells(line, delimiter));
  const first = firstOfData(withoutAttached(rows, attached), lines, width, decimal);
  return { delimiter, decimal, width, attached, rows, first };
}

/** Prefer, among layouts that read as many numbers, the one that is usual for what the cells look like. */
function tieBreak(rows, delimiter, decimal) {
  const texts = rows.flat().map((cell) => unquoted(cell).trim());
  // 20,5 in every line of one column: a decimal comma, and not two columns of whole numbers.
  const hasCommas = texts.some((text) => text.includes(","));
  const isName = (text, n) => n < 3 && text.includes(", "); // such as "Temp, innen"
  const isOneNumber = (text, n) => !text.includes(",") || WITH_COMMA.test(text) || isName(text, n);
  if (delimiter === "" && decimal === "," && hasCommas && texts.every(isOneNumber)) return 0.02;
  // 20,003 beside semicolons: a decimal comma, and not a group of digits.
  const isWithComma = (text) => WITH_COMMA.test(text);
  if (decimal === "," && ![",", ""].includes(delimiter) && texts.some(isWithComma)) return 0.015;
  return decimal === "." ? 0.01 : 0;
}

/** Return the first row of data: where numbers begin, after comments, names and units. */
function firstOfData(rows, lines, width, decimal) {
  const numeric = (row) => row.length >= width && row.map((cell) => !Number.isNaN(parsed(cell, decimal)));
  const later = rows.slice(Math.floor(rows.length / 2)).filter((row) => row.length >= width);
  const isNumeric = (n) => share(later, (row) => !Number.isNaN(parsed(row[n], decimal))) > 0.3;
  const columns = Array.from({ length: width }, (_, n) => isNumeric(n));
  const fits = (row, n) => {
    const found = !COMMENT.test(lines[n]) && numeric(row);
    return found && columns.every((known, at) => !known || found[at] || isMissing(row[at]));
  };
  let first = rows.findIndex((row, n) => fits(row, n) && row.some((cell) => !Number.isNaN(parsed(cell, decimal))));
  if (first < 0) return rows.length;
  // A blank line, and then names: what stood above, such as "Recorder 3", was a preamble.
  const blank = lines.slice(first, first + LONGEST_PREAMBLE).findIndex((line) => !line.trim()) + first;
  if (blank > first && rows[blank + 1]?.length === width && !fits(rows[blank + 1], blank + 1))
    first = rows.findIndex((row, n) => n > blank && fits(row, n));
  if (first < 0) return rows.length;
  const values = (n) => rows[n].map((cell) => parsed(cell, decimal));
  if (rows.length > first + 3) {
    // Names that are numbers: 0, 1, 2 ... above numbers that are not whole.
    const counted = width > 1 && values(first).every((value, n) => value === n);
    if (counted && !values(first + 1).every(Number.isInteger)) first += 1;
    // A start time and a rate above the data, as wrist-worn recorders write them.
    const [start, rate, next] = [0, 1, 2].map((n) => values(first + n)[0]);
    if (width === 1 && start > 1e9 && Number.isInteger(rate) && Math.abs(next) < 1e6) first += 2;
  }
  return first;
}

/** Refuse a file whose lines above the data hold rows of numbers of another width: a table that would be left. */
export function refuseTableAbove({ rows, width, first, decimal }) {
  const isRead = (cell) => !Number.isNaN(parsed(cell, decimal));
  const isRow = (row) => row.length > 1 && row.length !== width && row.some(isRead);
  let start = -1;
  for (let n = 0; n < first; n++) {
    const fits = isRow(rows[n]) && rows[n].every((cell) => isRead(cell) || isMissing(cell));
    if (!fits) start = -1;
    else if (start < 0 || rows[n].length !== rows[start].length) start = n;
    if (start >= 0 && n - start + 1 >= FEWEST_ROWS_ABOVE)
      throw new Error(
        `the file holds two tables: rows of ${rows[start].length} fields from line ${start + 1} on, of ${width} from ` +
          `line ${first + 1} on; put them into files of their own`,
      );
  }
}

/** Refuse rows at commas that another mark parts as well, equally often in all: the commas may be decimal marks. */
export function refuseTwoDelimiters({ delimiter, width, rows, attached, first }) {
  const data = rows.slice(first).filter((row) => row.length === width);
  if (delimiter !== "," || !data.length) return;
  const texts = data.map((row) => row.join(","));
  const isParted = (mark) => {
    const split = texts.map((text) => (mark === " " ? text.trim().split(/ +/) : cells(text, mark)));
    const [{ length }] = split;
    if (length < 2 || split.some((row) => row.length !== length)) return false;
    if (mark === " " && split.flat().some((word) => word.includes(",") && !WITH_COMMA.test(word))) return false;
    const bare = withoutAttached(split, findAttached(split, length));
    return split[0].some((_, n) => share(bare, (row) => isNumber(row[n])) >= 0.5);
  };
  const bare = withoutAttached(data, attached);
  const isText = (_, n) => share(bare, (row) => isNumber(row[n]) || isMissing(row[n])) < 0.5;
  // A comma within words splits texts off numbers, unless the names are parted by commas, too.
  const mayBeWords = data[0].some(isText) && !(first && rows[first - 1].length === width);
  const other = [";", "\t", "|", ...(mayBeWords ? [" "] : [])].find(isParted);
  if (other === undefined) return;
  const mark = { "\t": "tab", " ": "space" }[other] ?? `'${other}'`;
  throw new Error(
    `line ${first + 1}: '${texts[0].trim()}' can be split at ',' or at ${mark}; use the program denoise-stream with ` +
      `--delimiter , or --delimiter ${mark}`,
  );
}

/**
 * Refuse rows of whole numbers at commas that look like pairs around decimal commas: about half as many names stand
 * right above them, or without names a number has a zero in front, as the digits of 20,04 have.
 */
export function refuseHalves({ delimiter, width, rows, attached, first }) {
  if (delimiter !== "," || width < 3) return;
  const data = withoutAttached(rows.slice(first).filter((row) => row.length === width), attached);
  if (data.some((row) => row.some((cell) => /^\s*"?[-+]?\d*\.\d/.test(cell)))) return;
  const above = first && !COMMENT.test(rows[first - 1][0]) ? rows[first - 1] : [];
  const areNames = above.every((cell) => !isMissing(cell) && !isNumber(cell));
  const areHalf = 1 < above.length && above.length < width - 1 && width <= 2 * above.length;
  if (areNames && areHalf)
    throw new Error(
      `line ${first}: ${above.length} names above rows of ${width} fields, as if commas were decimal marks too; ` +
        "quote such numbers, or use the program denoise-stream with --decimal . if they are whole",
    );
  const half = data.flatMap((row) => row.slice(1)).find((cell) => /^0\d+$/.test(cell.trim()));
  if (first || half === undefined || new Set(data.map((row) => row.at(-1).trim().length)).size > 1) return;
  throw new Error(
    `'${half.trim()}' looks like the digits after a decimal comma, but commas delimit the fields as well; quote such ` +
      "numbers, or use the program denoise-stream with --decimal .",
  );
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const share = (values, test) => values.filter(test).length / Math.max(1, values.length);

function mostFrequent(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [1, 0])[0];
}
