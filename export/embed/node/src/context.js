/**
 * Compute the context of a window: means of the blocks of samples before it, and after it as far as the look-ahead.
 *
 * The context holds the mean of each block in the window's scale, then the known share of its samples; the scales of the
 * past come first, the blocks in the order of time.
 */

/** Means are clipped to this many ranges of the window on either side. */
const LARGEST = 1e6;

/**
 * Compute the context of the window from sample `start` on.
 *
 * Known is what `samples` hold and is not NaN. A block with no known sample takes the mean of the next one towards the
 * window that has one, or else that of the window's edge.
 *
 * @param {import("../index.js").Contract} contract
 * @param {Float64Array} samples of the signal, or its part that is still there
 * @param {number} start
 * @param {number} lookahead samples after the window that are used
 * @param {Float32Array} scaled the window, as the network gets it
 * @param {{ low: number, span: number }} scale what it was scaled by
 * @returns {number[]}
 */
export function contextOf({ window, contextPast, contextAhead }, samples, start, lookahead, scaled, { low, span }) {
  const end = Math.min(samples.length, start + window + lookahead);
  const means = [];
  const shares = [];
  for (const [scales, before] of [
    [contextPast, true],
    [contextAhead, false],
  ])
    for (const { size, count } of scales) {
      const edge = before ? scaled.subarray(0, size) : scaled.subarray(-size);
      let mean = edge.reduce((sum, sample) => sum + sample, 0) / edge.length;
      const row = { means: [], shares: [] };
      for (let block = 0; block < count; block++) {
        const first = before ? start - size * (block + 1) : start + window + size * block;
        let [sum, known] = [0, 0];
        for (let n = Math.max(0, first); n < Math.min(first + size, before ? start : end); n++)
          if (!Number.isNaN(samples[n])) {
            sum += samples[n];
            known += 1;
          }
        if (known) mean = Math.max(-LARGEST, Math.min(LARGEST, (sum / known - low) / (span || 1)));
        row.means.push(mean);
        row.shares.push(known / size);
      }
      means.push(...(before ? row.means.reverse() : row.means));
      shares.push(...(before ? row.shares.reverse() : row.shares));
    }
  return [...means, ...shares];
}
