"""Count the samples of an MP3 file frame by frame, where no header states their number."""

from collections.abc import Iterator
from typing import BinaryIO

KILOBITS = {  # by (MPEG version 1, layer): bitrates by their index
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def states_its_length(file: BinaryIO) -> bool:
    """Tell whether the first frame states the number of frames, as encoders that can seek write it."""
    start = _after_tags(file)
    file.seek(start)
    return any(mark in file.read(1 << 12) for mark in (b"Xing", b"Info", b"VBRI"))


def count_samples(file: BinaryIO) -> int:
    """Count the samples per channel of all frames of an MP3 file."""
    return sum(samples for _, samples in _frames(file, _after_tags(file)))


def _after_tags(file: BinaryIO) -> int:
    """Return where the first frame starts: after the ID3v2 tag."""
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _frames(file: BinaryIO, start: int) -> Iterator[tuple[int, int]]:
    """Yield the bytes and the samples of each frame; bytes between frames are skipped."""
    file.seek(start)
    data = b""
    while block := file.read(1 << 20):
        data, at = data + block, 0
        while at + 4 <= len(data):
            length, samples = _frame(data[at : at + 4])
            if not length:
                following = data.find(b"\xff", at + 1)
                at = len(data) if following < 0 else following
                continue
            if at + length > len(data):
                break
            yield length, samples
            at += length
        data = data[at:]


def _frame(head: bytes) -> tuple[int, int]:
    """Return the bytes and the samples of a frame by its header; zeros if it is not one."""
    word = int.from_bytes(head, "big")
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    bitrate, rate, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    if word >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0, 0
    first = version == 3
    bits, rate_hz = 1000 * KILOBITS[first, layer][bitrate], RATES_HZ[version][rate]
    if layer == 1:
        return (12 * bits // rate_hz + padding) * 4, 384
    samples = 1152 if first or layer == 2 else 576
    return samples * bits // 8 // rate_hz + padding, samples
