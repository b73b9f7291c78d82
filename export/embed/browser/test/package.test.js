/**
 * The npm package in real Chromium. tests/export/embed/test_embed_package.py installs it in a folder and serves that at URL.
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./browser.js";

const { FIXTURES, OUTPUT, URL: url } = process.env;

let browser;
before(async () => (browser = await launch(join(FIXTURES, "noisy.wav"))));
after(() => browser.close());

test("a node of Web Audio gives the engine's samples on the audio thread, at any rate", async () => {
  const page = await browser.newPage();
  await page.goto(url);
  for (const rate of [48000, 44100, 16000]) {
    const noisy = [...floats(join(FIXTURES, `${rate}.f32`))];
    const clean = await page.evaluate(denoised, { noisy, rate });
    writeFileSync(join(OUTPUT, `${rate}.f32`), new Uint8Array(Float32Array.from(clean.flat()).buffer));
  }
  await page.close();
});

test("the example of the README denoises the microphone", async () => {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`${url}example.html`);
  await page.waitForFunction(() => self.peak); // the end of the example
  // Chromium frees sources of a suspended context that nothing refers to: what the example forgets is silent after this.
  await (await page.context().newCDPSession(page)).send("HeapProfiler.collectGarbage");
  await page.click("button");
  await page.waitForFunction(() => self.peak?.() > 0.01);
  assert.deepEqual(errors, []);
  await page.close();
});

/** Runs in the page: render two channels through a node, the second one backwards, and cut its delay off. */
async function denoised({ noisy, rate }) {
  const { DenoiseNode } = await import("denoise-stream");
  const model = new URL("node_modules/denoise-stream/wasm/speech.wasm", document.baseURI);
  const context = new OfflineAudioContext(2, noisy.length + 2000, rate);
  const reports = [];
  const node = await DenoiseNode.create(context, model, { channels: 2, onReport: (report) => reports.push(report) });
  const buffer = context.createBuffer(2, noisy.length, rate);
  buffer.copyToChannel(Float32Array.from(noisy), 0);
  buffer.copyToChannel(Float32Array.from(noisy.toReversed()), 1);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(node).connect(context.destination);
  source.start();
  const rendered = await context.startRendering();
  await new Promise((wake) => setTimeout(wake, 100));
  const [{ noisy: before, clean: after }] = reports;
  const first = rendered.getChannelData(0).subarray(0, after.length);
  if (after.length !== 2048 || first.some((sample, n) => sample !== after[n])) throw new Error("the report differs");
  if (before.some((sample, n) => n >= node.delaySamples && sample !== Math.fround(noisy[n - node.delaySamples])))
    throw new Error("the original is not what came in");
  return [0, 1].map((n) => [...rendered.getChannelData(n).subarray(node.delaySamples, node.delaySamples + noisy.length)]);
}

function floats(path) {
  return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
}
