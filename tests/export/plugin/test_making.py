"""The command that makes a plug-in: what it says, what it writes, where it installs."""

import dataclasses
import shlex
import subprocess
import sys

import pytest

from denoise_export import cli
from denoise_export.plugin import building
from denoise_export.plugin.installing import install
from denoise_export.plugin.plugin import Plugin
from denoise_stream import SinkError
from denoise_stream.model import Model
from embed import need
from ladspa_host import descriptors
from onnx_models import identity


@pytest.fixture
def export(folder, monkeypatch, capsys):
    """Call the command in an empty folder that is also the user's own; return status, output and error."""
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("CC", "LADSPA_PATH", "LV2_PATH"):
        monkeypatch.delenv(variable, raising=False)

    def export(*words):
        monkeypatch.setattr(sys, "argv", ["denoise-export", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return export


@pytest.fixture
def pump(folder):
    return identity(folder / "pump.onnx", name='my "pump" 3é??/', sample_rate_hz="16000", license="CC \\ BY")


def test_plugin_is_built_and_described(export, pump, folder):
    need("gcc")
    status, told, _ = export(pump, "--ladspa", "made")
    assert status == 0
    assert told.startswith("made/denoise-my-pump-3.so: LADSPA plug-ins my_pump_3_mono and my_pump_3_stereo, ")
    assert told.endswith(" KiB, 11.3 ms of latency at 48000 Hz\n")
    names = [one.name.decode() for one in descriptors(folder / "made" / "denoise-my-pump-3.so")]
    assert names == ['Denoiser: my "pump" 3é??/ (mono)', 'Denoiser: my "pump" 3é??/ (stereo)']


def test_installed_plugin_lies_where_programs_search_and_pipewire_is_configured(export, pump, folder):
    need("gcc")
    status, told, _ = export(pump, "--ladspa", "a", "--lv2", "b", "--install")
    assert status == 0
    assert (folder / ".ladspa" / "denoise-my-pump-3.so").read_bytes() == (
        folder / "a/denoise-my-pump-3.so"
    ).read_bytes()
    bundle = [path.name for path in sorted((folder / ".lv2" / "denoise-my-pump-3.lv2").iterdir())]
    assert bundle == ["denoise-my-pump-3.so", "manifest.ttl", "plugin.ttl"]
    assert f'plugin = "{folder}/.ladspa/denoise-my-pump-3.so"' in told
    assert 'plugin = "urn:denoise-stream:my-pump-3:mono"' in told
    assert "# Save as ~/.config/pipewire/pipewire.conf.d/denoise-my-pump-3.conf" in told


@pytest.fixture
def unbuilt(pump, folder):
    """A plug-in whose library is any file."""
    plugin = Plugin(folder, "ladspa", Model(pump).contract)
    plugin.library.write_text("new")
    return plugin


def test_installation_replaces_another_only_with_force(export, unbuilt, folder):
    installed = folder / ".ladspa" / "denoise-my-pump-3.so"
    installed.parent.mkdir()
    installed.write_text("mine")
    with pytest.raises(SinkError, match=r"denoise-my-pump-3\.so exists; use --force to replace it"):
        install(unbuilt)
    assert installed.read_text() == "mine"
    install(unbuilt, force=True)
    assert installed.read_text() == "new"


def test_first_folder_of_the_search_path_that_can_be_written_gets_the_plugin(export, unbuilt, folder, monkeypatch):
    (folder / "mine").mkdir()
    monkeypatch.setenv("LADSPA_PATH", f"{folder}/none:{folder}/mine:{folder}/.ladspa")
    assert install(unbuilt).library == folder / "mine" / "denoise-my-pump-3.so"
    assert (folder / "mine" / "denoise-my-pump-3.so").read_text() == "new"


def test_without_a_compiler_the_sources_are_written_and_the_command_is_printed(export, pump, monkeypatch):
    monkeypatch.setattr(building, "COMPILERS", ())
    status, told, _ = export(pump, "--lv2", "made here")
    assert status == 0
    assert "no C compiler was found" in told
    need("cc")
    subprocess.run(["bash", "-c", told.strip().partition("elsewhere: ")[2]], check=True, timeout=120)
    status, _, error = export(pump, "--lv2", "other", "--install")
    assert (status, error.count("\n")) == (1, 1)
    assert "nothing is installed; the sources are in other" in error


def test_makefile_builds_the_library(export, pump, folder, monkeypatch):
    need("cc", "make")
    monkeypatch.setattr(building, "COMPILERS", ())
    assert export(pump, "--ladspa", "made")[0] == 0
    subprocess.run(["make", "-s", "-C", "made"], check=True, timeout=120)
    assert [one.port_count for one in descriptors(folder / "made" / "denoise-my-pump-3.so")] == [6, 8]


def test_compiler_that_fails_is_reported_in_one_sentence(export, pump, folder, monkeypatch):
    monkeypatch.setenv("CC", shlex.join(["sh", "-c", "echo 'x.c:1: error: no more memory' >&2; exit 1"]))
    status, _, error = export(pump, "--ladspa", "made")
    assert (status, error.count("\n")) == (1, 1)
    assert "x.c:1: error: no more memory; the sources stay in made" in error
    assert not (folder / "made" / "denoise-my-pump-3.so").exists()
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "cannot start the compiler no-such-compiler" in export(pump, "--ladspa", "made", "--force")[2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--install", "--c", "c"], "--install is for plug-ins; add --ladspa DIR or --lv2 DIR"),
        (["--ladspa", "p", "--lv2", "p"], "is named twice; --ladspa, --lv2 and --c need a folder each"),
    ],
)
def test_wrong_usage_is_reported_in_one_sentence(export, pump, folder, words, sentence):
    status, _, error = export(pump, *words)
    assert (status, error.count("\n")) == (2, 1)
    assert sentence in error
    assert [path.name for path in folder.iterdir()] == ["pump.onnx"]


def test_model_that_no_plugin_can_hold_is_refused(export, folder):
    slow = identity(folder / "slow.onnx", sample_rate_hz="62.5")
    assert "slow.onnx is for 62.5 Hz; a plug-in needs a model for a whole number of Hz" in export(slow, "--lv2", "p")[2]
    assert not (folder / "p").exists()


def test_sources_are_kept_without_force(export, pump, folder):
    (folder / "made").mkdir()
    (folder / "made" / "channel.c").write_text("mine")
    status, _, error = export(pump, "--ladspa", "made")
    assert (status, "made/channel.c exists; use --force to replace it" in error) == (1, True)
    assert [path.name for path in (folder / "made").iterdir()] == ["channel.c"]


def test_a_name_of_any_length_makes_names_of_files(pump, folder):
    contract = dataclasses.replace(Model(pump).contract, name="pump " * 1000)
    assert len(Plugin(folder, "ladspa", contract).library.name) < 150
