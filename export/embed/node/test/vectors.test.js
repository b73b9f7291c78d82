/** Every folder of test vectors (environment variable VECTORS, separated by ":") is reproduced to 1e-5. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { load } from "../onnx.js";

for (const folder of (process.env.VECTORS ?? "").split(":").filter(Boolean))
  test(`${basename(folder)} gives the samples of the test vectors`, async () => {
    const content = JSON.parse(readFileSync(join(folder, "vectors.json"), "utf8"));
    const denoiser = await load(join(folder, "model.onnx"));
    for (const { name, full_scale, samples_before_flush, lookahead_samples, ...files } of content.cases) {
      const stream = denoiser.stream({ lookaheadSamples: lookahead_samples ?? 0 });
      const [noisy, expected] = [files.noisy, files.expected].map((file) => floats(join(folder, file)));
      for (const chunk of content.chunk_sizes) {
        const clean = [];
        for (let start = 0; start < noisy.length; start += chunk)
          clean.push(...(await stream.process(noisy.subarray(start, start + chunk))));
        assert.equal(clean.length, samples_before_flush, name);
        clean.push(...(await stream.flush()));
        assert.equal(clean.length, expected.length, name);
        const worst = Math.max(...clean.map((sample, n) => Math.abs(sample - expected[n])));
        assert.ok(worst <= 1e-5 * full_scale, `${name}, chunks of ${chunk}: off by ${worst}`);
      }
    }
  });

function floats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
