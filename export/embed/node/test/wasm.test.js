/**
 * Modules of `denoise-export --wasm` (folder MODULES) give the samples of the test vectors in the folders of VECTORS,
 * separated by ":"; the module for a folder has its name.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { MODULES, VECTORS = "" } = process.env;
const { ModuleError, load } = await import(pathToFileURL(join(MODULES, "denoise.js")));
const folders = VECTORS.split(":").filter(Boolean);
const loaded = (name) => load(readFileSync(join(MODULES, `${name}.wasm`)));
const memoryBytes = (denoiser) => denoiser._functions.memory.buffer.byteLength;
const floats = (path) => new Float32Array(new Uint8Array(readFileSync(path)).buffer);

for (const folder of folders)
  test(`${basename(folder)} gives the samples of the test vectors`, async () => {
    const { cases, chunk_sizes: sizes } = JSON.parse(readFileSync(join(folder, "vectors.json"), "utf8"));
    const denoiser = await loaded(basename(folder));
    for (const { name, full_scale, samples_before_flush, lookahead_samples, ...files } of cases) {
      const stream = denoiser.stream({ lookaheadSamples: lookahead_samples ?? 0 });
      const [noisy, expected] = [files.noisy, files.expected].map((file) => floats(join(folder, file)));
      for (const size of sizes) {
        const clean = [];
        for (let at = 0; at < noisy.length; at += size) clean.push(...stream.process(noisy.subarray(at, at + size)));
        assert.equal(clean.length, samples_before_flush, name);
        clean.push(...stream.flush());
        assert.equal(clean.length, expected.length, name);
        clean.forEach((sample, n) => {
          const same = Number.isNaN(expected[n]) ? Number.isNaN(sample) : Math.abs(sample - expected[n]) <= 1e-4 * full_scale;
          assert.ok(same, `${name}, chunks of ${size}: sample ${n} is ${sample}, not ${expected[n]}`);
        });
      }
    }
  });

test("whole signals are denoised with the longest look-ahead, streams live", async () => {
  const signal = Float64Array.from({ length: 700 }, (_, n) => Math.sin(n * n) + n);
  for (const [name, most] of [["in_context", 120], ["recurrent", 0]]) {
    const denoiser = await loaded(name);
    assert.equal(denoiser.contract.mostLookaheadSamples, most);
    for (const [options, lookaheadSamples] of [[{}, most], [{ lookaheadSamples: 0 }, 0]]) {
      const stream = denoiser.stream({ lookaheadSamples });
      assert.equal(stream.latencySamples, 150 + lookaheadSamples);
      stream.process(signal.subarray(0, 40));
      stream.reset(); // which keeps the look-ahead
      assert.deepEqual([...stream.process(signal), ...stream.flush()], [...denoiser.denoise(signal, options)]);
    }
    assert.equal(denoiser.stream().latencySamples, 150);
    assert.equal(denoiser.channel(48000).delaySamples, 149);
    assert.throws(() => denoiser.stream({ lookaheadSamples: most + 1 }), {
      name: "RangeError",
      message: `lookaheadSamples=${most + 1} is out of range; ${most ? "use 0 to 120" : "test does not look ahead, use 0"}`,
    });
  }
});

test("streams of one model do not hear each other, and long chunks are cut into blocks", async () => {
  const denoiser = await loaded(basename(folders[0]));
  const signals = [1, 2, 3].map((seed) => Float64Array.from({ length: 20000 }, (_, n) => Math.sin(n * n * seed) + 1e6));
  const streams = signals.map(() => denoiser.stream());
  const parts = signals.map(() => []);
  for (let at = 0; at < 20000; at += 977)
    streams.forEach((stream, n) => parts[n].push(...stream.process(signals[n].subarray(at, at + 977))));
  streams.forEach((stream, n) => {
    parts[n].push(...stream.flush());
    const whole = denoiser.denoise(signals[n], { lookaheadSamples: 0 });
    assert.ok(whole instanceof Float64Array);
    assert.deepEqual(parts[n], [...whole]);
  });
});

test("the memory of a closed stream is used again, and the stream says that it is closed", async () => {
  const denoiser = await loaded(basename(folders[0]));
  const first = denoiser.stream();
  first.process(new Float32Array(100).fill(5));
  first.close();
  const before = memoryBytes(denoiser);
  for (let n = 0; n < 2000; n++) denoiser.stream().close();
  assert.equal(memoryBytes(denoiser), before);
  const second = denoiser.stream();
  assert.deepEqual([...second.process(Float32Array.of(1)), ...second.flush()], [1]);
  assert.throws(() => first.process(Float32Array.of(1)), /the stream is closed; open another/);
});

test("a channel views the memory once, and again after it has grown", async () => {
  const denoiser = await loaded("speech");
  const channel = denoiser.channel(48000);
  const signal = Float32Array.from({ length: 60 * 128 }, (_, n) => Math.sin(n ** 2));
  const blocks = Array.from({ length: 60 }, (_, at) => signal.subarray(128 * at, 128 * (at + 1)));
  const expected = blocks.flatMap((block) => [...channel.process(block).clean]);
  channel.reset();
  const [delayed, clean] = [new Float32Array(128), new Float32Array(128)];
  const found = [];
  const before = memoryBytes(denoiser);
  let views = 0;
  denoiser._view = (Kind, ...place) => (views++, Object.getPrototypeOf(denoiser)._view.call(denoiser, Kind, ...place));
  for (const [at, block] of blocks.entries()) {
    if (at === 30) while (memoryBytes(denoiser) === before) denoiser.channel(48000);
    channel.processInto(block, delayed, clean);
    found.push(...clean);
    assert.equal(views, at < 30 ? 0 : 3);
  }
  assert.deepEqual(found, expected);
});

test("a closed channel says that it is closed", async () => {
  const channel = (await loaded("speech")).channel(48000);
  channel.close();
  assert.throws(() => channel.process(Float32Array.of(1)), /the channel is closed; open another/);
  assert.throws(() => channel.reset(), /the channel is closed; open another/);
});

test("a rate that is too far from the model's is refused, and takes no memory", async () => {
  const denoiser = await loaded("speech");
  denoiser.channel(48000).close();
  const before = memoryBytes(denoiser);
  for (let n = 0; n < 2000; n++)
    for (const rate of [1e7, 3, NaN])
      assert.throws(() => denoiser.channel(rate), /sampleRateHz=.* is too far from the 16000 Hz that the model needs/);
  assert.equal(memoryBytes(denoiser), before);
});

test("infinite samples and other files are refused in words", async () => {
  const stream = (await loaded(basename(folders[0]))).stream();
  assert.throws(() => stream.process(Float32Array.of(0, -Infinity)), /sample 1 of the chunk is -Infinity/);
  await assert.rejects(load(new TextEncoder().encode("no module")), { name: "ModuleError" });
  const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  await assert.rejects(load(empty), (error) => error instanceof ModuleError && /not made by denoise-export/.test(error.message));
});
