/** Connect what the user does on the page to the worker, the microphone and the view. */

import { writeWav } from "../../node/src/wav.js";
import { Client } from "./client.js";
import { readSignal } from "./files.js";
import { startMicrophone } from "./microphone.js";
import { Player } from "./player.js";
import { View, milliseconds, percent, removedDb } from "./view.js";

const LONGEST_TAKE_S = 600;

const client = new Client();
const view = new View();
const { microphone, rate, file, example, model, play, download, progress, veil } = view.elements;
const mixSwitch = view.elements.switch;

const dropped = new Map(); // models by file name
let loaded = "";
let runtimeBytes = 0; // what the worker fetched
let contract = null;
let live = null; // the running microphone
let player = null; // of the recording that is shown
let signal = null; // the file that is shown; none while the microphone is
let mix = 1;
let busy = Promise.resolve();
let done = 0; // how many things have been done, for tests, which watch it from outside

/** Run actions one at a time, and say in words what fails. */
function doing(work) {
  busy = busy.then(work).catch((error) => view.problem(error.message));
  return busy.then(() => (document.documentElement.dataset.done = ++done));
}

/** Load a model of the server, or one that is or was dropped; what was loaded stays if it is refused. */
async function loadModel(choice, given = dropped.get(choice)) {
  try {
    await stopAll();
    const bytes = given ?? (await fetched(`${choice}.onnx`));
    const result = await client.call("load", [bytes, given ? choice : `${choice}.onnx`]);
    contract = result.contract;
    runtimeBytes = result.loaded;
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
  view.facts(contract);
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
  const read = await readSignal(source, contract.sampleRateHz);
  const status = view.elements.status.textContent;
  view.elements.status.textContent = `Denoising ${read.name} …`;
  progress.hidden = false;
  progress.value = 0;
  client.onProgress = (share) => (progress.value = share);
  try {
    const result = await client.call("denoise", [read.channels]);
    signal = source;
    finish(read, result);
  } catch (error) {
    view.elements.status.textContent = status;
    throw error;
  } finally {
    progress.hidden = true;
  }
}

function finish({ name, channels, sampleRateHz, audible, labels, note, write }, { clean, firstMs, computeMs }) {
  view.clear();
  view.show(channels[0], clean[0]);
  const samples = channels[0].length;
  const length = sampleRateHz ? `${(samples / sampleRateHz).toFixed(2)} s` : `${samples} samples`;
  const parts = [length, `${labels.length === 1 ? labels[0] : `${labels.length} channels, ${labels[0]} shown`}`, note];
  view.title(name, parts.filter(Boolean).join(" · "));
  const window = contract.window;
  view.number(
    "latency",
    sampleRateHz ? milliseconds((1000 * window) / sampleRateHz) : `${window} samples`,
    "one window",
  );
  const perSample = computeMs / (samples * channels.length);
  view.number(
    "load",
    sampleRateHz ? percent((perSample * sampleRateHz) / 1000) : `${(1000 * perSample).toFixed(1)} µs a sample`,
  );
  view.number("removed", removedDb(channels[0], clean[0]));
  view.elements["extra-name"].textContent = "First sample after";
  view.number("extra", milliseconds(firstMs));
  offer(write(clean));
  player = audible ? new Player({ noisy: channels, clean, sampleRateHz }, stopped) : null;
  player?.setMix(mix);
  play.disabled = mixSwitch.disabled = !audible;
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
  const take = { noisy: [], samples: 0 };
  const onReport = ({ behind, missed, blocks }) => {
    if (!live) return;
    const delay = behind / live.sampleRateHz + live.outputLatencyS();
    view.number("latency", milliseconds(1000 * delay), "window, buffers and loudspeaker");
    view.number("extra", String(missed), `of ${blocks} blocks of 128 samples`);
    document.documentElement.dataset.blocks = blocks;
  };
  client.onLive = ({ noisy, clean, busyMs, signalMs }) => {
    if (!live) return;
    view.append(noisy, clean, live.sampleRateHz);
    view.number("load", percent(busyMs / signalMs));
    view.number("removed", removedDb(noisy, clean));
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
  client.onFailure = (message) => ends(`The model failed: ${message}`);
  const sampleRateHz = contract.sampleRateHz ?? (Number(rate.value) || undefined);
  live = await startMicrophone(client, contract, { sampleRateHz, onReport, onEnd });
  live.take = take;
  signal = player = null;
  view.clear();
  view.elements["extra-name"].textContent = "Missed blocks";
  view.title("Microphone", `${live.sampleRateHz} Hz · ${live.shared ? "shared memory" : "messages"}`);
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
async function take(chosen) {
  if (!chosen) return;
  if (chosen.name.toLowerCase().endsWith(".onnx")) {
    await loadModel(chosen.name, await chosen.arrayBuffer());
  } else await denoise(chosen);
}

microphone.addEventListener("click", () => doing(toggleMicrophone));
play.addEventListener("click", () => doing(togglePlay));
file.addEventListener("change", () => doing(() => take(file.files[0]).finally(() => (file.value = ""))));
model.addEventListener("change", () => doing(() => loadModel(model.value)));
example.addEventListener("click", () =>
  doing(async () => denoise(new File([await fetched("example.wav")], "example.wav", { type: "audio/wav" }))),
);
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
  const [chosen] = event.dataTransfer.files;
  doing(() => take(chosen));
});

doing(async () => {
  await loadModel("general");
  const bytes = performance.getEntriesByType("resource").reduce((sum, { transferSize }) => sum + transferSize, 0);
  const [page] = performance.getEntriesByType("navigation");
  const weight = ((bytes + runtimeBytes + (page?.transferSize ?? 0)) / 1e6).toFixed(1);
  view.elements.start.textContent = `Ready ${milliseconds(performance.now())} after opening, ${weight} MB loaded.`;
  document.documentElement.dataset.ready = "";
});
