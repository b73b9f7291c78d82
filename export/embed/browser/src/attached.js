/** Find what is attached to every number of a column, as the program does: a unit, a currency, a label. */

import { isMissing, isNumber, unquoted } from "./cells.js";
import { areMoments } from "./unrelated.js";

/** Least share of a column's known cells to which the same is attached; the others stay as they are. */
const SHARE = 0.9;
const FEWEST_CELLS = 3;
/** Characters of the longest cell that is looked at; no number with a unit is longer. */
const LONGEST = 64;
const NOTHING = { before: "", behind: "" };

const UNITS = `V mV uV µV μV kV A mA uA µA μA W mW kW MW Wh kWh MWh Hz kHz MHz GHz Pa hPa kPa MPa bar mbar psi mmHg inHg
  s ms us µs μs min h m mm cm km um µm μm ft in mi g mg kg N kN Nm J kJ K C F m/s km/h mph kn rpm lx lux dB dBm dBA ppm
  ppb Ohm Ω kΩ MΩ L l ml mL l/min L/min bpm mg/L mg/l g/m³ mg/m³ µg/m³ ug/m3 W/m² W/m2 uS/cm µS/cm mS/cm VDC VAC B kB
  KB MB GB KiB MiB GiB`.split(/\s+/);
const MEASURE = `(?:${UNITS.join("|")})(?: AC| DC)?`;
const LABEL = "[\\p{L}_][\\p{L}\\p{N}_ .()/\\-]*[:=] ?";
const CELL = new RegExp(
  `^([$€£¥₹]\\s?|${LABEL})?(?<number>.*[\\d.,])` +
    `(\\s?(?:%|‰|°[CFK]?|º[CF]|℃|℉|[$€£¥₹])|\\s?${MEASURE})?$`,
  "su",
);
const IS_LABEL = new RegExp(`^${LABEL}$`, "u");

/**
 * Return what is attached to the numbers of each column.
 *
 * A unit of letters without a space before it counts where all numbers have a decimal mark: 12A may be a name. A label
 * in front counts where all columns but times have one: node:12 may be a name.
 *
 * @param {string[][]} rows cells of rows of this width
 * @param {number} width
 * @returns {{ before: string, behind: string }[]}
 */
export function findAttached(rows, width) {
  const columns = Array.from({ length: width }, (_, n) => rows.map((row) => unquoted(row[n]).trim()));
  const found = columns.map(attachedTo);
  const isBare = found.map((marks) => !labelOf(marks));
  if (isBare.every(Boolean) || columns.every((texts, n) => !isBare[n] || areMoments(texts))) return found;
  return found.map((marks, n) => (isBare[n] ? marks : NOTHING));
}

/** Return the label in front of a column's numbers, empty without one. */
export const labelOf = ({ before }) => (IS_LABEL.test(before) ? before.replace(/[ :=]+$/, "") : "");

/** Return the number in a cell; null if what is attached lacks. */
export function takeOff(cell, { before, behind }) {
  const text = unquoted(cell).trim();
  const hasBoth = text.startsWith(before) && text.endsWith(behind);
  return hasBoth ? text.slice(before.length, Math.max(before.length, text.length - behind.length)) : null;
}

/** Whether a unit of letters has no space before it. */
const isTight = (behind) => /^\p{L}/u.test(behind);

/** Whether a number with a comma and these marks cannot be two numbers, as temp:20,5 and 20,5V cannot. */
export const isOneNumber = (marks) => labelOf(marks) !== "" || isTight(marks.behind);

/** Return rows without what is attached to their numbers; cells that lack it stay. */
export const withoutAttached = (rows, attached) =>
  attached.some((marks) => marks !== NOTHING)
    ? rows.map((row) => row.map((cell, n) => takeOff(cell, attached[n] ?? NOTHING) ?? cell))
    : rows;

function attachedTo(texts) {
  const known = texts.filter((text) => !isMissing(text));
  if (known.slice(-FEWEST_CELLS).every(isNumber)) return NOTHING; // most columns
  const counts = new Map();
  for (const text of known) {
    const match = text.length <= LONGEST && text.match(CELL);
    if (!match || !isNumber(match.groups.number)) continue;
    const [, before = "", number, behind = ""] = match;
    if (isTight(behind) && !/\d$/.test(number)) continue;
    const key = JSON.stringify({ before, behind });
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const [key, count] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0]);
  if (count < Math.max(FEWEST_CELLS, SHARE * (known.length - 1))) return NOTHING; // one cell may be the name
  const marks = JSON.parse(key);
  const isWhole = (text) => /^[^.,]*$/.test(takeOff(text, marks) ?? ".");
  return isTight(marks.behind) && known.some(isWhole) ? NOTHING : marks;
}
