/**
 * The page in real Chromium. tests/export/embed/test_embed_browser.py prepares FIXTURES and looks at what is left in OUTPUT; it
 * serves the page at ISOLATED_URL with, and at PLAIN_URL without, the headers that shared memory needs.
 */

import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { drop, launch, offered, open } from "./browser.js";

const { FIXTURES, OUTPUT, VECTORS, ISOLATED_URL, PLAIN_URL } = process.env;
const fixture = (name) => readFileSync(join(FIXTURES, name));
const keep = (name, bytes) => writeFileSync(join(OUTPUT, name), bytes);
const HEARD_SAMPLES = 2.5 * 16000;

let browser;
before(async () => (browser = await launch(join(FIXTURES, "noisy.wav"))));
after(() => browser.close());

test("the thread of dropped models reproduces the test vectors", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  for (const kind of readdirSync(VECTORS)) {
    const folder = join(VECTORS, kind);
    const { cases, chunk_sizes: sizes } = JSON.parse(readFileSync(join(folder, "vectors.json"), "utf8"));
    const signals = cases.map((one) => ({
      ...one,
      ...Object.fromEntries(["noisy", "expected"].map((key) => [key, floats(join(folder, one[key]))])),
    }));
    const model = readFileSync(join(folder, "model.onnx")).toString("base64");
    const worst = await page.evaluate(inWorker, { signals, sizes, model });
    assert.ok(worst <= 1e-5, `${kind} is off by ${worst}`);
  }
  await close();
});

test("the page opens with a denoised example of speech, in less than 1.5 MB", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  const [, megabytes] = (await page.textContent("#start")).match(/, ([0-9.]+) MB loaded/);
  assert.ok(megabytes > 0.9 && megabytes < 1.5, `${megabytes} MB`);
  assert.equal(await page.textContent("#result-title"), "example.wav");
  const fetched = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  assert.ok(fetched.some((name) => name.endsWith("/speech.wasm")));
  assert.ok(!fetched.some((name) => /onnx|runtime/.test(name))); // which only a dropped model needs
  keep("example.wav", await offered(page));
  keep("example.txt", await page.textContent("#removed"));
  await page.click("#play");
  await page.waitForFunction(() => self.played.some((block) => block.some(Boolean)));
  await close();
});

test("the microphone is denoised on the audio thread, at the rate of the device", async () => {
  const { page, close } = await open(browser, PLAIN_URL);
  await page.click("#microphone");
  await page.waitForFunction(() => /^(44100|48000) Hz · on the audio/.test(document.querySelector("#status").textContent));
  await page.waitForFunction(() => self.played.some((block) => block.some(Boolean)), null, { timeout: 60000 });
  await page.waitForFunction(() => document.querySelector("#latency").textContent !== "–");
  assert.match(await page.textContent("#latency"), / m?s$/);
  assert.match(await page.textContent("#load"), /%$/);
  await page.click("#microphone");
  await page.waitForSelector("#download[href]", { timeout: 60000 });
  assert.equal(await page.textContent("#result-title"), "microphone.wav");
  assert.match(await page.textContent("#status"), /(44100|48000) Hz/);
  await close();
});

test("a dropped WAV file is denoised and offered for download, and can be played", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  await drop(page, "recording.wav", fixture("short.wav"));
  keep("short.wav", await offered(page));
  assert.equal(await page.getAttribute("#download", "download"), "recording.denoised.wav");
  assert.match(await page.textContent("#latency"), /^9\.4 ms$/);
  await drop(page, "long.wav", fixture("noisy.wav"));
  await page.click("#play");
  await page.waitForFunction(() => self.played.some((block) => block.some(Boolean)));
  await page.waitForFunction(() => document.querySelector("#play").textContent === "Play"); // it has come to its end
  await close();
});

test("a dropped table is denoised column by column, and every other cell stays", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  await drop(page, "sensor.csv", fixture("sensor.csv"));
  keep("sensor.csv", await offered(page));
  assert.match(await page.textContent("#status"), /2 columns/);
  assert.deepEqual(await page.$$eval("#column option", (all) => all.map((one) => one.text)), ["left", "right"]);
  const first = await page.textContent("#removed");
  await page.selectOption("#column", { label: "right" });
  assert.notEqual(await page.textContent("#removed"), first);
  keep("removed.txt", first);
  await close();
});

test("a dropped model, stateful too, takes over; the file that is shown is denoised anew", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  await drop(page, "short.wav", fixture("short.wav"));
  await drop(page, "memory.onnx", fixture("memory.onnx"));
  assert.match(await page.textContent("#facts"), /state of 2 numbers/);
  keep("memory.wav", await offered(page));
  await drop(page, "context.onnx", fixture("context.onnx"));
  assert.match(await page.textContent("#facts"), /in files 120 samples ahead/);
  keep("context.wav", await offered(page));
  await page.selectOption("#model", "general");
  await page.waitForFunction(() => document.querySelector("#facts").textContent.startsWith("For ECG"));
  await close();
});

test("a model of one rate gets recordings at that rate, and the page says so", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  await drop(page, "slow.onnx", fixture("slow.onnx"));
  assert.match(await page.textContent("#facts"), /8000 Hz only/);
  await drop(page, "short.wav", fixture("short.wav"));
  assert.match(await page.textContent("#status"), /resampled from 16000 to 8000 Hz, the model's only rate/);
  await page.click("#microphone");
  await page.waitForFunction(() => document.querySelector("#status").textContent.startsWith("8000 Hz"));
  await close();
});

test("wrong files are refused in words, and the page goes on", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  for (const [name, bytes, words] of [
    ["a.onnx", "no model", /a\.onnx is not an ONNX model that onnxruntime can run/],
    ["b.onnx", fixture("broken.onnx"), /b\.onnx: metadata hop='400'; needed: a whole number from 1 to 150/],
    ["c.wav", "no sound", /c\.wav is no recording, table or model that can be read here/],
    ["d.csv", "time\n1\n2\n", /d\.csv cannot be read: the table has no column of numbers besides time/],
  ]) {
    await drop(page, name, Buffer.from(bytes));
    assert.match(await page.textContent("#problem"), words);
  }
  await drop(page, "short.wav", fixture("short.wav"));
  assert.ok(await page.isHidden("#problem"));
  const shown = () => page.$$eval("#result-title, #status, #download, #play", (all) => all.map((one) => one.outerHTML));
  const before = await shown();
  for (const [name, bytes, words] of [
    ["a.onnx", "no model", /a\.onnx is not an ONNX model/],
    ["c.wav", "no sound", /c\.wav is no recording/],
    ["d.csv", "v\n1\n2\nInfinity\n", /every sample must be a finite number/],
  ]) {
    await drop(page, name, Buffer.from(bytes));
    assert.match(await page.textContent("#problem"), words);
    assert.deepEqual(await shown(), before); // what was there stays, ready to be played and downloaded
  }
  await page.click("#play");
  await page.waitForFunction(() => self.played.some((block) => block.some(Boolean)));
  assert.match(await page.textContent("#facts"), /^For people talking/); // the model stays as well
  await close();
});

for (const [url, link] of [
  [ISOLATED_URL, "shared memory"],
  [PLAIN_URL, "messages"],
])
  test(`a dropped model denoises the microphone through ${link}`, async () => {
    const { page, close } = await open(browser, url);
    await drop(page, "small16.onnx", fixture("small16.onnx"));
    await page.click("#microphone");
    await page.waitForFunction((link) => document.querySelector("#status").textContent.includes(link), link);
    await page.waitForFunction(() => self.played.some((block) => block.some(Boolean)), null, { timeout: 20000 });
    await listen(page);
    keep(`denoised-${link.split(" ")[0]}.f32`, await played(page));
    if (link === "shared memory") {
      await page.check('input[name="mix"][value="0"]');
      await page.waitForTimeout(300);
      await page.evaluate(() => (self.played.length = 0));
      await listen(page);
      keep("original.f32", await played(page));
      assert.match(await page.textContent("#latency"), / m?s$/);
      assert.match(await page.textContent("#load"), /%$/);
    }
    await page.click("#microphone");
    await page.waitForSelector("#download[href]", { timeout: 60000 });
    assert.equal(await page.textContent("#result-title"), "microphone.wav");
    await close();
  });

test("no microphone and a refused one are told in words", async () => {
  const silent = await launch();
  for (const [permissions, words] of [
    [["microphone"], /No microphone was found/],
    [[], /The microphone is blocked|No microphone was found/],
  ]) {
    const { page, close } = await open(silent, ISOLATED_URL, { permissions });
    await page.click("#microphone");
    await page.waitForSelector("#problem:not([hidden])");
    assert.match(await page.textContent("#problem"), words);
    await close();
  }
  const { page } = await open(silent, ISOLATED_URL);
  await page.evaluate(
    () => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"))),
  );
  await page.click("#microphone");
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await page.textContent("#problem"), /The microphone is blocked. Allow it for this page/);
  await silent.close();
});

test("the page works by keyboard", async () => {
  const { page, close } = await open(browser, ISOLATED_URL);
  const reached = [];
  for (let n = 0; n < 5; n++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.id));
  }
  assert.deepEqual(reached.slice(0, 4), ["microphone", "file", "example", "model"]);
  await page.focus("#example");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#download[href]");
  await page.focus('input[name="mix"]:checked');
  await page.keyboard.press("ArrowLeft");
  assert.ok(await page.isChecked('input[name="mix"][value="0"]'));
  await close();
});

for (const colorScheme of ["light", "dark"])
  for (const [width, height] of [
    [1200, 880],
    [390, 844],
  ])
    test(`the page fits ${width} pixels in ${colorScheme} colours`, async () => {
      const { page, close } = await open(browser, ISOLATED_URL, { colorScheme, viewport: { width, height } });
      await page.click("#example");
      await page.waitForSelector("#download[href]");
      await page.waitForTimeout(200);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
      keep(`${colorScheme}-${width}.png`, await page.screenshot({ fullPage: true }));
      await close();
    });

/** Runs in the page: return the largest error of a model over its test vectors, relative to full scale. */
async function inWorker({ signals, sizes, model }) {
  const worker = new Worker("onnx.js", { type: "module" });
  const call = (name, values) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
      worker.postMessage({ id: 1, call: name, values });
    });
  await call("load", [Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0)).buffer, "model.onnx"]);
  let worst = 0;
  for (const { noisy, expected, full_scale, samples_before_flush, lookahead_samples, name } of signals)
    for (const size of sizes) {
      const { clean, before } = await call("chunks", [Float32Array.from(noisy), size, lookahead_samples ?? 0]);
      if (before !== samples_before_flush || clean.length !== expected.length) throw new Error(`${name}: wrong length`);
      clean.forEach((sample, n) => (worst = Math.max(worst, Math.abs(sample - expected[n]) / full_scale)));
    }
  worker.terminate();
  return worst;
}

/** Wait until enough has been played, however often a busy machine interrupts it. */
async function listen(page) {
  const heard = (needed) => self.played.reduce((sum, block) => sum + block.filter(Boolean).length, 0) >= needed;
  await page.waitForFunction(heard, HEARD_SAMPLES, { timeout: 90000, polling: 250 });
}

async function played(page) {
  const samples = await page.evaluate(() => self.played.flatMap((block) => [...block]));
  return Buffer.from(Float32Array.from(samples).buffer);
}

function floats(path) {
  const bytes = readFileSync(path);
  return [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
}
