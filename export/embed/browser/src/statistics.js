/** Say where the values of a column lie. */

/** Return the median: the mean of the two in the middle of an even number of values. */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Return the least and the largest value. */
export const extremes = (values) => [Math.min, Math.max].map((one) => values.reduce((best, value) => one(best, value)));
