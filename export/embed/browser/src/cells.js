/** Split a line into cells, and read the number in one. */

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const INFINITE = /^[-+]?inf(inity)?$/i;
const GROUPED = {
  ".": /^[-+]?[1-9]\d{0,2}([, '\u2019\u00a0\u202f\u2009])\d{3}(\1\d{3})*(\.\d*)?$/,
  ",": /^[-+]?[1-9]\d{0,2}([. '\u2019\u00a0\u202f\u2009])\d{3}(\1\d{3})*(,\d*)?$/,
};
/** What loggers, databases and meters write for a missing value. */
const MISSING = new RegExp(
  "^(#.*|n/?[ad]|n\\.[ad]\\.?|k\\.a\\.|[-+]?nan|<nan?>|\\(null\\)|\\\\n|null|none|nil|-+|\\?|\\.{1,3}|\\*{1,3}|" +
    "-?1[.,]#(qnan|ind)|1\\.#inf_|missing|no ?data|undef(ined)?|invalid|unavailable|unknown|err|error|ol|" +
    "over(flow|load)?|ovld)?$",
  "i",
);

/** Split a line where a delimiter stands outside quotation marks, which open at a cell's start; the marks stay. */
export function cells(line, delimiter) {
  if (!delimiter) return [line];
  const parts = line.split(delimiter);
  if (!line.includes('"')) return parts;
  const whole = [];
  for (let n = 0; n < parts.length; n++) {
    let cell = parts[n];
    if (cell.trimStart().startsWith('"')) {
      let end = n;
      let joined = cell;
      while (!closed(joined) && ++end < parts.length) joined += delimiter + parts[end];
      if (closed(joined)) [cell, n] = [joined, end]; // otherwise the mark is part of the text
    }
    whole.push(cell);
  }
  return whole;
}

const closed = (cell) => /^\s*"([^"]|"")*"\s*$/.test(cell);

export const unquoted = (cell) =>
  cell
    .trim()
    .replace(/^"(.*)"$/s, "$1")
    .replaceAll('""', '"');

/** Return the number in a cell; NaN where there is none. */
export function parsed(cell, decimal) {
  let text = unquoted(cell).trim().replace("\u2212", "-");
  if (GROUPED[decimal].test(text)) text = text.replaceAll(decimal === "." ? /[^\d.+-]/g : /[^\d,+-]/g, "");
  if (decimal === ",") text = text.includes(".") ? "" : text.replace(",", ".");
  if (INFINITE.test(text)) return text.startsWith("-") ? -Infinity : Infinity; // which is refused, not passed over
  return NUMBER.test(text) ? Number(text) : NaN;
}

/** Whether a text is a number with one decimal mark or the other. */
export const isNumber = (text) => [".", ","].some((decimal) => !Number.isNaN(parsed(text, decimal)));

export const isMissing = (cell) => MISSING.test(unquoted(cell).trim());
