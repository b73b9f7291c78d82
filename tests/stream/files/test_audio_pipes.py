"""WAV through pipes as ffmpeg and sox write it: every kind, unknown sizes, and other data."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream.files.audio.encodings import decoder
from programs import pipe_here
from recorded import ffmpeg, make_base, sox

CODECS = {
    "pcm_u8": 1,
    "pcm_s16le": 6,
    "pcm_s24le": 1,
    "pcm_s32le": 2,
    "pcm_f32le": 6,
    "pcm_f64le": 1,
    "pcm_alaw": 2,
    "pcm_mulaw": 1,
}
"""Kinds that ffmpeg writes, and how many channels of each."""


def through(data: bytes, *arguments: object, output: str = "b.wav"):
    return pipe_here(data, "--input", "-", "--format", "wav", "--output", output, "--force", "--mix", 0, *arguments)


def decoded(path: str = "whole.wav") -> np.ndarray:
    return soundfile.read(path)[0]


@pytest.mark.parametrize(("codec", "channels"), CODECS.items())
def test_wav_of_ffmpeg_in_a_pipe_is_read_to_the_last_sample(folder, models, codec, channels):
    make_base(channels)
    ffmpeg("-i", "base.wav", "-c:a", codec, "whole.wav")
    data = ffmpeg("-i", "base.wav", "-c:a", codec, "-f", "wav", "-")
    done = through(data, "--model", models["identity"])
    assert done.returncode == 0, done.stderr
    assert (soundfile.info("b.wav").subtype, soundfile.info("b.wav").frames) == (
        soundfile.info("whole.wav").subtype,
        16_001,
    )
    np.testing.assert_array_equal(decoded("b.wav"), decoded())


@pytest.mark.parametrize("options", [["-rf64", "always"], ["-rf64", "auto"], ["-write_bext", 1]])
def test_rf64_and_broadcast_wav_of_ffmpeg_in_a_pipe(folder, models, options):
    make_base()
    data = ffmpeg("-i", "base.wav", *options, "-c:a", "pcm_s24le", "-f", "wav", "-")
    assert through(data, "--model", models["identity"]).returncode == 0
    np.testing.assert_array_equal(decoded("b.wav"), decoded("base.wav"))


@pytest.mark.parametrize("options", [["-b", 16], ["-b", 24], ["-b", 32], ["-e", "float", "-b", 32], ["-b", 24, "-B"]])
def test_wav_of_sox_in_a_pipe(folder, models, options):
    make_base()
    done = through(sox("base.wav", *options, "-t", "wav", "-"), "--model", models["identity"])
    assert done.returncode == 0, done.stderr
    step = 2.0**-15 if 16 in options else 2.0**-23
    assert np.abs(decoded("b.wav") - decoded("base.wav")).max() <= step / 2


def test_size_zero_in_a_pipe_means_until_the_end(folder, models):
    expected = make_base()
    data = bytearray(Path("base.wav").read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = bytes(4)
    assert through(bytes(data), "--model", models["identity"]).returncode == 0
    np.testing.assert_array_equal(decoded("b.wav"), expected)
    assert through(bytes(data[: at + 4]), "--model", models["identity"]).returncode == 0
    assert soundfile.info("b.wav").frames == 0


def test_pipe_that_ends_early_is_an_error_or_salvaged(folder, models):
    expected = make_base()
    data = Path("base.wav").read_bytes()[:-3002]
    done = through(data, "--model", models["identity"])
    assert done.returncode == 1
    assert b"standard input is cut short: its header promises 16001 samples, 15000 are there; --salvage" in done.stderr
    done = through(data, "--model", models["identity"], "--salvage")
    assert done.returncode == 0
    assert b"salvaged: standard input is cut short" in done.stderr
    assert b"2 bytes at the end, a part of a sample, were left out" in done.stderr
    np.testing.assert_array_equal(decoded("b.wav"), expected[:15_000])


def test_chunks_after_the_audio_are_not_audio_and_other_bytes_are_reported(folder, models):
    expected = make_base()
    whole = Path("base.wav").read_bytes()  # an even number
    done = through(whole + b"LIST" + struct.pack("<I", 4) + b"INFO", "--model", models["identity"])
    assert (done.returncode, done.stderr.count(b"left out")) == (0, 0)
    np.testing.assert_array_equal(decoded("b.wav"), expected)
    done = through(whole + bytes(3000), "--model", models["identity"])
    assert b"3001 bytes after the stated end of the audio were left out" in done.stderr
    assert soundfile.info("b.wav").frames == 16_001
    done = through(whole + bytes(3000), "--model", models["identity"], "--salvage")
    assert soundfile.info("b.wav").frames == 17_001


def test_tags_of_a_pipe_go_into_the_file(folder, models):
    make_base()
    data = ffmpeg("-i", "base.wav", "-metadata", "title=Owl at night", "-f", "wav", "-")
    for output in ("b.wav", "b.flac"):
        assert through(data, "--model", models["identity"], output=output).returncode == 0
        with soundfile.SoundFile(output) as file:
            assert file.title == "Owl at night"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "standard input is empty"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "standard input ends after 16 bytes, inside its WAV header"),
        (b"RIFF\x24\0\0\0WAVEdata\4\0\0\0abcd", "no 'fmt ' chunk before its audio"),
        (b"RIFF\x24\0\0\0AVI LIST", "standard input carries AVI, not WAV"),
        (b"fLaC\0\0\0\x22" + bytes(40), "standard input carries FLAC, not WAV; turn it into WAV on the way"),
        (b"time,value\n0,1\n1,2\n", "standard input carries text, not WAV; for a table say --format csv"),
        (bytes(100), "standard input carries something that starts with b'"),
    ],
)
def test_pipe_without_wav_gets_one_sentence(folder, models, data, words):
    done = through(data, "--model", models["identity"])
    assert done.returncode == 1
    assert words in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert not list(folder.glob("*b.wav"))


@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav"])
def test_compressed_wav_in_a_pipe_is_refused_with_the_way_out(folder, models, codec):
    make_base()
    done = through(ffmpeg("-i", "base.wav", "-c:a", codec, "-f", "wav", "-"), "--model", models["identity"])
    assert done.returncode == 1
    assert b"is compressed WAV" in done.stderr
    assert b"-c:a pcm_s16le" in done.stderr


@pytest.mark.parametrize(
    "subtype", ["PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_decoders_agree_with_libsndfile_on_every_byte(folder, subtype, endian):
    data = np.random.default_rng(1).integers(0, 256, 24 * 1000, dtype=np.uint8).tobytes()
    if subtype in ("FLOAT", "DOUBLE"):
        order = "<" if endian == "LITTLE" else ">"
        data = np.random.default_rng(1).normal(size=3000).astype(f"{order}f{4 if subtype == 'FLOAT' else 8}").tobytes()
    data += bytes(range(256)) * 3
    Path("a.raw").write_bytes(data)
    expected, _ = soundfile.read(
        "a.raw", channels=2, samplerate=8000, format="RAW", subtype=subtype, endian=endian, always_2d=True
    )
    found = decoder(subtype, big_endian=endian == "BIG")
    whole = len(data) - len(data) % (2 * found.sample_bytes)
    np.testing.assert_array_equal(found.decode(data[:whole], 2), expected)
