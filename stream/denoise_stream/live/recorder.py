"""Record blocks from an audio callback without making it wait.

The queue between them is bounded: when the sink is slower for too long, blocks are dropped and counted.
"""

import queue
import threading

import numpy as np

from denoise_stream.files.protocols import Chunk, Sink


class Recorder:
    """Write blocks to a sink from a thread of its own.

    Attributes
    ----------
    samples : int
        Samples per channel that the sink has taken.
    dropped_samples : int
        Samples per channel that were lost because the sink was too slow.
    peak : float
        The largest magnitude that the sink has taken, full scale 1.0.
    error : Exception or None
        What the sink raised; everything before it has been written.
    """

    def __init__(self, sink: Sink, most_blocks: int) -> None:
        self._sink = sink
        self._queue: queue.Queue[Chunk | None] = queue.Queue(most_blocks)
        self.samples = 0
        self.dropped_samples = 0
        self.peak = 0.0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    def put(self, block: Chunk) -> None:
        """Take a block ``(n, channels)`` that nobody will change any more; never waits."""
        if self.error is not None or len(block) == 0:
            return
        try:
            self._queue.put_nowait(block)
        except queue.Full:
            self.dropped_samples += len(block)

    def finish(self) -> None:
        """Write all that is queued and end the thread; the sink is not closed here."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (block := self._queue.get()) is not None:
            if self.error is not None:
                continue
            try:
                self._sink.write(block)
                self.samples += len(block)
                self.peak = max(self.peak, float(np.abs(block).max()))
            except Exception as error:  # raised again by the owner, in its own thread
                self.error = error
