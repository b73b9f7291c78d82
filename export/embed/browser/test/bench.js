/** Measure the page: bytes and time until it is ready and until the first denoised sample, then the microphone. */

import { readFileSync } from "node:fs";
import { drop, launch, open } from "./browser.js";

const { URL: url, WAV, SECONDS } = process.env;
const browser = await launch(WAV);
const text = async (page, id) => (await page.textContent(`#${id}`)).trim();

const { page } = await open(browser, url);
console.log(await text(page, "start"));
await drop(page, "speech.wav", readFileSync(WAV));
console.log(`first denoised sample ${await text(page, "extra")} after a file's samples are there`);
console.log(`compute load ${await text(page, "load")}`);
await page.close();

{
  const { page } = await open(browser, url);
  await page.click("#microphone");
  await page.waitForTimeout(1000 * Number(SECONDS));
  const [missed, blocks, latency, load] = [
    await text(page, "extra"),
    await page.getAttribute("#extra", "title"),
    await text(page, "latency"),
    await text(page, "load"),
  ];
  console.log(`${await text(page, "status")}: ${missed} missed ${blocks} in ${SECONDS} s`);
  console.log(`  latency ${latency}, compute load ${load}`);
  await page.close();
}
await browser.close();
