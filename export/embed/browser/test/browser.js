/** Chromium for the tests: pages that note every request and every error, and a microphone that plays a file. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const FLAGS = [
  ..."--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync".split(" "),
  ..."--disable-background-networking --disable-component-update".split(" "),
  "--disable-audio-output", // whatever sound server this machine has
];

/** Start Chromium; `wav` is what its microphone hears, and without it there is none. */
export async function launch(wav) {
  const device = wav
    ? [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        `--use-file-for-fake-audio-capture=${wav}`,
      ]
    : [];
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, headless: true, args: [...FLAGS, ...device] });
}

/** Open the page, ready to use; `close()` fails if anything left its origin or was logged as an error. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  const requests = [];
  const errors = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.addInitScript(recordPlayed);
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { timeout: 60000 });
  return {
    page,
    async close() {
      await context.close();
      assert.deepEqual(errors, []);
      assert.ok(requests.length > 4);
      for (const request of requests) assert.ok(request.replace(/^blob:/, "").startsWith(url), request);
    },
  };
}

/** Runs in the page: note all samples that reach the loudspeaker, in `played`. */
function recordPlayed() {
  self.played = [];
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const tap = this.context.createScriptProcessor(4096, 1, 1);
      tap.onaudioprocess = ({ inputBuffer }) => self.played.push(inputBuffer.getChannelData(0).slice());
      connect.call(this, tap);
      connect.call(tap, target);
    }
    return connect.call(this, target, ...rest);
  };
}

/** Drop a file on the page and wait until it has been dealt with. */
export async function drop(page, name, bytes) {
  const before = await page.getAttribute("html", "data-done");
  await page.evaluate(
    ([name, text]) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], name));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    [name, bytes.toString("base64")],
  );
  await page.waitForFunction((before) => document.documentElement.dataset.done !== before, before, { timeout: 60000 });
}

/** Return the bytes that the page offers for download. */
export async function offered(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  return readFileSync(await download.path());
}
