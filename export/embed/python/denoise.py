"""Denoise with numpy and onnxruntime alone: `python denoise.py model.onnx noisy.f32 clean.f32` (raw float32)."""

import sys

import numpy as np
import onnxruntime


class DenoiseStream:
    """One channel, chunk by chunk; the chunk sizes do not change the result."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more would spin while they wait, and gain nothing on windows this small
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        facts = self.session.get_modelmeta().custom_metadata_map
        self.window, self.hop = int(facts["window"]), int(facts["hop"])
        self.scaled, self.state_size = facts["normalization"] == "minmax", int(facts.get("state_size", "0"))
        self.taper = np.sin(np.pi * (np.arange(self.window) + 0.5) / self.window) ** 2
        self.reset()

    def reset(self):
        """Forget everything: samples, where the next window starts, sums above and below the line, state."""
        self.kept, self.next, self.sums = np.empty(0), 0, np.zeros((2, self.window))
        self.memory = [np.zeros((1, self.state_size), np.float32)] if self.state_size else []

    def process(self, chunk):
        """Take the next samples; return those that are finished."""
        self.kept = np.concatenate((self.kept, chunk))
        starts = range(self.next, len(self.kept) - self.window + 1, self.hop)
        finished = [self._step(self.kept[start : start + self.window]) for start in starts]
        self.next += self.hop * len(starts)
        self.kept, self.next = self.kept[max(0, self.next - self.window) :], min(self.next, self.window)
        return np.concatenate((np.empty(0), *finished))

    def flush(self):
        """End the signal: reflect it for a last window, return the rest, and restart."""
        rest, last = self.kept[self.next :], []
        if len(rest) > (self.window - self.hop if self.sums[1].any() else 0):
            last = [self._step(np.pad(self.kept, (0, self.window - len(rest)), mode="reflect")[self.next :])]
        last.append(self.sums[0] / np.where(self.sums[1], self.sums[1], 1))
        self.reset()
        return np.where(np.isnan(rest), np.nan, np.concatenate(last)[: len(rest)])

    def _step(self, window):
        known = np.flatnonzero(~np.isnan(window))  # missing values are bridged, and missing in the output
        whole = np.interp(np.arange(self.window), known, window[known]) if len(known) else np.zeros(self.window)
        low, span = (whole.min(), np.ptp(whole)) if self.scaled else (0.0, 1.0)
        feed = {"noisy": ((whole - low) / (span or 1))[None].astype(np.float32)}
        feed |= {"state": self.memory[0]} if self.memory else {}
        clean, *self.memory = self.session.run(["clean", "state_out"][: len(feed)], feed)
        self.sums += [self.taper * (clean[0].astype(float) * span + low), self.taper]
        done, self.sums = np.split(np.pad(self.sums, ((0, 0), (0, self.hop))), [self.hop], axis=1)
        return np.where(np.isnan(window[: self.hop]), np.nan, done[0] / done[1])


if __name__ == "__main__":
    stream, noisy = DenoiseStream(sys.argv[1]), np.fromfile(sys.argv[2], "<f4").astype(float)
    np.concatenate((stream.process(noisy), stream.flush())).astype("<f4").tofile(sys.argv[3])
