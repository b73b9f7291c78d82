"""Denoise with numpy and onnxruntime alone: `python denoise.py model.onnx noisy.f32 clean.f32` (raw float32)."""

import sys

import numpy as np
import onnxruntime


class DenoiseStream:
    """One channel, chunk by chunk; the chunk sizes do not change the result.

    A model with a context may also see `lookahead` samples after each window, for which it waits; None: all it can use.
    """

    def __init__(self, path, lookahead=0):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more would spin while they wait, and gain nothing on windows this small
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        facts = self.session.get_modelmeta().custom_metadata_map
        self.window, self.hop = int(facts["window"]), int(facts["hop"])
        self.scaled, self.state_size = facts["normalization"] == "minmax", int(facts.get("state_size", "0"))
        scales = [facts.get(key, "").split(",") for key in ("context_past", "context_ahead")]
        self.scales = [[tuple(map(int, blocks.split("x"))) for blocks in side if blocks] for side in scales]
        self.past, ahead = (max((size * count for size, count in side), default=0) for side in self.scales)
        self.lookahead = ahead if lookahead is None else min(lookahead, ahead)
        self.taper = np.sin(np.pi * (np.arange(self.window) + 0.5) / self.window) ** 2
        self.reset()

    def reset(self):
        """Forget everything: samples, where the next window starts, sums above and below the line, state."""
        self.kept, self.next, self.sums = np.empty(0), 0, np.zeros((2, self.window))
        self.memory = [np.zeros((1, self.state_size), np.float32)] if self.state_size else []

    def process(self, chunk):
        """Take the next samples; return those that are finished."""
        self.kept = np.concatenate((self.kept, chunk))
        return self._run(self.lookahead)

    def flush(self):
        """End the signal: reflect it for a last window, return the rest, and restart."""
        finished = self._run(0)
        rest, last = self.kept[self.next :], []
        if len(rest) > (self.window - self.hop if self.sums[1].any() else 0):
            whole = np.pad(self.kept, (0, self.window - len(rest)), mode="reflect")
            last = [self._step(whole[self.next :], self.next)]
        last.append(self.sums[0] / np.where(self.sums[1], self.sums[1], 1))
        self.reset()
        return np.concatenate((finished, np.where(np.isnan(rest), np.nan, np.concatenate(last)[: len(rest)])))

    def _run(self, waiting):
        starts = range(self.next, len(self.kept) - self.window - waiting + 1, self.hop)
        finished = [self._step(self.kept[start : start + self.window], start) for start in starts]
        self.next += self.hop * len(starts)
        old = max(0, self.next - max(self.window, self.past))
        self.kept, self.next = self.kept[old:], self.next - old
        return np.concatenate((np.empty(0), *finished))

    def _step(self, window, start):
        known = np.flatnonzero(~np.isnan(window))  # missing values are bridged, and missing in the output
        whole = np.interp(np.arange(self.window), known, window[known]) if len(known) else np.zeros(self.window)
        low, span = (whole.min(), np.ptp(whole)) if self.scaled else (0.0, 1.0)
        feed = {"noisy": ((whole - low) / (span or 1))[None].astype(np.float32)}
        feed |= {"state": self.memory[0]} if self.memory else {}
        outputs = ["clean", "state_out"][: len(feed)]
        feed |= {"context": self._context(start, feed["noisy"][0], low, span or 1)} if any(self.scales) else {}
        clean, *self.memory = self.session.run(outputs, feed)
        self.sums += [self.taper * (clean[0].astype(float) * span + low), self.taper]
        done, self.sums = np.split(np.pad(self.sums, ((0, 0), (0, self.hop))), [self.hop], axis=1)
        return np.where(np.isnan(window[: self.hop]), np.nan, done[0] / done[1])

    def _context(self, start, noisy, low, span):
        """Return the mean of each block round a window, then the known share of each; both sides from the window on."""
        around = self.kept[:start][::-1], self.kept[start + self.window :][: self.lookahead]
        means, shares = [], []
        for samples, edge, scales, order in zip(around, (noisy, noisy[::-1]), self.scales, (-1, 1), strict=True):
            for size, count in scales:
                blocks = np.full(size * count, np.nan)
                blocks[: len(samples)] = samples[: size * count]
                known = np.count_nonzero(~np.isnan(blocks.reshape(count, size)), axis=1)
                mean = np.nansum(blocks.reshape(count, size), axis=1) / np.maximum(known, 1)
                mean = np.append(edge[:size].mean(dtype=float), np.clip((mean - low) / span, -1e6, 1e6))
                nearest = np.maximum.accumulate(np.where(known, np.arange(1, count + 1), 0))
                means.append(mean[nearest][::order])
                shares.append((known / size)[::order])
        return np.concatenate((*means, *shares), dtype=np.float32)[None]


if __name__ == "__main__":
    stream, noisy = DenoiseStream(sys.argv[1], lookahead=None), np.fromfile(sys.argv[2], "<f4").astype(float)
    np.concatenate((stream.process(noisy), stream.flush())).astype("<f4").tofile(sys.argv[3])
