"""The program on files: formats are kept, tables stay tables, reports and pictures appear."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser
from denoise_stream.cli.main import main
from programs import PROGRAM, noise, pipe_here

FORMATS = [
    ("a.wav", "PCM_16", 2e-5),
    ("a.wav", "PCM_24", 1e-6),
    ("a.wav", "PCM_U8", 5e-3),
    ("a.wav", "FLOAT", 1e-6),
    ("a.wav", "DOUBLE", 1e-6),
    ("a.flac", "PCM_16", 2e-5),
    ("a.flac", "PCM_24", 1e-6),
    ("a.aiff", "PCM_16", 2e-5),
    ("a.ogg", "VORBIS", 0.3),
]


@pytest.mark.parametrize(("name", "subtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_keeps_rate_channels_container_and_subtype(folder, call, models, name, subtype, tolerance, channels):
    soundfile.write(name, noise(22050, channels), 22050, subtype=subtype)
    status, _ = call("--input", name, "--model", models["smoother"])
    assert status == 0
    before, after = soundfile.info(name), soundfile.info(name.replace("a.", "a.denoised."))
    facts = ("samplerate", "channels", "frames", "format", "subtype", "endian")
    assert [getattr(after, fact) for fact in facts] == [getattr(before, fact) for fact in facts]
    signal_in, _ = soundfile.read(name)
    signal_out, _ = soundfile.read(name.replace("a.", "a.denoised."))
    expected = Denoiser(models["smoother"]).denoise(signal_in)
    assert np.abs(signal_out - np.clip(expected, -1, 1)).max() <= tolerance


def test_mix_zero_gives_the_same_samples_back(folder, call, models):
    soundfile.write("a.wav", noise(30000), 16000, subtype="PCM_24")
    assert call("--input", "a.wav", "--model", models["smoother"], "--mix", 0)[0] == 0
    assert (soundfile.read("a.wav")[0] == soundfile.read("a.denoised.wav")[0]).all()


def test_model_with_a_fixed_rate_gets_the_file_resampled_and_the_band_above_it_is_kept(folder, call, models):
    soundfile.write("a.wav", noise(48_000), 48_000, subtype="FLOAT")
    status, message = call("--input", "a.wav", "--model", models["identity_16k"], "--report", "r.json")
    assert status == 0
    assert "model test, hop 75 (the band above 8000 Hz follows its gain), " in message
    before, after = soundfile.read("a.wav")[0], soundfile.read("a.denoised.wav")[0]
    assert np.abs(after - before).max() < 1e-6
    report = json.loads(Path("r.json").read_text())
    assert (report["sample_rate_hz"], report["follows_above_hz"], report["latency_samples"]) == (48_000, 8_000, 544)


def test_attenuation_stays_within_the_limit(folder, call, models):
    soundfile.write("a.wav", noise(8000), 16_000, subtype="FLOAT")
    model = ["--model", models["smoother"]]
    assert call("--input", "a.wav", *model, "--max-attenuation", 10, "--report", "r.json")[0] == 0
    limited, noisy = soundfile.read("a.denoised.wav")[0], soundfile.read("a.wav")[0]
    left = 10 ** (-10 / 20)
    expected = left * noisy + (1 - left) * Denoiser(models["smoother"]).denoise(noisy)
    assert np.abs(limited - expected).max() < 1e-6
    assert json.loads(Path("r.json").read_text())["max_attenuation_db"] == 10


@pytest.mark.parametrize("name", ["b.wav", "b.flac", "b.ogg", "b.mp3"])
def test_missing_values_become_silence_where_the_format_cannot_mark_them(folder, call, models, name):
    samples = noise(20_000)
    samples[5000:5100] = np.nan
    soundfile.write("a.wav", samples, 16000, subtype="FLOAT")
    assert call("--input", "a.wav", "--output", name, "--model", models["identity"])[0] == 0
    result = soundfile.read(name)[0]
    assert np.isfinite(result[:4000]).all()
    assert result[4000:4990].std() > 0.05
    assert np.isnan(result[5000:5100]).all() if name == "b.wav" else np.isfinite(result).all()


def test_longest_name_of_a_file_system_works(folder, call, models):
    soundfile.write("a.wav", noise(500), 16000)
    name = "\u00e4" * 125 + ".flac"
    assert call("--input", "a.wav", "--output", name, "--model", models["identity"])[0] == 0
    assert soundfile.info(name).frames == 500


def test_picture_of_nothing_and_of_odd_names(folder, call):
    soundfile.write("a.wav", np.empty((0, 2)), 16000)
    assert call("--input", "a.wav", "--plot", "a.png")[0] == 0
    Path("b.csv").write_bytes(b"Temp \xb0C,$x$ and $y\n" + b"1.5,2\n7,1\n3,9\n" * 60)
    assert call("--input", "b.csv", "--plot", "b.png")[0] == 0
    assert Path("b.png").stat().st_size > 1000


def test_rate_that_a_model_cannot_take_is_told_as_the_option_only_if_it_was_typed(folder, call):
    Path("a.csv").write_text("time (s),load\n" + "".join(f"{300 * n},{n * n % 13 / 7:.3f}\n" for n in range(400)))
    told = "the sample rate 0.00333333 Hz is too far from the model's 16000 Hz; use a model for any rate"
    assert told in call("a.csv", "--model", "speech")[1]
    assert "--rate 2 is too far from the model's 16000 Hz" in call("a.csv", "--model", "speech", "--rate", 2)[1]


def test_columns_with_a_comma_in_their_name_can_be_chosen(folder, call):
    Path("a.csv").write_text('"x, y",z\n' + "1.5,2\n7,1\n3,9\n" * 60)
    status, message = call("--input", "a.csv", "--columns", '"x, y"')
    assert status == 0
    assert "column x, y;" in message


def test_audio_without_an_extension_is_written_beside_it(folder, call, models):
    soundfile.write("take", noise(500), 16000, format="WAV")
    assert call("--input", "take", "--model", models["identity"])[0] == 0
    assert soundfile.info("take.denoised").format == "WAV"


@pytest.mark.parametrize("samples", [1, 149, 150, 151])
def test_short_files_work(folder, call, samples):
    soundfile.write("a.wav", noise(samples), 16000)
    assert call("--input", "a.wav")[0] == 0
    assert soundfile.info("a.denoised.wav").frames == samples


def test_wav_without_samples_stays_empty(folder, call):
    soundfile.write("a.wav", np.empty(0), 16000)
    assert call("--input", "a.wav")[0] == 0
    assert soundfile.info("a.denoised.wav").frames == 0


def test_tags_are_kept(folder, call):
    with soundfile.SoundFile("a.wav", "w", 16000, 1) as file:
        file.title = "Harbour"
        file.write(noise(500))
    assert call("--input", "a.wav")[0] == 0
    assert soundfile.SoundFile("a.denoised.wav").title == "Harbour"


def test_another_extension_makes_another_container(folder, call, models):
    soundfile.write("a.wav", noise(5000), 16000, subtype="FLOAT")
    assert call("--input", "a.wav", "--output", "b.flac", "--model", models["identity"])[0] == 0
    assert (soundfile.info("b.flac").format, soundfile.info("b.flac").samplerate) == ("FLAC", 16000)


def test_table_is_denoised_in_its_signal_columns_only(folder, call):
    rng = np.random.default_rng(0)
    rows = [f"{index},{20 + rng.normal():.3f},x,{rng.normal():.2f}\r\n" for index in range(400)]
    Path("a.csv").write_bytes(("n,temp,note,acc\r\n" + "".join(rows)).encode())
    status, message = call("--input", "a.csv", "--columns", "temp", "--report", "r.json", "--plot", "p.png")
    assert status == 0
    assert "column temp;" in message
    after = Path("a.denoised.csv").read_bytes().decode()
    assert after.startswith("n,temp,note,acc\r\n")
    assert after.count("\r\n") == 401
    before_fields = [row.strip().split(",") for row in rows]
    after_fields = [row.split(",") for row in after.split("\r\n")[1:-1]]
    for column in (0, 2, 3):
        assert [row[column] for row in after_fields] == [row[column] for row in before_fields]
    values = np.array([float(row[1]) for row in before_fields])
    denoised = np.array([float(row[1]) for row in after_fields])
    np.testing.assert_allclose(denoised, Denoiser("general").denoise(values), atol=0.51e-4)
    assert max(len(row[1].partition(".")[2]) for row in after_fields) == 4  # one digit more than the column had
    report = json.loads(Path("r.json").read_text())
    assert report["columns"] == ["temp"]
    assert report["samples_in"] == report["samples_out"] == 400
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_report_holds_what_was_done(folder, call):
    soundfile.write("a.wav", noise(16000), 16000, subtype="FLOAT")
    assert call("--input", "a.wav", "--output", "null", "--report", "r.json", "--model", "general", "--hop", 50)[0] == 0
    report = json.loads(Path("r.json").read_text())
    expected = {"model": "general", "window": 150, "hop": 50, "latency_samples": 150 + 4500, "latency_ms": 290.625}
    expected |= {
        "sample_rate_hz": 16000.0,
        "samples_in": 16000,
        "samples_out": 16000,
        "missing_samples": 0,
        "follows_above_hz": None,
    }
    assert {key: report[key] for key in expected} == expected
    assert report["rtf"] == pytest.approx(report["compute_time_s"])
    assert report["input_level"][0] == pytest.approx(-20, abs=0.2)
    assert report["level_unit"] == "dBFS"
    assert sorted(os.listdir()) == ["a.wav", "r.json"]


def test_models_are_listed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["denoise-stream", "--list-models"])
    with pytest.raises(SystemExit):
        main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["general", "general-small", "speech", "x2"]
    assert "window 150, hop 75, any rate, with a context" in lines[0]
    assert "any rate, a window alone" in lines[1]
    assert "16000 Hz, with a memory" in lines[2]


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_stop_no_run(folder, models, closed):
    soundfile.write("a.wav", noise(30_000), 16_000, subtype="PCM_16")
    command = f"{shlex.join([*PROGRAM, '--input', 'a.wav', '--model', str(models['identity'])])} {closed}"
    assert subprocess.run(["bash", "-c", command], check=False, timeout=60).returncode == 0
    np.testing.assert_array_equal(soundfile.read("a.wav")[0], soundfile.read("a.denoised.wav")[0])


def test_error_without_a_standard_error_is_an_exit_status(folder):
    command = f"{shlex.join([*PROGRAM, '--input', 'missing.wav'])} 2>&-"
    assert subprocess.run(["bash", "-c", command], check=False, timeout=60).returncode == 1


def test_summary_says_which_rate_was_assumed(folder, models):
    samples = (noise(4000) * 30_000).astype("<i2")
    arguments = ["--input", "-", "--format", "s16le", "--model", models["identity_16k"], "--report", "r.json"]
    done = pipe_here(samples.tobytes(), *arguments)
    assert (
        b"0.25 s at 16000 Hz (assumed, as the model test takes no other; state the true one with --rate)" in done.stderr
    )
    assert json.loads(Path("r.json").read_text())["sample_rate_assumed"] is True
    done = pipe_here(samples.tobytes(), *arguments, "--rate", 16_000, "--force")
    assert b"assumed" not in done.stderr
    assert done.stderr.splitlines()[1:] == [b"hardly anything removed, less than 0.01 % of its variation"]


def test_summary_says_of_a_constant_signal_that_nothing_was_removed(folder, call):
    Path("a.csv").write_text("v\n" + "2024\n" * 400)
    status, said = call("a.csv", "--output", "out.csv", "--model", "general")
    assert (status, said.splitlines()[1]) == (0, "nothing removed from v: all values are the same")
    assert Path("out.csv").read_text() == Path("a.csv").read_text()


def spiky_table(name: str) -> np.ndarray:
    """A table of a noisy wave with four spikes of 5."""
    values = np.sin(np.arange(900) / 30) + np.random.default_rng(0).normal(0, 0.05, 900)
    values[[100, 250, 520, 777]] += 5.0
    Path(name).write_text("t,load\n" + "".join(f"{index},{value:.4f}\n" for index, value in enumerate(values)))
    return values


def test_summary_says_what_was_removed_and_which_peaks_were_lowered(folder, call):
    values = spiky_table("a.csv")
    status, message = call("--input", "a.csv", "--report", "r.json")
    assert status == 0
    removed = values - np.loadtxt("a.denoised.csv", delimiter=",", skiprows=1)[:, 1]
    largest = int(np.argmax(np.abs(removed)))
    assert f"removed from load {np.sqrt(np.mean(removed**2)):.3g} RMS" in message
    assert f"largest change {values[largest]:.4f}".rstrip("0") in message
    assert "warning: 4 isolated peaks were lowered, the largest from" in message
    assert f"at t {largest}, in row {largest + 1} of the data; if such peaks are data" in message
    (changes,) = json.loads(Path("r.json").read_text())["changes"]
    assert changes["lowered_peaks"] == 4
    assert changes["largest_change"]["sample"] == largest
    size_kb = Path("a.denoised.csv").stat().st_size / 1000
    assert message.splitlines()[-1].startswith(f"wrote a.denoised.csv ({size_kb:.0f} kB): ")
    assert changes["removed_rms"] == pytest.approx(np.sqrt(np.mean(removed**2)), rel=1e-3)


def test_peaks_that_are_to_be_kept_are_written_as_they_were(folder, call):
    spiky_table("a.csv")
    status, message = call("--input", "a.csv", "--keep-peaks")
    assert status == 0
    assert "samples of isolated peaks kept as they were" in message
    assert "warning" not in message
    before, after = (Path(name).read_text().splitlines()[1:] for name in ("a.csv", "a.denoised.csv"))
    same = [row for row, (one, other) in enumerate(zip(before, after, strict=True)) if one == other]
    assert set(same) >= {100, 250, 520, 777}
    assert len(same) < 100


@pytest.mark.parametrize("options", [["--series-column", "t"], []])
def test_peaks_are_kept_in_series_of_neighbours_only(folder, call, options):
    name = "a.csv" if options else "a.wav"
    spiky_table("a.csv")
    soundfile.write("a.wav", noise(3000), 16_000)
    status, message = call("--input", name, "--keep-peaks", *options)
    assert status == 2
    assert "--keep-peaks applies to a table or an array of signals, not audio and not --series-column" in message


def test_speech_model_on_a_table_is_doubted(folder, call):
    spiky_table("a.csv")
    status, message = call("--input", "a.csv", "--model", "speech", "--rate", 16000)
    assert status == 0
    assert "warning: the model speech is for sound only and may spoil other signals; use --model general" in message
