"""Conversion between kinds of audio files, their chunks, and files without audio."""

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import SourceError
from denoise_stream.files.audio.containers import AudioFormat, format_for, is_writable
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.audio.source import AudioSource
from recorded import change, ffmpeg, make_base, need, refused, samples

# ------------------------------------------------------------------------------------ kinds become others


@pytest.mark.parametrize(
    ("source", "target", "subtype"),
    [
        ("a.mp3", "b.wav", "PCM_16"),
        ("a.mp3", "b.flac", "PCM_16"),
        ("a.ogg", "b.wav", "PCM_16"),
        ("float.wav", "b.flac", "PCM_24"),
        ("float.wav", "b.aiff", "FLOAT"),
        ("double.wav", "b.flac", "PCM_24"),
        ("deep.wav", "b.flac", "PCM_24"),
        ("deep.wav", "b.voc", "PCM_16"),
        ("law.wav", "b.flac", "PCM_16"),
        ("alac.caf", "b.wav", "PCM_24"),
        ("base.wav", "b.mp3", "MPEG_LAYER_III"),
        ("base.wav", "b.ogg", "VORBIS"),
        ("base.wav", "b.wave", "PCM_24"),
    ],
)
def test_subtype_that_the_target_lacks_becomes_its_nearest(unchanged, source, target, subtype):
    expected = make_base()
    for name, kind in (("float", "FLOAT"), ("double", "DOUBLE"), ("deep", "PCM_32"), ("law", "ULAW")):
        soundfile.write(f"{name}.wav", expected, 16_000, subtype=kind)
    for name, kind in (("a.mp3", None), ("a.ogg", None), ("alac.caf", "ALAC_24")):
        soundfile.write(name, expected, 16_000, subtype=kind)
    output, said = unchanged(source, output=target)
    assert soundfile.info(output).subtype == subtype
    before = soundfile.info(source).subtype
    assert (f"written as {subtype}, as {soundfile.info(output).format} does not hold {before}" in said) == (
        before != subtype
    )


def test_every_kind_that_is_said_to_be_writable_is(folder):
    for container in soundfile.available_formats():
        for subtype in soundfile.available_subtypes(container):
            if container != "RAW" and is_writable(container, subtype):
                sink = AudioSink(Path("a"), AudioFormat(container, subtype), 16_000, 1)
                sink.write(np.zeros((1000, 1)))
                sink.close()


# ------------------------------------------------------------------------------------------------- chunks


def broadcast_info(name: str) -> str:
    need("ffprobe")
    entries = ["-show_entries", "format_tags=time_reference,title,encoder"]
    command = ["ffprobe", "-v", "error", "-of", "compact", *entries, name]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_broadcast_chunk_cue_points_and_lists_are_kept(unchanged):
    make_base()
    facts = ["-metadata", "title=Owl", "-metadata", "time_reference=12345"]
    ffmpeg("-i", "base.wav", "-write_bext", 1, *facts, "-c:a", "pcm_s24le", "a.wav")
    cue = struct.pack("<IIIIIII", 1, 1, 8000, 0x61746164, 0, 0, 8000)
    label = b"adtl" + b"labl" + struct.pack("<II", 8, 1) + b"hoo\0"
    with Path("a.wav").open("ab") as file:
        file.write(bytes(file.tell() % 2) + b"cue " + struct.pack("<I", len(cue)) + cue)
        file.write(b"LIST" + struct.pack("<I", len(label)) + label)
    change("a.wav", b"RIFF", struct.pack("<I", Path("a.wav").stat().st_size - 8))
    output, said = unchanged("a.wav")
    assert "not kept" not in said
    assert broadcast_info("a.wav") == broadcast_info(str(output))
    assert "time_reference=12345" in broadcast_info(str(output))
    with soundfile.SoundFile(output) as file:
        assert file.title == "Owl"
    data = output.read_bytes()
    for kept in (cue, label):
        assert data.count(kept) == 1
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    np.testing.assert_array_equal(samples(output), samples("a.wav"))
    _, said = unchanged("a.wav", output="b.flac")
    assert "not kept: bext, cue, LIST adtl of the input" in said  # the text tags are kept


def test_markers_of_aiff_are_kept(unchanged):
    make_base(samples=16_000)
    ffmpeg("-i", "base.wav", "-c:a", "pcm_s24be", "a.aiff")
    marks = struct.pack(">HHI", 1, 1, 8000) + b"\3owl"
    with Path("a.aiff").open("ab") as file:
        file.write(b"MARK" + struct.pack(">I", len(marks)) + marks)
    change("a.aiff", b"FORM", struct.pack(">I", Path("a.aiff").stat().st_size - 8))
    output, said = unchanged("a.aiff")
    assert "not kept" not in said
    data = output.read_bytes()
    assert data.count(marks) == 1
    assert struct.unpack(">I", data[4:8])[0] == len(data) - 8
    np.testing.assert_array_equal(samples(output), samples("a.aiff"))
    assert "not kept: MARK of the input" in unchanged("a.aiff", output="b.wav")[1]


def test_loss_of_a_flac_picture_is_reported(unchanged):
    make_base()
    ffmpeg("-f", "lavfi", "-i", "color=red:s=16x16:d=1", "-frames:v", 1, "cover.png")
    cover = ["-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic"]
    ffmpeg("-i", "base.wav", "-i", "cover.png", *cover, "a.flac")
    assert "not kept: PICTURE of the input" in unchanged("a.flac")[1]


def test_plain_files_come_back_byte_for_byte(unchanged):
    signal = make_base(2)
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ALAW"):
        for extension in ("wav", "aiff", "au", "w64", "rf64"):
            if soundfile.check_format(extension.upper(), subtype):
                soundfile.write(f"a.{extension}", signal, 16_000, subtype=subtype)
                output, _ = unchanged(f"a.{extension}")
                assert output.read_bytes() == Path(f"a.{extension}").read_bytes(), (extension, subtype)


# --------------------------------------------------------------------------------------- no audio, a way out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("log.txt", b"time\tvalue\n0\t1\n", "log.txt is text, not audio; if it is a table: denoise-stream --input -"),
        ("caf\xe9.txt", "größe;1,5\n".encode(), "--format csv < 'caf\xe9.txt' > 'caf\xe9.denoised.csv'"),
        ("wide.txt", "\ufefftime\tvalue\n".encode("utf-16-le"), "is text, not audio"),
        ("noise.bin", bytes(range(256)) * 8, "noise.bin is not audio that libsndfile reads: Format not recognised"),
        (
            "a.wma",
            b"0&\xb2u\x8ef\xcf\x11" + bytes(90),
            "is Windows Media (wma, wmv), which is not supported; decode it",
        ),
        (
            "a.amr",
            b"#!AMR\n" + bytes(90),
            "ffmpeg -i a.amr -f wav - | denoise-stream --input - --format wav --output a.",
        ),
        ("a b.wav", b"RIFF\x24\0\0\0AVI LIST" + bytes(90), "ffmpeg -i 'a b.wav' -f wav -"),
    ],
)
def test_file_that_is_no_audio_gets_a_sentence_with_the_way_out(folder, call, models, name, content, words):
    Path(name).write_bytes(content)
    assert words in refused(call, models, name)


@pytest.mark.parametrize("extension", ["m4a", "mp4", "mkv"])
def test_way_out_for_video_and_m4a_works(folder, call, models, extension):
    make_base()
    picture = [] if extension == "m4a" else ["-f", "lavfi", "-i", "testsrc=d=1:s=64x48"]
    ffmpeg("-i", "base.wav", *picture, f"a.{extension}")
    said = refused(call, models, f"a.{extension}")
    command = said[said.index("ffmpeg -i") :].strip().replace("denoise-stream", "cat; #")
    data = subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=60).stdout
    assert data[:4] == b"RIFF"


@pytest.mark.parametrize(("tool", "extension"), [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz")])
def test_compressed_table_gets_the_line_that_unpacks_it(folder, call, models, tool, extension):
    need(tool)
    rows = "v\n" + "1.5\n2.5\n" * 200
    Path("a.csv").write_text(rows)
    subprocess.run([tool, "a.csv"], check=True, timeout=60)
    said = refused(call, models, f"a.csv.{extension}")
    assert f"a.csv.{extension} is compressed; unpack it on the way: " in said
    command = said[said.index("way: ") + 5 :].split(" | ")[0]
    assert subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=60).stdout == rows.encode()


def test_sources_are_closed_when_they_are_refused(folder):
    Path("a.voc").write_bytes(b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129) + b"\0")
    with pytest.raises(SourceError):  # an open file would warn, and warnings are errors here
        AudioSource(Path("a.voc"))


def test_extensions_of_wav_are_known():
    assert {format_for(Path(name), AudioFormat()).container for name in ("a.wav", "a.wave", "a.bwf", "a.WAV")} == {
        "WAV"
    }
