/** The parts that need no model. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DenoiseStream, readContract, readMetadata, readWav, writeWav } from "../onnx.js";
import { bridged, reflected } from "../src/stream.js";

const CONTRACT = {
  ...{ name: "same", window: 6, hop: 3, normalization: "minmax", sampleRateHz: null, stateSize: 0 },
  ...{ contextPast: [], contextAhead: [], mostLookaheadSamples: 0 },
};
const identity = async (noisy, rows, state) => ({ clean: noisy, state });

test("a network that changes nothing gives the signal back, missing values too", async () => {
  const signal = Float64Array.from({ length: 40 }, (_, n) => (n % 7 === 2 || n > 37 ? NaN : Math.sin(n) + 5));
  for (const hop of [1, 2, 3, 5, 6])
    for (const chunk of [1, 4, 40]) {
      const stream = new DenoiseStream(CONTRACT, identity, hop);
      const clean = [];
      for (let at = 0; at < 40; at += chunk) clean.push(...(await stream.process(signal.subarray(at, at + chunk))));
      clean.push(...(await stream.flush()));
      assert.equal(clean.length, 40);
      clean.forEach((sample, n) => {
        if (Number.isNaN(signal[n])) assert.ok(Number.isNaN(sample));
        else assert.ok(Math.abs(sample - signal[n]) < 1e-6);
      });
      assert.equal((await stream.flush()).length, 0);
    }
});

test("calls that overlap are worked off in order", async () => {
  const stream = new DenoiseStream(CONTRACT, identity);
  const parts = await Promise.all([
    stream.process(Float32Array.of(1, 2, 3, 4)),
    stream.process(Float32Array.of(5, 6, 7)),
    stream.flush(),
  ]);
  assert.deepEqual(
    parts.flatMap((part) => [...part].map(Math.round)),
    [1, 2, 3, 4, 5, 6, 7],
  );
});

test("a buffer may be used again as soon as a chunk is handed over", async () => {
  const stream = new DenoiseStream(CONTRACT, identity);
  const buffer = new Float32Array(6);
  const parts = [];
  for (const level of [1, 2]) parts.push(stream.process(buffer.fill(level)));
  parts.push(stream.flush());
  assert.deepEqual(
    (await Promise.all(parts)).flatMap((part) => [...part].map(Math.round)),
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2],
  );
});

test("a failing network fails its call and not the next stream", async () => {
  const stream = new DenoiseStream(CONTRACT, () => Promise.reject(new Error("no")));
  await assert.rejects(stream.process(new Float32Array(6)), /no/);
  await stream.reset();
  assert.equal((await stream.process(new Float32Array(2))).length, 0);
});

test("wrong hops and infinite samples are refused with what was found", async () => {
  assert.throws(() => new DenoiseStream(CONTRACT, identity, 7), /hop=7 is out of range; use 1 to 6/);
  const stateful = { ...CONTRACT, stateSize: 2 };
  assert.throws(() => new DenoiseStream(stateful, identity, CONTRACT.hop - 1), /does not go with the network's memory/);
  await assert.rejects(
    new DenoiseStream(CONTRACT, identity).process(Float32Array.of(0, Infinity)),
    /sample 1 of the chunk is Infinity/,
  );
});

test("reflection goes back and forth as numpy's does", () => {
  assert.deepEqual([...reflected(Float64Array.of(1, 2, 3), 8)], [1, 2, 3, 2, 1, 2, 3, 2]);
  assert.deepEqual([...reflected(Float64Array.of(4), 3)], [4, 4, 4]);
});

test("gaps are bridged by lines, held at the ends", () => {
  assert.deepEqual([...bridged(Float64Array.of(NaN, 1, NaN, NaN, 4, NaN))], [1, 1, 2, 3, 4, 4]);
  assert.deepEqual([...bridged(Float64Array.of(NaN, NaN))], [0, 0]);
});

test("a contract that is broken is refused by key, value found and value needed", () => {
  const good = {
    contract_version: "1",
    name: "m",
    window: "150",
    hop: "75",
    normalization: "none",
    sample_rate_hz: "16000",
  };
  assert.deepEqual(readContract(good, "m.onnx").sampleRateHz, 16000);
  for (const [key, value, needed] of [
    ["contract_version", "3", "'1' or '2'"],
    ["window", "1.5", "a whole number from 2 to 65536"],
    ["hop", "151", "a whole number from 1 to 150"],
    ["normalization", "l2", "'minmax' or 'none'"],
    ["sample_rate_hz", "fast", "a rate in Hz or 'any'"],
    ["kind", "image", "'signal'"],
  ])
    assert.throws(() => readContract({ ...good, [key]: value }, "m.onnx"), {
      name: "ContractError",
      message: `m.onnx: metadata ${key}='${value}'; needed: ${needed}`,
    });
  assert.throws(() => readContract({ ...good, hop: undefined }, "m.onnx"), /metadata key 'hop' is missing/);
});

test("a context is read from its scales, and refused where a model could not have one", () => {
  const good = { contract_version: "2", name: "m", window: "150", hop: "75", normalization: "minmax", sample_rate_hz: "any" };
  const contract = readContract({ ...good, context_past: "5x30,25x30", context_ahead: "40x3" }, "m.onnx");
  assert.deepEqual(contract.contextPast, [{ size: 5, count: 30 }, { size: 25, count: 30 }]);
  assert.equal(contract.mostLookaheadSamples, 120);
  assert.equal(readContract({ ...good, contract_version: "1", context_past: "5x30" }, "m.onnx").contextPast.length, 0);
  for (const wrong of [{}, { context_past: "5x30", normalization: "none" }, { context_past: "5x30", state_size: "3" }])
    assert.throws(() => readContract({ ...good, ...wrong }, "m.onnx"), /m.onnx: metadata contract_version='2'; needed with it/);
  assert.throws(() => readContract({ ...good, context_past: "5x" }, "m.onnx"), {
    message: "m.onnx: metadata context_past='5x'; needed: SIZExCOUNT of blocks with commas, such as '5x30,25x30'",
  });
});

test("what is no protobuf is refused", () => {
  assert.throws(
    () => readMetadata(new TextEncoder().encode("PK not a model at all")),
    /no ONNX file|middle of a number/,
  );
  assert.deepEqual(readMetadata(new Uint8Array()), {});
});

test("WAV files of every kind come back as they were", () => {
  const samples = Float32Array.of(0, 0.5, -1, 0.25, -0.75);
  for (const [bits, float] of [
    [8, false],
    [16, false],
    [24, false],
    [32, false],
    [32, true],
    [64, true],
  ]) {
    const made = readWav(
      writeWav({ sampleRateHz: 8000, channels: [samples, samples.map((x) => -x / 2)], bits, float }),
    );
    assert.deepEqual([made.sampleRateHz, made.bits, made.float, made.channels.length], [8000, bits, float, 2]);
    assert.deepEqual([...made.channels[0]], [...samples]);
  }
  const exact = Float64Array.of(101325.02, 101325.023);
  const bytes = writeWav({ sampleRateHz: 8000, channels: [exact], bits: 64, float: true });
  assert.deepEqual(readWav(bytes).channels[0], exact);
  assert.throws(() => readWav(bytes.subarray(0, 22)), /format is cut short/);
  assert.throws(() => readWav(new Uint8Array(50)), /this is no WAV file/);
});
