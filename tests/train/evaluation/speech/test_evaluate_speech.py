"""The evaluation of speech: fair to every method, honest about what has no score, and whole files only."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import peer_models
from denoise_stream import Denoiser, SinkError
from denoise_train.cli import evaluate as evaluate_cli
from denoise_train.dsp.metrics import si_sdr_db
from denoise_train.evaluation.listening import check_folder, write_signals
from denoise_train.evaluation.speech.compare import SpeechEvaluation, SpeechResult, evaluate_speech
from denoise_train.evaluation.speech.enhancers import engine_enhancer
from denoise_train.evaluation.speech.mixtures import SpeechMixtures, draw_speech_mixtures
from denoise_train.evaluation.speech.peers.protocol import Enhancer
from denoise_train.evaluation.speech.peers.registry import INSTALLED
from denoise_train.evaluation.speech.scores import ABOVE
from denoise_train.evaluation.speech.text import describe_speech
from denoise_train.recordings.recordings import Recordings

RATE = 16_000
SAMPLE = Path(__file__).parents[4] / "samples" / "speech_clean.wav"
SILENCER = Enhancer("silencer", 5.0, lambda noisy: 0 * noisy)


@pytest.fixture(scope="module")
def mixtures() -> SpeechMixtures:
    noise = np.random.default_rng(0).normal(0, 0.1, 50_000)
    speech = Recordings([soundfile.read(SAMPLE)[0]])
    return draw_speech_mixtures(
        0, 2, 2 * RATE, (0.0, 10.0), speech, {"a": Recordings([noise]), "b": Recordings([noise])}
    )


def result(
    name: str, si_sdr: float, pesq: list[float], stoi: float, tone: float = 0.0, ovrl: float | None = None
) -> SpeechResult:
    """Return a result for two SNRs and one signal; raw scores are higher by 10, so that none is taken for the other."""
    scores = {"si_sdr_db": [si_sdr, si_sdr], "pesq": pesq, "stoi": [stoi, stoi]}
    columns = {ABOVE[score]: np.array(values)[:, None] for score, values in scores.items()}
    columns |= {score: 10 + columns[ABOVE[score]] for score in scores}
    if ovrl is not None:
        columns["dnsmos_ovrl"] = np.full((2, 1), ovrl)
    return SpeechResult(name, 10.0, 0.01, columns, np.full(2, tone))


def among(model: SpeechResult, *peers: SpeechResult) -> SpeechEvaluation:
    noisy = result("no processing", 4.0, [1.5, 2.0], 0.8)
    return SpeechEvaluation((0.0, 10.0), ("rain",), noisy, model, peers, 213.3, 0.2)


def sentences(evaluation: SpeechEvaluation) -> str:
    return " ".join(describe_speech(evaluation).split())


# ------------------------------------------------------------------------------------------ the measurement


def test_every_method_is_measured_on_the_same_mixtures(models: dict[str, Path], mixtures: SpeechMixtures) -> None:
    heard: dict[tuple[str, int], np.ndarray] = {}
    found = evaluate_speech(
        engine_enhancer(Denoiser(models["recurrent_16k"])),
        INSTALLED[:1],
        mixtures,
        75,
        heard=lambda name, index, signals: heard.__setitem__((name, index), signals),
    )
    assert [one.name for one in found.results] == ["no processing", "test", "RNNoise"]
    for one in found.results:
        for index in range(2):
            expected = si_sdr_db(mixtures.clean, heard[one.name, index])
            np.testing.assert_array_equal(one.scores["si_sdr_db"][index], expected)
    np.testing.assert_array_equal(heard["no processing", 1], mixtures.noisy[1])
    assert found.peers[0].rtf > 1e-4
    assert (found.gain(found.peers[0], "pesq") > 0.1).all()


def test_a_model_that_changes_nothing_gains_nothing(models: dict[str, Path], mixtures: SpeechMixtures) -> None:
    found = evaluate_speech(engine_enhancer(Denoiser(models["identity_16k"])), (), mixtures, 75)
    for score, tolerance in (("si_sdr_db", 1e-3), ("pesq", 1e-3), ("stoi", 1e-4)):
        np.testing.assert_allclose(found.gain(found.model, ABOVE[score]), 0.0, atol=tolerance)
        np.testing.assert_allclose(found.gain(found.model, score), 0.0, atol=tolerance)


def test_mixtures_that_one_method_leaves_without_a_score_are_left_out_for_all(mixtures: SpeechMixtures) -> None:
    once = iter([False, False, True, False, False])  # the first call is a warm-up

    def silence_second(noisy: np.ndarray) -> np.ndarray:
        return 0 * noisy if next(once) else noisy

    found = evaluate_speech(Enhancer("moody", 1.0, silence_second), (), mixtures, 75)
    np.testing.assert_array_equal(found.scored("pesq"), [[True, False], [True, True]])
    kept = found.reference.scores["pesq"]
    np.testing.assert_allclose(found.mean(found.reference, "pesq"), [kept[0, 0], kept[1].mean()])
    assert "1 of 4 mixtures are left out of PESQ" in sentences(found)
    assert "gave back: moody." in sentences(found)


def test_where_nothing_can_be_judged_there_is_no_number(mixtures: SpeechMixtures) -> None:
    found = evaluate_speech(SILENCER, (), mixtures, 75)
    assert np.isnan(found.mean(found.model, "pesq")).all()
    figures = json.loads(json.dumps(found.figures(), allow_nan=False))
    assert figures["methods"][0]["pesq"] == {"by_snr": [None, None], "all": None}
    assert figures["methods"][1]["without_score"]["pesq"] == 4
    assert figures["mixtures_left_out"]["pesq"] == 4
    assert "4 of 4 mixtures are left out of PESQ" in sentences(found)


def test_figures_are_means_by_snr_and_by_noise(mixtures: SpeechMixtures) -> None:
    half = Enhancer("half", None, lambda noisy: noisy / 2)
    figures = evaluate_speech(half, (), mixtures, 75).figures()
    noisy, halved = figures["methods"]
    assert figures["signals_by_noise"] == {"a": 1, "b": 1}
    assert noisy["si_sdr_db"]["by_snr"] == pytest.approx(halved["si_sdr_db"]["by_snr"])
    assert halved["latency_ms"] is None
    by_noise = [halved["by_noise"][name]["stoi"] for name in "ab"]
    assert np.mean(by_noise) == pytest.approx(halved["stoi"]["all"])


# ------------------------------------------------------------------------------------------------- the text


def test_the_text_says_who_wins_where() -> None:
    model = result("ours", 9.0, [1.8, 2.9], 0.85)
    text = sentences(among(model, result("peer", 8.0, [1.9, 2.5], 0.9)))
    assert "ours +5.0 dB SI-SDR, +0.60 PESQ, +0.050 STOI; peer +4.0 dB SI-SDR, +0.45 PESQ, +0.100 STOI." in text
    assert "peer is ahead of ours in PESQ at 0 dB; STOI at every SNR." in text
    assert "lowers" not in text
    assert "every score" not in text
    best = sentences(among(model, result("peer", 8.0, [1.7, 2.5], 0.8)))
    assert best.endswith("ours is ahead in every score at every SNR.")


def test_the_text_says_where_a_model_does_harm() -> None:
    text = sentences(among(result("ours", 3.0, [1.6, 1.9], 0.79)))
    assert text.endswith("ours lowers SI-SDR, STOI at every SNR; PESQ at 10 dB.")


def test_raw_means_stand_beside_those_above_50_hz() -> None:
    text = describe_speech(among(result("ours", 9.0, [1.8, 2.9], 0.85)))
    rows = [line.split()[1:] for line in text.splitlines() if line.startswith("ours ")]
    assert rows[:3] == [
        ["5.0", "5.0", "5.0", "5.0"],
        ["1.80", "2.90", "2.35", "12.35"],
        ["0.850", "0.850", "0.850", "10.850"],
    ]
    assert "DNSMOS" not in text


def test_ratings_stand_beside_the_scores_where_there_are_any() -> None:
    noisy, model = (
        result(name, 4.0, [1.5, 2.0], 0.8, ovrl=ovrl) for name, ovrl in (("no processing", 1.5), ("ours", 2))
    )
    text = describe_speech(SpeechEvaluation((0.0, 10.0), ("rain",), noisy, model, (), 213.3, 0.2))
    assert "DNSMOS OVRL, the whole, by input SNR in dB" in text
    assert ["2.00", "2.00", "2.00"] in [line.split()[1:] for line in text.splitlines()]
    assert "+0.50 OVRL" in text


def test_a_tone_at_the_hop_rate_is_called_a_buzz() -> None:
    assert "buzz" not in sentences(among(result("ours", 9.0, [2, 2], 0.9, tone=2.0)))
    assert "has 9.0 dB more power than beside them (clean speech 0.2 dB, noisy 0.0 dB); that is a buzz." in sentences(
        among(result("ours", 9.0, [2, 2], 0.9, tone=9.0))
    )


# ----------------------------------------------------------------------------------------------- the program


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["denoise-evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        evaluate_cli.main()
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_the_program_prints_tables_and_writes_figures_pictures_and_signals(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "hiss.wav", np.random.default_rng(0).normal(0, 0.1, 44_100), 44_100)
    pictures = ("--plot", tmp_path / "gains.png", "--panels", tmp_path / "spectra.png")
    outputs = (*pictures, "--json", tmp_path / "figures.json", "--write", tmp_path / "listen" / "here")
    recordings = ("--clean", SAMPLE, "--noise", tmp_path / "noise")
    few = ("--signals", "2", "--length", 2 * RATE, "--snr", "0,10")
    gtcrn, folder = peer_models.spectral(tmp_path / "g.onnx", "gtcrn"), peer_models.dtln(tmp_path / "dtln")
    peers = (
        "--peer",
        f"gtcrn={gtcrn}",
        "--peer",
        f"dtln={folder}",
        "--dnsmos",
        peer_models.dnsmos(tmp_path / "d.onnx"),
    )
    assert run(monkeypatch, models["recurrent_16k"], "--speech", *recordings, *few, *peers, *outputs) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    for word in (
        "SI-SDR improvement",
        "PESQ",
        "STOI",
        "RTF",
        "RNNoise",
        "noisereduce, stationary",
        "213.3 Hz",
        "OVRL",
        "raw",
    ):
        assert word in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["sample_rate_hz"], figures["length_samples"], figures["signals"]) == (RATE, 2 * RATE, 2)
    assert figures["noise"] == [str(tmp_path / "noise")]
    assert figures["peers"] == {"gtcrn": str(gtcrn), "dtln": str(folder)}
    names = ["no processing", "test", "RNNoise", "noisereduce", "noisereduce, stationary", "GTCRN", "DTLN"]
    assert [method["name"] for method in figures["methods"]] == names
    nothing, *_, identity = figures["methods"]
    for score in ("si_sdr_db", "si_sdr_above_50_hz_db", "pesq_above_50_hz", "stoi", "dnsmos_sig", "dnsmos_ovrl"):
        assert identity[score]["by_snr"] == pytest.approx(nothing[score]["by_snr"], abs=1e-3)
    assert identity["si_sdr_improvement_above_50_hz_db"]["all"] == pytest.approx(0, abs=1e-3)
    for picture in (tmp_path / "gains.png", tmp_path / "spectra.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    listen = tmp_path / "listen" / "here"
    written = sorted(str(path.relative_to(listen)) for path in listen.rglob("*.*"))
    methods = ("DTLN", "GTCRN", "RNNoise", "noisereduce", "noisereduce-stationary", "noisy", "test")
    mixed = [f"{method}/{name}.wav" for method in methods for name in ("000_0dB", "000_10dB", "001_0dB", "001_10dB")]
    assert written == sorted(["clean/000.wav", "clean/001.wav", *mixed])
    heard = soundfile.info(listen / "test" / "001_10dB.wav")
    assert (heard.samplerate, heard.frames, heard.subtype) == (RATE, 2 * RATE, "PCM_16")
    clean, noisy = (soundfile.read(listen / name)[0] for name in ("clean/000.wav", "noisy/000_0dB.wav"))
    assert si_sdr_db(clean[None], noisy[None])[0] == pytest.approx(0, abs=4)


SPEECH = ("general", "--speech", "--clean", "s", "--noise", "n")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("general", "--speech", "--clean", "s"), 2, "--speech mixes recordings: add --clean SPEECH and --noise"),
        ((*SPEECH, "--noise", "pink"), 2, "--speech mixes recorded noise; --noise pink is a synthetic kind"),
        ((*SPEECH, "--pairs", "a", "b"), 2, "--pairs and --speech are two evaluations; ask for one of them"),
        ((*SPEECH, "--harm"), 2, "--harm and --speech are two evaluations"),
        ((*SPEECH, "--rate", "8000"), 2, "--rate cannot be set: --speech resamples audio to 16000 Hz"),
        ((*SPEECH, "--length", "1500"), 2, "--length 1500 is too short to judge speech; use 16000, a second, or more"),
        (
            ("general", "--dnsmos", "d.onnx"),
            2,
            "--dnsmos needs --speech",
        ),
        (("general", "--peer", "gtcrn=g"), 2, "--peer needs --speech"),
        ((*SPEECH, "--peer", "dccrn=d.onnx"), 2, "--peer 'dccrn=d.onnx': use NAME=PATH, where NAME is dtln, fastenha"),
        (
            (*SPEECH, "--peer", "gtcrn=g.onnx"),
            1,
            "cannot read g.onnx: no such file; needed: GTCRN: the streaming",
        ),
        ((*SPEECH, "--dnsmos", "d.onnx"), 1, "cannot read d.onnx: no such file; needed: DNSMOS P.835"),
        (("general", "--write", "here"), 2, "--write needs --speech"),
        (SPEECH, 1, "cannot read s: no such file or folder"),
        ((*SPEECH, "--write", "full"), 1, "full holds files already; use --force to write among them"),
        ((*SPEECH, "--write", "full/file"), 1, "full/file is not a folder; choose another one to write to"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: tuple[str, ...],
    status: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("precious")
    assert run(monkeypatch, *arguments) == status
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "file"]


@pytest.mark.parametrize("package", ["pesq", "pystoi", "pyrnnoise", "noisereduce"])
def test_a_missing_package_names_its_extra(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    whole = "denoise_train.evaluation.speech"
    for name in [name for name in sys.modules if name.startswith(f"{whole}.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("run", "compare", "scores", "metrics", "peers"):
        monkeypatch.delattr(f"{whole}.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    assert run(monkeypatch, *SPEECH) == 1
    assert (
        '--speech needs an optional part; run: pip install "denoise-stream[speech-metrics]"' in capsys.readouterr().err
    )


def test_a_folder_to_listen_to_is_filled_again_by_force_only(tmp_path: Path) -> None:
    signals = np.array([[0.0, 0.5, 1.5, -2.0]])
    check_folder(tmp_path, force=False)
    write_signals(tmp_path, "a, b/c", ["one"], signals, RATE)
    stored, rate = soundfile.read(tmp_path / "a-b-c" / "one.wav", dtype="int16")
    assert (stored.tolist(), rate) == ([0, 16384, 32767, -32768], RATE)
    with pytest.raises(SinkError, match="holds files already"):
        check_folder(tmp_path, force=False)
    check_folder(tmp_path, force=True)
    check_folder(tmp_path / "new" / "one", force=False)
