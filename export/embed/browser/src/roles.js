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
/** What instruments write for a missing value, if it lies far from all others. */
const MARKER = new RegExp(
  "^(-?9{3,6}([.,](0+|9+|25))?|-9{2}([.,](0+|9+))?|-[09][.,]9{2,3}|-127([.,]0+)?|65535([.,]0+)?|" +
    "6553[.,]50*|-32768([.,]0+)?|[+-]?\\d([.,]\\d*)?e\\+?(2\\d|3[0-8]))$",
  "i",
);

/**
 * Return what a column is: "signal", "axis" (times, counts, parts of a date) or "states" (flags, identifiers).
 *
 * @param {string} name
 * @param {Float64Array} known its values, without those that are missing
 * @param {{ isComplete: boolean, digits: number, isFirst: boolean, isAlone: boolean }} facts whether none is missing,
 *   the digits behind the mark, and the column's place
 */
export function roleOf(name, known, { isComplete, digits, isFirst, isAlone }) {
  const steps = [...known.subarray(1)].map((value, n) => value - known[n]);
  const isCount = isFirst && !isAlone && known.length > 8 && !steps.includes(0);
  if ((TIME.test(name) || isCount) && steps.every((step) => step >= 0)) return "axis";
  const areWhole = known.every(Number.isInteger);
  if (areWhole && PART_OF_A_DATE.test(name)) return "states";
  if (isAlone) return "signal";
  if (areWhole && IDENTIFIER.test(name)) return "states";
  if (isAxis(known, steps) || (isComplete && isEven(steps, digits))) return "axis";
  const different = new Set(known).size;
  const held = steps.filter((step) => step === 0).length >= HOLDS * steps.length;
  const areFew = different <= FEW || (different <= MOST_HELD && held);
  return areWhole && known.length >= MANY && areFew ? "states" : "signal";
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
  if (others.length < 2 || !others.some(Boolean)) return values;
  const [low, high] = extremes(others);
  const [most, margin] = [Math.max(-low, high), 2 * (high - low)];
  const [lowest, highest] = [Math.min(low - margin, low >= 0 ? 0 : -3 * most), Math.max(high + margin, 3 * most)];
  return values.map((value, n) => ((value < lowest || value > highest) && MARKER.test(texts[n]) ? NaN : value));
}
