"""The footprint of the program: bounded memory, and only the packages that it needs."""

import subprocess
import sys

import soundfile

from programs import noise


def peak_memory_mb(*arguments: object) -> float:
    code = (
        "from denoise_stream.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])\n"
    )
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return float(done.stdout) / 1024


def test_memory_does_not_grow_with_the_file(folder, models):
    block = noise(48_000)
    for name, seconds in (("short.wav", 10), ("long.wav", 200)):
        with soundfile.SoundFile(name, "w", 48_000, 1) as file:
            for _ in range(seconds):
                file.write(block)
    options = ["--model", models["identity"], "--quiet", "--plot"]
    short = peak_memory_mb("--input", "short.wav", *options, "short.png")
    long = peak_memory_mb("--input", "long.wav", *options, "long.png")
    assert long < 350
    assert long - short < 15


def loaded_modules(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def test_import_loads_neither_tensorflow_nor_portaudio_nor_matplotlib():
    modules = loaded_modules("import denoise_stream")
    assert not modules & {"tensorflow", "keras", "matplotlib", "sounddevice", "onnxruntime", "denoise_train", "asyncio"}


def test_help_loads_neither_onnxruntime_nor_portaudio():
    code = (
        "import sys; sys.argv = ['denoise-stream', '--help']\n"
        "from denoise_stream.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    modules = loaded_modules(code)
    assert not modules & {
        "tensorflow",
        "sounddevice",
        "_sounddevice",
        "onnxruntime",
        "matplotlib",
        "soundfile",
        "asyncio",
    }


def test_denoising_loads_neither_portaudio_nor_matplotlib(folder):
    soundfile.write("a.wav", noise(2000), 16000)
    code = (
        "import sys; sys.argv = ['denoise-stream', '--input', 'a.wav', '--quiet']\n"
        "from denoise_stream.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert not loaded_modules(code) & {"tensorflow", "sounddevice", "matplotlib", "rich"}
