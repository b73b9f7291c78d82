/** Connect what the user does on the page to the denoising threads, the microphone and the view. */

import { load as loadModule } from "../../../denoise_export/to_wasm/denoise.js";
import { writeWav } from "../../node/src/wav.js";
import { Client } from "./client.js";
import { isTable, readSignal } from "./files.js";
import { startMicrophone, startModuleMicrophone } from "./microphone.js";
import { DEFAULT_MODELS, MODELS } from "./models.js";
import { Player } from "./player.js";
import { View, milliseconds, percent, removedShare } from "./view.js";

const LONGEST_TAKE_S = 600;

const modules = new Client(); // the thread of the page's own models
let onnx = null; // the thread of dropped ONNX files, made for the first one
let client = modules;
const view = new View();
const { microphone, file, example, model, column, play, download, progress, veil } = view.elements;
const mixSwitch = view.elements.switch;

const dropped = new Map(); // models by file name
let loaded = "";
let chosen = false; // whether the user chose the model; if not, it follows from the kind of signal
let moduleBytes = null; // of the page's own model that is loaded
let contract = null;
let live = null; // the running microphone
let player = null; // of the recording that is shown
let signal = null; // the file that is shown; none while the microphone is
let mix = 1;
let showColumn = () => {};
let busy = Promise.resolve();
let done = 0; // how many things have been done, for tests, which watch it from outside

/** Run actions one at a time, and say in words what fails. */
function doing(work) {
  busy = busy.then(work).catch((error) => view.problem(error.message));
  return busy.then(() => (document.documentElement.dataset.done = ++done));
}

/** Load a model of the page, or one that is or was dropped; what was loaded stays if it is refused. */
async function loadModel(choice, given = dropped.get(choice)) {
  try {
    await stopAll();
    const thread = given ? (onnx ??= new Client("onnx.js")) : modules;
    const bytes = given ?? (await fetched(`${choice}.wasm`));
    const result = await thread.call("load", [bytes, choice]);
    client = thread;
    contract = result.contract;
    moduleBytes = given ? null : bytes;
    loaded = choice;
    if (given) dropped.set(choice, given);
  } catch (error) {
    if (!contract) view.elements.facts.textContent = "No model is loaded.";
    throw error;
  } finally {
    for (const element of [model, microphone, example]) element.disabled = contract === null;
    if (![...model.options].some(({ value }) => value === loaded) && loaded) model.add(new Option(loaded, loaded));
    model.value = loaded;
  }
  view.problem();
  view.facts(contract, MODELS[loaded]?.text);
}

/** Load the model that the user chose, and denoise with it what is shown. */
async function chooseModel(choice, given) {
  await loadModel(choice, given);
  chosen = true;
  if (signal) await denoise(signal);
}

async function fetched(name) {
  const answer = await fetch(name);
  if (!answer.ok)
    throw new Error(`${name} is missing on the server (${answer.status}); build the page again: make web.`);
  return answer.arrayBuffer();
}

/** Denoise a file and show it; what was shown stays if that fails. */
async function denoise(source) {
  await stopAll();
  if (!contract) throw new Error("Choose a model first.");
  view.problem();
  // Modules take sound of any rate; an ONNX file only its own.
  const read = await readSignal(source, chosen && !moduleBytes ? contract.sampleRateHz : null);
  const before = loaded;
  if (!chosen) await loadDefault(isTable(source) ? DEFAULT_MODELS.table : DEFAULT_MODELS.sound);
  if (isTable(source) && contract.sampleRateHz !== null && contract.sampleRateHz !== read.sampleRateHz)
    throw new Error(`${contract.name} is for sound; choose another model for the table ${read.name}.`);
  const status = view.elements.status.textContent;
  view.elements.status.textContent = `Denoising ${read.name} …`;
  progress.hidden = false;
  progress.value = 0;
  client.onProgress = (share) => (progress.value = share);
  try {
    const result = await client.call("denoise", [read.channels, read.sampleRateHz || undefined]);
    signal = source;
    finish(read, result);
  } catch (error) {
    await loadDefault(before);
    view.elements.status.textContent = status;
    throw error;
  } finally {
    progress.hidden = true;
  }
}

async function loadDefault(choice) {
  if (loaded !== choice) await loadModel(choice);
}

function finish(read, { clean, firstMs, computeMs }) {
  const { name, channels, sampleRateHz, audible, labels, note, write } = read;
  const samples = channels[0].length;
  const length = sampleRateHz ? `${(samples / sampleRateHz).toFixed(2)} s at ${sampleRateHz} Hz` : `${samples} samples`;
  const count = labels.length === 1 ? labels[0] : `${labels.length} ${audible ? "channels" : "columns"}`;
  view.clear();
  view.title(name, [length, count, note].filter(Boolean).join(" · "));
  view.number("latency", latencyOf(sampleRateHz), "one window");
  const perSample = computeMs / (samples * channels.length);
  view.number(
    "load",
    sampleRateHz ? percent((perSample * sampleRateHz) / 1000) : `${(1000 * perSample).toFixed(1)} µs a sample`,
  );
  view.elements["extra-name"].textContent = "First sample after";
  view.number("extra", milliseconds(firstMs));
  column.hidden = labels.length === 1;
  column.replaceChildren(...labels.map((label, index) => new Option(label, index)));
  showColumn = (index) => {
    view.show(channels[index], clean[index], sampleRateHz);
    const removed = removedShare(channels[index], clean[index]);
    view.number("removed", removed, "of the variation: the RMS of what was removed");
  };
  showColumn(0);
  offer(write(clean));
  player = audible ? new Player({ noisy: channels, clean, sampleRateHz }, stopped) : null;
  player?.setMix(mix);
  play.disabled = mixSwitch.disabled = !audible;
}

function latencyOf(sampleRateHz) {
  const { window, sampleRateHz: modelHz } = contract;
  const rateHz = modelHz ?? sampleRateHz;
  return rateHz ? milliseconds((1000 * window) / rateHz) : `${window} samples`;
}

/** Let the user download a file. */
function offer(made) {
  URL.revokeObjectURL(download.href);
  if (made) Object.assign(download, { href: URL.createObjectURL(made.blob), download: made.name });
  else download.removeAttribute("href");
  download.setAttribute("aria-disabled", String(!made));
}

async function toggleMicrophone() {
  if (live) return stopAll();
  await stopAll();
  view.problem();
  if (!chosen) await loadDefault(DEFAULT_MODELS.sound);
  const take = { noisy: [], samples: 0 };
  const onReport = ({ behind, missed, blocks }) => {
    if (!live) return;
    const delay = behind / live.sampleRateHz + live.outputLatencyS();
    view.number("latency", milliseconds(1000 * delay), "window, buffers and loudspeaker");
    view.number("extra", String(missed), `of ${blocks} blocks of 128 samples`);
    document.documentElement.dataset.blocks = blocks;
  };
  const onSamples = ({ noisy, clean, busyMs, signalMs }) => {
    if (!live) return;
    view.append(noisy, clean, live.sampleRateHz);
    view.number("load", percent(busyMs / signalMs));
    view.number("removed", removedShare(noisy, clean));
    if (take.samples > LONGEST_TAKE_S * live.sampleRateHz) return;
    take.noisy.push(noisy);
    take.samples += noisy.length;
  };
  const ends = (message) =>
    doing(async () => {
      if (!live) return;
      await stopAll();
      view.problem(message);
    });
  const onEnd = () => ends("The microphone went away. Connect it and start again.");
  if (moduleBytes) live = await startModuleMicrophone(await loadModule(moduleBytes), { onReport, onSamples, onEnd });
  else {
    client.onLive = onSamples;
    client.onFailure = (message) => ends(`The model failed: ${message}`);
    const sampleRateHz = contract.sampleRateHz ?? undefined;
    live = await startMicrophone(client, contract, { sampleRateHz, onReport, onEnd });
  }
  live.take = take;
  signal = player = null;
  column.hidden = true;
  view.clear();
  view.elements["extra-name"].textContent = "Missed blocks";
  view.title("Microphone", `${live.sampleRateHz} Hz · ${live.way}`);
  microphone.dataset.live = "";
  microphone.querySelector("span").textContent = "Stop the microphone";
  live.setMix(mix);
  play.disabled = true;
  mixSwitch.disabled = false;
  offer(null);
}

/** Stop playback; a take of the microphone becomes the recording that is shown. */
async function stopAll() {
  player?.stop();
  if (!live) return;
  const ended = live;
  live = null;
  mixSwitch.disabled = true;
  delete microphone.dataset.live;
  microphone.querySelector("span").textContent = "Microphone";
  view.elements.status.textContent = "Stopped.";
  await ended.stop();
  if (!ended.take.samples) return;
  await denoise(new File([asWav(ended)], "microphone.wav"));
}

function asWav({ take, sampleRateHz }) {
  const samples = new Float32Array(take.samples);
  let at = 0;
  for (const part of take.noisy) {
    samples.set(part, at);
    at += part.length;
  }
  return writeWav({ sampleRateHz, channels: [samples], bits: 32, float: true });
}

async function denoiseExample() {
  await denoise(new File([await fetched("example.wav")], "example.wav", { type: "audio/wav" }));
}

function stopped() {
  play.textContent = "Play";
  view.playhead(0);
}

async function togglePlay() {
  if (player.playing) return player.stop();
  await player.play();
  play.textContent = "Stop";
  const follow = () => {
    if (!player?.playing) return;
    view.playhead(player.position);
    requestAnimationFrame(follow);
  };
  follow();
}

/** Take a file: a model is loaded, everything else denoised. */
async function take(given) {
  if (!given) return;
  if (given.name.toLowerCase().endsWith(".onnx")) {
    await chooseModel(given.name, await given.arrayBuffer());
  } else await denoise(given);
}

microphone.addEventListener("click", () => doing(toggleMicrophone));
play.addEventListener("click", () => doing(togglePlay));
file.addEventListener("change", () => doing(() => take(file.files[0]).finally(() => (file.value = ""))));
model.addEventListener("change", () => doing(() => chooseModel(model.value)));
column.addEventListener("change", () => showColumn(Number(column.value)));
example.addEventListener("click", () => doing(denoiseExample));
mixSwitch.addEventListener("change", ({ target }) => {
  mix = Number(target.value);
  live?.setMix(mix);
  player?.setMix(mix);
});

let inside = 0;
addEventListener("dragenter", () => (veil.hidden = ++inside === 0));
addEventListener("dragleave", () => (veil.hidden = --inside === 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  veil.hidden = true;
  const [given] = event.dataTransfer.files;
  doing(() => take(given));
});

for (const [name, { title }] of Object.entries(MODELS)) model.add(new Option(title, name));

doing(async () => {
  await loadModel(DEFAULT_MODELS.sound);
  await denoiseExample();
  const bytes = performance.getEntriesByType("resource").reduce((sum, { transferSize }) => sum + transferSize, 0);
  const [page] = performance.getEntriesByType("navigation");
  const weight = ((bytes + (page?.transferSize ?? 0)) / 1e6).toFixed(2);
  view.elements.start.textContent = `Ready ${milliseconds(performance.now())} after opening, ${weight} MB loaded.`;
  document.documentElement.dataset.ready = "";
});
