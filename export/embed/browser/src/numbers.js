/** Find out how the numbers of a column are written, and write denoised ones so, with the program's digits. */

import { takeOff } from "./attached.js";
import { unquoted } from "./cells.js";
import { median } from "./statistics.js";

/** Rows that decide how a table is written. */
export const PREVIEW_ROWS = 1000;
const MOST_DIGITS = 17;
/** A column with this many significant digits or more was printed as floats are held in memory. */
const REPR_DIGITS = 15;
/** Digits are added until the last one is this many times smaller than the noise. */
const FINER = 50;

const POWER = /[eEdD]/;
const MAY_BE_GROUPED = /^[-+\u2212]?[1-9]\d{0,2}[.,]\d{3}$/;
const WHOLE = /^[-+\u2212]?\d+$/;
const ONE_MARK = /^[-+\u2212]?\d*([.,])\d*(e[-+]?\d+)?$/i;
const GROUP = /\d([,. '\u2019\u00a0\u202f\u2009])\d{3}(?!\d)/;
const IN_FRONT = /^(\+|\u2212|-?0\d)/;
const GROUPED = /^[-+\u2212]?\d{1,3}([., '\u2019\u00a0\u202f\u2009])\d{3}(\1\d{3})*([.,]\d*)?$/;

/** Return the decimal mark that a number shows beyond doubt; empty if it shows none. */
function certainMark(text) {
  if (MAY_BE_GROUPED.test(text)) return "";
  const one = text.match(ONE_MARK);
  if (one) return one[1];
  const groups = text.match(GROUPED);
  if (groups?.[3]) return groups[3][0];
  return { ",": ".", ".": "," }[groups?.[1]] ?? "";
}

/**
 * Return how each column of numbers is written.
 *
 * @param {{ texts: string[], values: Float64Array, attached: object }[]} columns the cells of the first rows, without
 *   quotation marks and what is attached
 * @param {string} decimal the table's decimal mark, if a number shows one
 * @param {string} delimiter
 * @returns {object[]} the style of each; its `doubt` says why a column has two readings
 */
export function stylesOf(columns, decimal, delimiter) {
  const isShown = columns.some(({ texts }) => texts.some(certainMark));
  return columns.map(({ texts, values, attached }) => ({ delimiter, attached, ...styleOfColumn(texts, values) }));

  function styleOfColumn(texts, values) {
    const known = texts.map((text, n) => [text, values[n]]).filter(([, value]) => Number.isFinite(value));
    if (isShown) return styleOf(known, decimal);
    const unsure = texts.filter((text) => MAY_BE_GROUPED.test(text));
    // Whole numbers do not show a decimal mark; only a comma as the delimiter rules one out.
    if (!unsure.length) return styleOf(known, delimiter === "," ? "." : "");
    const mark = unsure[0].match(/[.,]/)[0];
    const whole = texts.find((text) => WHOLE.test(text));
    const isMixed = unsure.some((text) => !text.includes(mark));
    if (isMixed || whole !== undefined || (mark === "," && delimiter !== ";"))
      return { doubt: doubtOf(unsure[0], mark, whole) };
    // With exactly three digits written, both readings of the column stay true.
    return styleOf(known, mark, delimiter === "," ? null : 3);
  }
}

function doubtOf(example, mark, whole) {
  const [asDecimal, asGroup] = [example.replace(",", "."), example.replace(mark, "")];
  const beside = whole === undefined ? "" : ` beside '${whole}'`;
  return (
    `'${example}'${beside} can be read as ${asDecimal} or as ${asGroup}; use the program denoise-stream with ` +
    `--decimal ${mark} (${asDecimal}) or --decimal ${mark === "." ? "," : "."} (${asGroup})`
  );
}

/** Return a column's style: a digit more than it has, and up to two where the noise is near the last digit. */
function styleOf(known, decimal, stated = null) {
  const texts = known.map(([text]) => text);
  const values = known.map(([, value]) => value);
  const powers = texts.filter((text) => POWER.test(text));
  const printed = texts.map((text) => decimalsOf(text.split(POWER)[0], decimal));
  const groups = texts.map((text) => text.match(GROUP)?.[1]);
  const group = groups.find((mark) => mark && mark !== decimal);
  const style = {
    decimal,
    group: group ?? "",
    minus: texts.some((text) => text.includes("\u2212")) ? "\u2212" : "-",
    isFixed: new Set(printed).size === 1 && printed[0] > 0,
    ownDigits: most(printed),
    isPlain: !group && !powers.length && !texts.some((text) => IN_FRONT.test(text)),
    hasExponent: powers.length > 0 && powers.length === texts.length,
  };
  const largest = most(values.map(Math.abs));
  const noise = noiseOf(values);
  const wanted = noise > 0 ? Math.ceil(Math.log10(FINER / noise)) : null;
  if (style.hasExponent) {
    const own = most(printed) + 1;
    const magnitude = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
    const digits = Math.max(own, wanted === null ? own : magnitude + wanted);
    return { ...style, digits: Math.min(digits, own + 2, MOST_DIGITS - 1) };
  }
  if (stated !== null || !decimal) return { ...style, digits: stated ?? 0 };
  const finest = most(powers.map((text) => decimalsOf(text.split(POWER)[0], decimal) - text.split(POWER)[1]));
  const own = Math.max(most(printed), finest);
  const wholeDigits = Math.trunc(largest).toFixed(0).length;
  const fine = wanted === null ? own + 1 : Math.max(wanted, own ? own + 1 : 0);
  style.digits = Math.max(own, Math.min(fine, own + 2, MOST_DIGITS - wholeDigits));
  if (own && own + wholeDigits >= REPR_DIGITS) {
    style.digits = finest === 0 ? Math.max(0, REPR_DIGITS - wholeDigits) : own;
    style.isFixed = false;
  }
  return style;
}

/** Estimate the standard deviation of the noise from second differences; 0 if none is visible. */
function noiseOf(values) {
  if (values.length < 4) return 0;
  const bends = values.slice(2).map((value, n) => Math.abs(value - values[n + 1] - (values[n + 1] - values[n])));
  const mean = bends.reduce((sum, bend) => sum + bend, 0) / bends.length;
  return (median(bends) * 1.4826 || mean * 1.2533) / Math.sqrt(6);
}

const most = (numbers) => numbers.reduce((largest, number) => Math.max(largest, number), 0);
const decimalsOf = (text, decimal) => text.split(decimal || ".")[1]?.length ?? 0;

/** Return the most digits that numbers have behind the decimal mark; 17 where they have exponents. */
export function printedDigits(texts, decimal) {
  const numbers = texts.filter((text) => /^[-+\u2212]?[\d.,]/.test(text));
  if (numbers.length && numbers.every((text) => POWER.test(text))) return MOST_DIGITS;
  return most(numbers.map((text) => decimalsOf(text, decimal)));
}

/** Write a number in the place of another: with its exponent, sign, grouping, quotation marks and what is attached. */
export function written(cell, value, style) {
  const { before, behind } = style.attached;
  const old = takeOff(cell, style.attached);
  let text = POWER.test(old) ? withExponent(value, old, style) : withoutExponent(value, old, style);
  if (old.startsWith("+") && !text.startsWith("-")) text = `+${text}`;
  if (style.minus !== "-") text = text.replaceAll("-", style.minus);
  text = before + text + behind;
  if (style.delimiter && text.includes(style.delimiter) && !cell.includes('"')) text = `"${text}"`;
  return cell.replace(unquoted(cell).trim(), () => text);
}

function withExponent(value, old, { decimal, digits, hasExponent }) {
  const [mantissa, power] = old.split(POWER);
  const places = Math.min(Math.max(decimalsOf(mantissa, decimal), hasExponent ? digits : 0), MOST_DIGITS - 1);
  const [base, number] = value.toExponential(places).split("e");
  const sign = number.startsWith("-") ? "-" : /^[-+]/.test(power) ? "+" : "";
  const size = String(Math.abs(number)).padStart(power.replace(/^[-+]/, "").length, "0");
  return base.replace(".", decimal || ".") + old.match(POWER)[0] + sign + size;
}

function withoutExponent(value, old, { decimal, digits, ownDigits, group, isFixed, isPlain }) {
  const oldDigits = decimalsOf(old, decimal);
  const places = isPlain && oldDigits <= ownDigits ? digits : Math.max(digits, oldDigits);
  let text = value.toFixed(decimal ? places : 0);
  if (!isFixed && text.includes(".")) text = text.replace(/\.?0+$/, "");
  if (Number(text) === 0) text = text.replace("-", "");
  let [whole, fraction] = text.replace("-", "").split(".");
  const [leading] = old.replace(/^[-+\u2212\u2013]/, "").match(/^\d*/);
  if (leading.length > 1 && leading.startsWith("0")) whole = whole.padStart(leading.length, "0");
  else if (group && (old.includes(group) || leading.length < 4)) whole = whole.replace(/\B(?=(\d{3})+$)/g, group);
  return (text.startsWith("-") ? "-" : "") + whole + (fraction === undefined ? "" : decimal + fraction);
}
