"""WAV beyond 4 GiB, in and out: sparse files whose ends hold sound."""

import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream.files.audio import sink as audio_sink
from denoise_stream.files.audio.containers import AudioFormat
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.audio.source import AudioSource
from programs import PROGRAM

CHANNELS = 8
SAMPLES = 2**32 // (8 * CHANNELS) + 1000
"""Samples per channel of 64-bit floats that are a little more than 4 GiB."""


def write_sparse(path: Path, stated: int) -> np.ndarray:
    """Write zeros beyond 4 GiB and sound at the end, behind a header that states another size; return the sound."""
    rate = 48_000
    frame = 8 * CHANNELS
    sound = np.random.default_rng(0).normal(0, 0.1, (1000, CHANNELS))
    layout = struct.pack("<HHIIHH", 3, CHANNELS, rate, rate * frame, frame, 64)
    header = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", stated & 0xFFFF_FFFF)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", stated + 36 & 0xFFFF_FFFF) + header)
        file.seek((SAMPLES - 1000) * frame, os.SEEK_CUR)
        file.write(sound.tobytes())
    return sound


def copy(length_known: bool) -> list[str]:
    """Copy ``a.wav`` through a source and a sink to ``b.wav``, without a network between; return their notes."""
    source = AudioSource(Path("a.wav"))
    length = source.length_samples if length_known else None
    sink = AudioSink(Path("b.wav"), source.format, source.sample_rate_hz or 0.0, source.channels, length)
    for chunk in source:
        sink.write(chunk)
    source.close()
    sink.close()
    return source.notes + sink.notes


def check_rf64(path: str, sound: np.ndarray) -> None:
    """Check that a file is RF64 with the samples of :func:`write_sparse`."""
    with soundfile.SoundFile(path) as file:
        assert (file.format, file.frames, file.subtype) == ("RF64", SAMPLES, "DOUBLE")
        assert not file.read(48_000).any()
        file.seek(SAMPLES - 1000)
        np.testing.assert_array_equal(file.read(), sound)


@pytest.mark.slow
@pytest.mark.parametrize("stated", [0xFFFF_FFFF, SAMPLES * 8 * CHANNELS, 0])
def test_wav_beyond_4_gib_is_read_whole_and_written_as_rf64(folder, stated):
    sound = write_sparse(Path("a.wav"), stated)
    assert "written as RF64, the kind of WAV for more than 4 GiB" in copy(length_known=True)
    check_rf64("b.wav", sound)


@pytest.mark.slow
def test_length_that_is_not_known_becomes_rf64_at_4_gib(folder):
    sound = write_sparse(Path("a.wav"), 0xFFFF_FFFF)
    assert "written as RF64, the kind of WAV for more than 4 GiB" in copy(length_known=False)
    check_rf64("b.wav", sound)
    assert sorted(path.name for path in folder.iterdir()) == ["a.wav", "b.wav"]


@pytest.mark.long
def test_program_denoises_a_pipe_of_more_than_4_gib(folder, models):
    sound = write_sparse(Path("a.wav"), 0xFFFF_FFFF)
    command = [*PROGRAM, "--input", "-", "--format", "wav", "--output", "b.wav", "--mix", "0"]
    with Path("a.wav").open("rb") as file:
        done = subprocess.run(
            [*command, "--model", str(models["identity"])], stdin=file, capture_output=True, check=False, timeout=3600
        )
    assert done.returncode == 0, done.stderr
    assert b"written as RF64" in done.stderr
    check_rf64("b.wav", sound)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_file_of_unknown_length_becomes_rf64_where_wav_ends(folder, monkeypatch, subtype):
    signal = np.random.default_rng(0).normal(0, 0.1, (9000, 2))

    def write(path: str) -> AudioSink:
        sink = AudioSink(Path(path), AudioFormat("WAV", subtype, tags={"title": "Owl"}), 48_000, 2)
        for start in range(0, 9000, 700):
            sink.write(signal[start : start + 700])
        sink.close()
        return sink

    write("expected.wav")
    monkeypatch.setattr(audio_sink, "MOST_BYTES", 10_000)
    sink = write("a.wav")
    assert sink.notes == ["written as RF64, the kind of WAV for more than 4 GiB"]
    assert (soundfile.info("a.wav").format, soundfile.info("a.wav").subtype) == ("RF64", subtype)
    np.testing.assert_array_equal(soundfile.read("a.wav")[0], soundfile.read("expected.wav")[0])
    with soundfile.SoundFile("a.wav") as file:
        assert file.title == "Owl"
    assert sorted(path.name for path in folder.iterdir()) == ["a.wav", "expected.wav"]


def test_container_that_cannot_hold_as_much_is_refused_before_the_work(folder, call, models):
    write_sparse(Path("a.wav"), 0xFFFF_FFFF)
    for target, words in (("b.aiff", "AIFF holds 4 GiB of audio at most"), ("b.voc", "VOC holds 15 MiB of audio")):
        status, said = call("--input", "a.wav", "--output", target, "--model", models["identity"])
        assert status == 1
        assert words in said
        assert not Path(target).exists()


def test_length_of_a_file_beyond_4_gib_is_known_at_once(folder):
    write_sparse(Path("a.wav"), SAMPLES * 8 * CHANNELS)
    source = AudioSource(Path("a.wav"))
    assert source.length_samples == SAMPLES
    assert "the size of 4295031296 without its upper bits" in source.notes[0]
    source.close()
