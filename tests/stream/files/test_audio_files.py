"""Audio files as recorders, ffmpeg and sox leave them: headers that say too little, blocks, chunks, cut files."""

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream.files.audio.mp3 import count_samples
from denoise_stream.files.audio.wav import read_header
from programs import PROGRAM
from recorded import change, ffmpeg, frames_by_sox, make_base, refused, samples, sox


def stated_samples(name: str | Path) -> int | None:
    with Path(name).open("rb") as file:
        return read_header(file.read, "it").stated_samples


# ------------------------------------------------------------------------- headers that say too little


def test_second_chunk_of_audio_is_left_out_and_reported(unchanged):
    expected = make_base(2)
    body = Path("base.wav").read_bytes()[8:] + struct.pack("<4sI", b"data", 400) + bytes(400)
    Path("base.wav").write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    output, said = unchanged("base.wav")
    np.testing.assert_array_equal(samples(output), expected)
    assert "second data" in said


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_size_zero_of_a_crashed_recorder_is_not_believed(unchanged, subtype):
    expected = make_base(2, subtype=subtype)
    change("base.wav", b"data", bytes(4))
    output, said = unchanged("base.wav")
    np.testing.assert_array_equal(samples(output), expected)
    assert "its header says that it holds no audio, as after a crash; everything after the header was read" in said
    assert soundfile.info(output).subtype == subtype


def test_part_of_a_sample_at_the_end_of_a_crashed_recording_is_left_out_and_reported(unchanged):
    expected = make_base(2)
    change("base.wav", b"data", bytes(4))
    Path("base.wav").write_bytes(Path("base.wav").read_bytes()[:-2])
    output, said = unchanged("base.wav")
    np.testing.assert_array_equal(samples(output), expected[:-1])
    assert "4 bytes at the end, a part of a sample, were left out" in said


def test_file_without_audio_but_with_later_chunks_stays_empty(unchanged):
    soundfile.write("a.wav", np.zeros(0), 16_000)
    with Path("a.wav").open("ab") as file:
        file.write(b"LIST" + struct.pack("<I", 16) + b"INFOINAM\4\0\0\0owl\0")
    output, said = unchanged("a.wav")
    assert soundfile.info(output).frames == 0
    assert "crash" not in said


@pytest.mark.parametrize("kind", ["pcm_s24le", "pcm_f32le", "adpcm_ms"])
def test_file_that_ffmpeg_wrote_through_a_pipe(unchanged, kind):
    make_base()
    Path("a.wav").write_bytes(ffmpeg("-i", "base.wav", "-c:a", kind, "-f", "wav", "-"))
    expected = samples("a.wav")
    output, _ = unchanged("a.wav", output="b.wav" if kind != "adpcm_ms" else "b.flac")
    np.testing.assert_array_equal(samples(output), expected)


def test_rf64_that_ffmpeg_wrote_through_a_pipe(unchanged):
    expected = make_base()
    Path("a.wav").write_bytes(ffmpeg("-i", "base.wav", "-c:a", "pcm_s24le", "-rf64", "always", "-f", "wav", "-"))
    assert soundfile.info("a.wav").frames == 0  # which is what libsndfile takes it for
    output, _ = unchanged("a.wav")
    np.testing.assert_array_equal(samples(output), expected)


def test_flac_of_unknown_length(unchanged):
    expected = make_base()
    Path("a.flac").write_bytes(ffmpeg("-i", "base.wav", "-c:a", "flac", "-f", "flac", "-"))
    assert soundfile.info("a.flac").frames > 1 << 60
    output, _ = unchanged("a.flac")
    np.testing.assert_array_equal(samples(output), expected)


def test_mp3_whose_length_is_an_estimate(unchanged):
    make_base()
    Path("a.mp3").write_bytes(ffmpeg("-i", "base.wav", "-f", "mp3", "-"))
    output, _ = unchanged("a.mp3", output="b.wav")
    assert 16_001 <= soundfile.info(output).frames < 16_001 + 3 * 1152


def test_damaged_mp3_gets_one_sentence_without_the_lines_of_the_decoder(folder):
    Path("a.mp3").write_bytes(b"\xff\xfb\x00\x00" * 500)
    done = subprocess.run([*PROGRAM, "a.mp3"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("denoise-stream: a.mp3 is MP3")


@pytest.mark.parametrize("loud", [0, 1])
def test_mp3_of_which_libsndfile_would_lose_the_end_is_refused_with_the_way_out(folder, call, models, loud):
    sounds = ["-f", "lavfi", "-i", "anoisesrc=d=2:r=44100:a=0.5", "-f", "lavfi", "-i", "sine=d=10:r=44100"]
    join = f"[{1 - loud}][{loud}]concat=n=2:v=0:a=1"
    ffmpeg(*sounds, "-filter_complex", join, "-q:a", 0, "-write_xing", 0, "a.mp3")
    with Path("a.mp3").open("rb") as file:
        assert 0 <= count_samples(file) - 12 * 44_100 < 3 * 1152
    said = refused(call, models, "a.mp3")
    assert "a.mp3 does not state its length, and libsndfile would lose everything after sample" in said
    assert "ffmpeg -i a.mp3 -f wav - | denoise-stream --input - --format wav --output a.denoised.flac" in said


@pytest.mark.parametrize("order", ["", "-B"])
def test_plain_wav_of_either_byte_order(unchanged, order):
    make_base()
    sox("base.wav", "-b", 16, *([order] if order else []), "a.wav")
    output, _ = unchanged("a.wav")
    np.testing.assert_array_equal(samples(output), samples("a.wav"))
    assert output.read_bytes()[:4] == (b"RIFX" if order else b"RIFF")


def test_big_endian_wav_of_24_bits_which_libsndfile_does_not_read(unchanged):
    expected = make_base()
    sox("base.wav", "-b", 24, "-B", "a.wav")
    output, _ = unchanged("a.wav", output="b.flac")
    np.testing.assert_array_equal(samples(output), expected)


# ---------------------------------------------------------------------------------- what ends too early


CUT = {
    "wav": "PCM_24",
    "aiff": "PCM_24",
    "au": "PCM_24",
    "w64": "PCM_24",
    "rf64": "PCM_24",
    "voc": "PCM_16",
    "flac": "PCM_24",
}


@pytest.mark.parametrize(("extension", "subtype"), CUT.items())
def test_file_cut_short_is_refused_or_salvaged_with_a_warning(unchanged, call, models, extension, subtype):
    expected = make_base(samples=40_000)
    name = f"a.{extension}"
    soundfile.write(name, expected, 16_000, subtype=subtype)
    Path(name).write_bytes(Path(name).read_bytes()[:70_000])
    said = refused(call, models, name)
    assert f"{name} is cut short: its header promises 40000 samples, " in said
    assert "--salvage takes" in said
    output, said = unchanged(name, "--salvage", output="b.wav")
    assert f"salvaged: {name} is cut short" in said
    found = samples(output)
    assert 10_000 < len(found) < 40_000
    assert np.abs(found - expected[: len(found)]).max() <= 2.0**-15


def test_report_keeps_what_was_said(unchanged):
    make_base()
    Path("base.wav").write_bytes(Path("base.wav").read_bytes()[:-301])
    unchanged("base.wav", "--salvage", "--report", "r.json")
    (note,) = json.loads(Path("r.json").read_text())["notes"]
    assert note == "salvaged: base.wav is cut short: its header promises 16001 samples, 15901 are there"


def test_audio_beyond_the_stated_size_is_reported_and_salvaged_on_request(unchanged):
    expected = make_base(subtype="PCM_16")
    change("base.wav", b"data", struct.pack("<I", 20_000))
    output, said = unchanged("base.wav")
    np.testing.assert_array_equal(samples(output), expected[:10_000])
    assert "12002 bytes after the stated end of the audio were left out; --salvage takes them" in said
    output, said = unchanged("base.wav", "--salvage")
    np.testing.assert_array_equal(samples(output), expected)
    assert "salvaged: 12002 bytes after the stated end of the audio" in said


def test_archive_salvages_and_reports(folder, call, models):
    Path("in").mkdir()
    make_base()
    Path("in/a.wav").write_bytes(Path("base.wav").read_bytes()[:-300])
    arguments = ["--input", "in", "--output", "out", "--model", models["identity"], "--jobs", 1]
    status, said = call(*arguments)
    assert status == 1
    assert "a.wav is cut short" in said
    status, said = call(*arguments, "--salvage")
    assert status == 0
    assert "notes: a.wav: salvaged: a.wav is cut short" in said
    assert soundfile.info("out/a.wav").frames == 15_901


@pytest.mark.parametrize(("name", "arguments"), [("a.csv", []), ("-", ["--format", "s16le"])])
def test_only_audio_with_a_header_is_salvaged(folder, call, name, arguments):
    Path("a.csv").write_text("v\n1\n")
    status, said = call("--input", name, "--salvage", *arguments)
    assert status == 2
    assert "--salvage applies to audio with a header" in said


# --------------------------------------------------------------------------- blocks keep their sample count


@pytest.mark.parametrize("codec", ["ima-adpcm", "ms-adpcm"])
def test_adpcm_keeps_its_sample_count(unchanged, codec):
    make_base()
    sox("base.wav", "-e", codec, "a.wav")
    output, _ = unchanged("a.wav")
    assert stated_samples(output) == stated_samples("a.wav") == 16_001
    assert soundfile.info(output).subtype == soundfile.info("a.wav").subtype
    again, _ = unchanged(str(output), output="c.wav")
    assert stated_samples(again) == 16_001
    flac, _ = unchanged("a.wav", output="b.flac")
    assert soundfile.info(flac).frames == 16_001
    before, after = samples("a.wav")[:16_001], samples(output)[:16_001]
    assert np.corrcoef(before, after)[0, 1] > 0.95


@pytest.mark.parametrize("program", ["sox", "ffmpeg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_voc_keeps_its_sample_count(unchanged, program, bits):
    make_base(samples=60_001)
    if program == "sox":
        sox("base.wav", "-b", bits, "a.voc")
    else:
        ffmpeg("-i", "base.wav", "-c:a", "pcm_u8" if bits == 8 else "pcm_s16le", "a.voc")
    if (program, bits) == ("sox", 16):  # which states 8 bytes less than it writes, and reads no more itself
        expected = soundfile.read("a.voc")[0]
    else:
        expected = np.frombuffer(ffmpeg("-i", "a.voc", "-f", "f64le", "-"))
    output, _ = unchanged("a.voc")
    assert soundfile.info(output).frames == len(expected) == 60_001
    np.testing.assert_array_equal(samples(output), expected)
    wav, _ = unchanged("a.voc", output="b.wav")
    np.testing.assert_array_equal(samples(wav), expected)


def test_voc_with_silence_and_text_between(unchanged):
    sound = np.arange(100, 200, dtype=np.uint8)
    blocks = b"".join(
        bytes([kind]) + len(body).to_bytes(3, "little") + body
        for kind, body in (
            (1, bytes([131, 0]) + sound.tobytes()),
            (5, b"a text\0"),
            (3, struct.pack("<HB", 49, 131)),
            (2, sound.tobytes()),
        )
    )
    Path("a.voc").write_bytes(b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129) + blocks + b"\0")
    output, _ = unchanged("a.voc", output="b.wav")
    found = samples(output)
    values = (sound.astype(float) - 128) / 128
    np.testing.assert_array_equal(found, np.concatenate([values, np.zeros(50), values]))


def test_aiff_of_an_odd_number_of_bytes_keeps_its_sample_count(unchanged):
    make_base()
    sox("base.wav", "-b", 8, "a.aiff")
    output, _ = unchanged("a.aiff")
    assert frames_by_sox(output) == frames_by_sox("a.aiff") == 16_001


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"\x06\2\0\0\1\0", "holds a loop, which is not supported"),
        (b"\x01\6\0\0\x83\0" + bytes(4) + b"\x01\6\0\0\x90\0" + bytes(4), "changes its format midway"),
        (b"\x01\6\0\0\x83\1" + bytes(4), "has an unsupported compression: VOC codec 1"),
        (b"\x09\x10\0\0" + struct.pack("<IBBH", 8000, 8, 0, 0) + bytes(8), "states 0 channels at 8000 Hz"),
        (b"\0", "holds no audio"),
    ],
)
def test_voc_that_is_not_read_gets_a_sentence(folder, call, models, name, words):
    Path("a.voc").write_bytes(b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129) + name + b"\0")
    assert words in refused(call, models, "a.voc")
