/** The live graph: microphone -> audio thread -> loudspeaker; for dropped ONNX files with a worker beside it. */

import { DenoiseNode } from "../../../denoise_export/to_wasm/audio.js";
import { ringMemory } from "./ring.js";

/** What the browser's own words for a refused microphone mean. */
const REASONS = {
  NotAllowedError: "The microphone is blocked. Allow it for this page (the icon beside the address), then try again.",
  NotFoundError: "No microphone was found. Connect one, or drop a recording on the page instead.",
  NotReadableError: "The microphone is busy or does not answer. Close other programs that use it, then try again.",
  OverconstrainedError: "No microphone was found that fits. Connect another, or drop a recording on the page instead.",
};
const UNAVAILABLE = "This page may not use the microphone: open it through localhost or https.";

const FADE_S = 0.01;

/** Raw sound: the browser's own noise suppression would work before ours. */
const SOUND = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/**
 * Start denoising the microphone on the audio thread, at the device's own rate.
 *
 * @returns what {@link startMicrophone} does
 */
export async function startModuleMicrophone(denoiser, { onReport, onSamples, onEnd }) {
  const sound = await openedMicrophone();
  const context = new AudioContext({ latencyHint: "interactive" });
  try {
    let spentBefore = 0;
    const receive = ({ noisy, clean, blocks, late, spentMs }) => {
      const lost = Math.round(((context.playbackStats?.underrunDuration ?? 0) * context.sampleRate) / 128);
      onReport({ behind: node.delaySamples, missed: Math.max(late, lost), blocks });
      onSamples({ noisy, clean, busyMs: spentMs - spentBefore, signalMs: (1000 * noisy.length) / context.sampleRate });
      spentBefore = spentMs;
    };
    const node = await DenoiseNode.create(context, denoiser, { onReport: receive });
    const source = context.createMediaStreamSource(sound);
    source.connect(node).connect(context.destination);
    await context.resume();
    sound.getAudioTracks()[0].addEventListener("ended", onEnd);
    return {
      sampleRateHz: context.sampleRate,
      way: "on the audio thread",
      outputLatencyS: () => (context.baseLatency ?? 0) + (context.outputLatency ?? 0),
      setMix: (mix) => node.mix.setTargetAtTime(mix, context.currentTime, FADE_S),
      async stop() {
        source.disconnect(); // a source that no code refers to is freed when the context pauses
        sound.getTracks().forEach((track) => track.stop());
        node.close();
        await context.close();
      },
    };
  } catch (error) {
    sound.getTracks().forEach((track) => track.stop());
    await context.close();
    throw new Error(`The sound could not be started: ${error.message}`, { cause: error });
  }
}

/**
 * Start denoising the microphone, at a rate in Hz or, if that is undefined, at the device's own.
 *
 * @returns an object with `sampleRateHz`, `way`, `outputLatencyS()`, `setMix(share)` and `stop()`
 * @throws {Error} with a message in words
 */
export async function startMicrophone(client, contract, { sampleRateHz, onReport, onEnd }) {
  const sound = await openedMicrophone();
  const { context, source } = opened(sound, sampleRateHz, contract.sampleRateHz === null);
  try {
    const shared = self.crossOriginIsolated === true;
    const memory = shared ? { input: ringMemory(true, contract), output: ringMemory(true, contract) } : undefined;
    await context.audioWorklet.addModule(new URL("transport.js", document.baseURI).href);
    const node = new AudioWorkletNode(context, "transport", {
      outputChannelCount: [2],
      processorOptions: { memory, window: contract.window, hop: contract.hop },
    });
    node.port.onmessage = ({ data }) => onReport(data);
    if (shared) await client.call("start", [{ memory, sampleRateHz: context.sampleRate }]);
    else {
      const { port1, port2 } = new MessageChannel();
      await client.call("start", [{ port: port1, sampleRateHz: context.sampleRate }], [port1]);
      node.port.postMessage({ link: port2 }, [port2]);
    }
    source.connect(node).connect(context.destination);
    await context.resume();
    sound.getAudioTracks()[0].addEventListener("ended", onEnd);
    return {
      sampleRateHz: context.sampleRate,
      way: shared ? "shared memory" : "messages",
      outputLatencyS: () => (context.baseLatency ?? 0) + (context.outputLatency ?? 0),
      setMix: (mix) => node.port.postMessage({ mix }),
      async stop() {
        source.disconnect(); // a source that no code refers to is freed when the context pauses
        sound.getTracks().forEach((track) => track.stop());
        node.port.postMessage({ end: true });
        await Promise.all([client.call("stop", []), context.close()]);
      },
    };
  } catch (error) {
    sound.getTracks().forEach((track) => track.stop());
    await context.close();
    throw new Error(`The sound could not be started: ${error.message}`, { cause: error });
  }
}

async function openedMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(UNAVAILABLE);
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: SOUND });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`, { cause: error });
  }
}

/** Open an audio context for the microphone; at the device's own rate where the browser changes none. */
function opened(sound, sampleRateHz, anyRate) {
  const context = new AudioContext({ latencyHint: "interactive", sampleRate: sampleRateHz });
  try {
    return { context, source: context.createMediaStreamSource(sound) };
  } catch (error) {
    context.close();
    if (anyRate && sampleRateHz) return opened(sound, undefined, anyRate);
    sound.getTracks().forEach((track) => track.stop());
    const needed = sampleRateHz ? ` at ${sampleRateHz} Hz, the model's only rate` : "";
    throw new Error(`This browser does not give the microphone${needed}: ${error.message}`, { cause: error });
  }
}
