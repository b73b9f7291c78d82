/** The parts that need no browser: the audio thread with a worker that changes nothing, tables, calls. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ring, ringMemory } from "../src/ring.js";
import { readCsv } from "../src/csv.js";

const BLOCK = 128;
const BLOCKS = 700;

let Transport;
globalThis.AudioWorkletProcessor = class {
  port = { postMessage: (report) => (this.reported = report) };
};
globalThis.registerProcessor = (_, kind) => (Transport = kind);
await import("../src/worklet.js");

/** Return what is played while samples 0, 1, 2 ... go in; the worker returns a sample after one window. */
function played(window, hop, linked) {
  const memory = { input: ringMemory(true, { window, hop }), output: ringMemory(true, { window, hop }) };
  const transport = new Transport({ processorOptions: { memory: linked ? undefined : memory, window, hop } });
  const [input, output] = [memory.input, memory.output].map((one) => new Ring(one));
  const link = { postMessage: (block) => (heard += block.length) };
  if (linked) transport.port.onmessage({ data: { link } });
  let [heard, given, dropped, number] = [0, 0, 0, 0];
  const blocks = [];
  for (let count = 0; count < BLOCKS; count++) {
    const block = Float32Array.from({ length: BLOCK }, () => number++);
    const target = new Float32Array(BLOCK);
    transport._mix = transport._target = count % 2; // the original and the denoised, one block each
    transport.process([[block]], [[target]]);
    blocks.push(target);
    if (!linked) heard += input.pull(new Float32Array(BLOCK));
    const finished = Math.max(0, Math.floor((heard - window) / hop) + 1) * hop;
    const clean = Float32Array.from({ length: finished - given }, (_, n) => given + n);
    given = finished;
    if (linked) link.onmessage({ data: clean });
    else dropped += output.push(clean);
  }
  return { blocks, dropped, reported: transport.reported };
}

for (const rate of [16000, 44100, 48000, 96000])
  for (const [window, hop] of [
    [150, 75],
    [6000, 3000],
  ])
    for (const linked of [false, true])
      test(`nothing is lost at ${rate} Hz, window ${window}, ${linked ? "messages" : "shared memory"}`, () => {
        globalThis.sampleRate = rate;
        const { blocks, dropped, reported } = played(window, hop, linked);
        assert.deepEqual([dropped, reported.missed], [0, 0]);
        const begin = blocks.findIndex((block) => block.some(Boolean));
        assert.ok(Math.abs(begin - rate / 2 / BLOCK) <= 1 + (2 * (window + hop)) / BLOCK);
        const [first] = blocks[begin];
        assert.equal((begin + 1) * BLOCK - first, reported.behind); // the latency that is shown is the one there is
        assert.ok(reported.behind <= window + hop + 4 * BLOCK);
        const heard = blocks.slice(begin).flatMap((block) => [...block]);
        assert.ok(heard.every((sample, n) => Math.abs(sample - first - n) < 0.1));
      });

test("a worker that cannot be loaded fails every call, also those that come later", async () => {
  globalThis.document = { baseURI: "http://localhost/" };
  let worker;
  globalThis.Worker = class {
    constructor() {
      worker = this;
    }
    postMessage() {}
  };
  const { Client } = await import("../src/client.js");
  const client = new Client();
  const early = assert.rejects(client.call("load", []), /could not be loaded/);
  worker.onerror({ message: "worker.js could not be loaded" });
  await early;
  await assert.rejects(client.call("load", []), /could not be loaded/);
});

test("quoted cells of a table are one cell and stay as they are", () => {
  for (const [text, name] of [
    ['time,"a; b"\n0,1\n1,2\n2,3\n', "a; b"],
    ['t,remark,"say ""v"""\n0,"x, y",1.5\n1,z,2.5\n', 'say "v"'],
  ]) {
    const { columns, write, names } = readCsv(text);
    assert.deepEqual(names, [name]);
    assert.equal(write(columns), text);
  }
  const { columns, write } = readCsv('t,v\n0,"1.5"\n1,"2.5"\n');
  assert.deepEqual([...columns[0]], [1.5, 2.5]);
  assert.equal(write(columns), "t,v\n0,1.5\n1,2.5\n");
});
