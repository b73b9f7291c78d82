/** Read columns of samples from a table's text, and write them back with every other cell as it was. */

const TIME = /^(t|time|timestamp|date|datetime|index|idx|id|epoch|sec|seconds|ms|n)([_ .([-].*)?$/i;
const DIGITS = 13;

/**
 * Read a table; its signals are the columns of numbers that are not time or a count.
 *
 * @param {string} text
 * @returns {{ names: string[], columns: Float64Array[], sampleRateHz: number,
 *   write: (clean: Float64Array[]) => string }} the rate is 0 where the table does not tell
 */
export function readCsv(text) {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  while (lines.length && !lines.at(-1).trim()) lines.pop();
  const delimiter = ["\t", ";", ","].find((mark) => lines[0]?.replace(/"[^"]*"/g, "").includes(mark)) ?? ",";
  const decimal = delimiter === "," ? "." : ",";
  const rows = lines.map((line) => cells(line, delimiter));
  const header = rows.length > 1 && rows[0].every((cell) => Number.isNaN(parsed(cell, decimal))) ? rows.shift() : null;
  const width = rows[0]?.length ?? 0;
  const all = Array.from({ length: width }, (_, index) => {
    const name = unquoted(header?.[index] ?? "") || `column ${index + 1}`;
    return { index, name, values: Float64Array.from(rows, (row) => parsed(row[index] ?? "", decimal)) };
  });
  const numbers = all.filter(({ values }) => values.filter((value) => !Number.isNaN(value)).length > values.length / 2);
  const clocks = numbers.filter(({ name, values }) => TIME.test(name) && rises(values));
  const signals = numbers.filter((column) => !clocks.includes(column));
  if (!signals.length) throw new Error("the table has no column of numbers besides time");
  return {
    names: signals.map(({ name }) => name),
    columns: signals.map(({ values }) => values),
    sampleRateHz: rate(clocks[0]),
    write(clean) {
      signals.forEach(({ index, values }, number) =>
        rows.forEach((row, n) => {
          if (Number.isNaN(values[n])) return; // what is missing stays missing
          const text = String(Number(clean[number][n].toPrecision(DIGITS)));
          row[index] = row[index].includes(",") ? text.replace(".", ",") : text;
        }),
      );
      return [...(header ? [header] : []), ...rows].map((row) => row.join(delimiter)).join(end) + end;
    },
  };
}

/** Return the samples per second that a column of seconds implies; 0 if there is none. */
function rate(clock) {
  if (!clock || !/^(t|time)?[_ ([]*(s|sec|seconds)?[)\]]?$/i.test(clock.name)) return 0;
  const { values } = clock;
  return (values.length - 1) / (values.at(-1) - values[0]);
}

const rises = (values) => values.every((value, n) => n === 0 || !(value < values[n - 1]));

/** Split a line where a delimiter stands outside quotation marks; the marks stay. */
function cells(line, delimiter) {
  if (!line.includes('"')) return line.split(delimiter);
  const parts = [""];
  let quoted = false;
  for (const letter of line) {
    if (letter === '"') quoted = !quoted;
    if (letter === delimiter && !quoted) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

const unquoted = (cell) =>
  cell
    .trim()
    .replace(/^"(.*)"$/, "$1")
    .replaceAll('""', '"');

function parsed(cell, decimal) {
  const text = unquoted(cell);
  return text === "" ? NaN : Number(decimal === "," ? text.replace(",", ".") : text);
}
