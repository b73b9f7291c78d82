/** Tell what a column of numbers is by its values and its name: a signal, a time or a count, or states. */

import { extremes, median } from "./statistics.js";

/** Fewest values to judge a column by. */
const MANY = 30;
/** Share of the steps that must be within a bit more than half of the usual one. */
const NEAR = 0.8;
/** A column of no more distinct values holds states, not a signal. */
const FEW = 6;
const MOST_HELD = 25;
/** Least share of the rows that repeat the value before, where states hold. */
const HOLDS = 0.9;

const TIME = new RegExp(
  "time|date|zeit|stamp|millis|epoch|frame|packet|counter|index|" +
    "^#? ?(t|idx|id|nr|no|n|row|x|x-axis|seconds?|sec|ms)([_ .([-].*)?$",
  "i",
);
const IDENTIFIER = /(^|[\W_]|(?=[A-Z]))(id|uuid|guid|serial|imei|zip|plz)s?$|^serial/i;
const PART_OF_A_DATE = /^(year|yr|month|mon|mo|day|dy|hour|hr|minute|min|second|sec)s?$/i;
const CODE = /(^|[\W_])(crc\d*|checksum|chk|code|status|flags?|mask|bitmask)$/i;
/** Names of values that hold or are few; others of these names may be measured, as a common mode is. */
const MODE = /(^|[\W_])(mode|alarms?|faults?|triggers?|markers?)$/i;
/** Distances from a setpoint, which are measured. */
const OFFSET = /(^|[\W_])(deviation|dev|error|err|offset|difference|diff)($|[\W_])/i;
const SETPOINT = /set[ _-]?point|setpt|set[ _-]?value|sollwert|consigne/i;
const UNCERTAINTY = /(^|[\W_])(uncertainty|uncert|unc|std[ _]?dev|std[ _]?err|standard (deviation|error))\W*$/i;
/** With the name of another column in front, the same. */
const DEVIATION = /[\W_]?(error|err|sigma|std|sd|sem)$/i;
/** Words for an angle on a circle. */
const DIRECTIONS = (
  "dir direction wd wdir winddir winddirection bearing course heading hdg azimuth yaw cog windrichtung azimut"
).split(" ");
/** Least share of the rows that hold one and the same value, where all others are events. */
const EVENTS = 0.75;
/** What instruments write for a missing value, if it lies far from all others. */
const MARKER = new RegExp(
  "^(-?9{3,6}([.,](0+|9+|25))?|-9{2}([.,](0+|9+))?|-[09][.,]9{2,3}|-127([.,]0+)?|65535([.,]0+)?|" +
    "6553[.,]50*|-32768([.,]0+)?|[+-]?\\d([.,]\\d*)?e\\+?(2\\d|3[0-8]))$",
  "i",
);
/** Share of a column's numbers that are not glitches. */
const USUAL = 0.99;

/**
 * Return what a column is: "signal", "axis" (times, counts, parts of a date) or "states" (flags, identifiers, angles
 * that jump over the end of the circle).
 *
 * @param {string} name
 * @param {Float64Array} known its values, without those that are missing
 * @param {{ isComplete: boolean, digits: number, isFirst: boolean, isAlone: boolean, names: string[], unit: string }}
 *   facts whether none is missing, the digits behind the mark, the column's place, the names of columns with larger
 *   values, and what stands behind the numbers
 */
export function roleOf(name, known, { isComplete, digits, isFirst, isAlone, names, unit }) {
  const steps = [...known.subarray(1)].map((value, n) => value - known[n]);
  const isCount = isFirst && !isAlone && known.length > 8 && !steps.includes(0);
  if ((TIME.test(name) || isCount) && steps.every((step) => step >= 0)) return "axis";
  const areWhole = known.every(Number.isInteger);
  if (areWhole && PART_OF_A_DATE.test(name)) return "states";
  if (isAlone) return "signal";
  if (areWhole && (IDENTIFIER.test(name) || (CODE.test(name) && !/adc|dac/i.test(name)))) return "states";
  if (areWhole && MODE.test(name) && areRepeated(known)) return "states";
  if (SETPOINT.test(name) && !OFFSET.test(name)) return "states";
  if (isUncertainty(name, names) && known.every((value) => value >= 0)) return "states";
  if (isDirection(name, unit) && wrapsAround(known, steps)) return "states";
  if (isAxis(known, steps) || isReset(known, steps) || (isComplete && isEven(steps, digits))) return "axis";
  const different = new Set(known).size;
  if (known.length >= 3 && different === 2 && known.every((value) => value === 0 || value === 1)) return "states";
  const held = steps.filter((step) => step === 0).length >= HOLDS * steps.length;
  const areFew = different <= FEW || (different <= MOST_HELD && held);
  if (known.length < MANY) return "signal";
  return (areWhole && areFew) || areEvents(known, digits) ? "states" : "signal";
}

/** Whether values are few different ones beside the rows, or one of them holds a quarter of the rows. */
function areRepeated(known) {
  const counts = new Map();
  for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
  const few = Math.max(FEW, Math.min(MOST_HELD, Math.floor(known.length / 4)));
  return counts.size <= few || extremes([...counts.values()])[1] >= known.length / 4;
}

/** Whether a name says that a column is how exact another column is, whose name it may begin with. */
function isUncertainty(name, names) {
  const stem = name.replace(DEVIATION, "").toLowerCase();
  const isOfAnother = stem && stem !== name.toLowerCase() && names.some((other) => other.toLowerCase() === stem);
  return UNCERTAINTY.test(name) || Boolean(isOfAnother);
}

/** Whether a name or a unit says that a column is an angle, such as wind_dir, WindDir, Heading (deg) or dd. */
function isDirection(name, unit) {
  if (unit.trim() === "°" || /°[)\] ]*$/.test(name)) return true;
  const parted = name.replace(/(\p{Ll})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1$3 $2$4").replace(/\d+/g, " $& ");
  const words = parted.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const isWord = /^deg(rees)?$/.test(words.at(-1)) || String(words) === "dd";
  return isWord || words.some((word) => DIRECTIONS.includes(word));
}

/** Whether values are angles in degrees that jump over the end of the circle. */
function wrapsAround(known, steps) {
  const [low, high] = extremes(known);
  const isOnCircle = high <= 360 && low >= (high > 180 ? 0 : -180);
  return isOnCircle && high - low > 180 && steps.some((step) => Math.abs(step) > 180);
}

/**
 * Whether values rise in any steps and fall seldom, far and to the bottom, and rise again unless that is zero: a total
 * of each day, an odometer.
 */
function isReset(known, steps) {
  const falls = steps.map((_, n) => n).filter((n) => steps[n] < 0);
  if (known.length < MANY || !falls.length || falls.length > 0.02 * steps.length) return false;
  if (steps.filter((step) => step > 0).length < 10) return false;
  const [[bottom], [, largest]] = [extremes(known), extremes(steps)];
  if (bottom !== 0 && !steps.slice(falls.at(-1)).some((step) => step > 0)) return false;
  return falls.every((n) => steps[n] < -3 * largest && known[n + 1] <= bottom + largest);
}

/**
 * Whether values are single events on a constant, their smallest or largest value, and most differ by many last digits;
 * on another constant than zero they are whole numbers far from it, as a signal that is cut off there comes near to it.
 */
function areEvents(known, digits) {
  const counts = new Map();
  for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [usual, count] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best));
  const starts = known.filter((value, n) => value !== usual && (!n || known[n - 1] === usual)).length;
  const events = known.length - count;
  if (starts < 3 || events > (1 - EVENTS) * known.length || events > 2 * starts) return false;
  if (!extremes(known).includes(usual)) return false;
  const sizes = known.filter((value) => value !== usual).map((value) => Math.abs(value - usual));
  const [smallest, largest] = extremes(sizes);
  if (usual === 0) return smallest >= 1.5 * 10 ** -digits || median(sizes) >= 2 * smallest;
  const levels = [...counts.keys()].sort((one, other) => one - other);
  const [step] = extremes(levels.slice(1).map((level, n) => level - levels[n]));
  return known.every(Number.isInteger) && smallest >= 3 * step && largest >= 5 * smallest;
}

/** Whether values rise or fall from row to row, or never fall, in steps near one size, also with restarts. */
function isAxis(known, steps) {
  if (known.length < MANY) return false;
  const [up, down] = [1, -1].map((sign) => steps.filter((step) => sign * step > 0));
  if (Math.max(up.length, down.length) === steps.length) return true;
  const isFalling = down.length > up.length;
  const moving = isFalling ? down.map((step) => -step) : up;
  const falls = isFalling ? up : down;
  if (moving.length < 10) return false;
  const usual = median(moving);
  const isNear = moving.filter((step) => Math.abs(step - usual) <= 0.6 * usual).length >= NEAR * moving.length;
  if (!falls.length) return isNear || moving.length > 0.5 * steps.length;
  return isNear && wraps(known, isFalling ? steps.map((step) => -step) : steps, usual, isFalling ? -1 : 1);
}

/** Whether every fall goes from near the top to near the bottom: a count modulo something, or a restart. */
function wraps(known, steps, usual, sign) {
  const turned = known.map((value) => sign * value);
  const [bottom, top] = extremes(turned);
  const span = top - bottom;
  const isAbout = (value, wanted) => Math.abs(value - wanted) <= 1e-5 * Math.abs(wanted) + 1e-8;
  if (span < 10 * usual)
    return span > 1.5 * usual && steps.every((step) => isAbout(step, usual) || isAbout(step, -span));
  const falls = steps.map((_, n) => n).filter((n) => steps[n] < 0);
  const full = falls.every((n) => turned[n] >= top - 3.5 * usual && turned[n + 1] <= bottom + 3.5 * usual);
  if (full && falls.length <= steps.length / 5) return true;
  return falls.length <= 0.02 * steps.length && falls.every((n) => steps[n] < -5 * usual);
}

/** Whether steps are equal but for the printed digits. */
function isEven(steps, digits) {
  if (steps.length < 2) return false;
  const step = steps.reduce((sum, one) => sum + one, 0) / steps.length;
  if (Math.abs(step) < 0.99 * 10 ** -digits) return false;
  const rounding = (steps.length >= 7 ? 1.01 : 0.51) * 10 ** -digits;
  return steps.every((one) => Math.abs(one - step) <= rounding + 1e-9 * Math.abs(step));
}

/** Set to NaN what an instrument wrote for a missing value: -9999 and the like, far outside of all others. */
export function withoutMarkers(values, texts) {
  const others = values.filter((value, n) => Number.isFinite(value) && !MARKER.test(texts[n]));
  if (others.length === values.length || others.length < 2 || !others.some(Boolean)) return values;
  const [low, high] = extremes(others);
  const [most, margin] = [Math.max(-low, high), 2 * (high - low)];
  const usual = [...others].sort((a, b) => a - b)[Math.floor(USUAL * (others.length - 1))];
  const lowest = low >= 0 ? Math.min(low - 2 * (usual - low), 0) : Math.min(low - margin, -3 * most);
  const highest = Math.max(high + margin, 3 * most);
  return values.map((value, n) => ((value < lowest || value > highest) && MARKER.test(texts[n]) ? NaN : value));
}
