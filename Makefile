# What a newcomer needs: `make demo`, then `make test`. CI calls these targets as they are.

PYTHON ?= python3
BIN := .venv/bin
MODELS := stream/denoise_stream/models

.PHONY: demo test test-slow lint models bench bench-archive bench-pool bench-live clean

demo: .venv/runtime  # denoise the two shipped samples; runtime only, no TensorFlow
	$(BIN)/python samples/demo.py

test: .venv/tests lint  # everything: style, types, tests
	$(BIN)/python -m pytest

test-slow: .venv/tests  # what takes minutes: a Ray cluster whose nodes die
	$(BIN)/python -m pytest -m slow

lint: .venv/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

models: .venv/tests  # train and export the shipped models anew (about half an hour on two cores)
	rm -rf runs/shipped
	$(BIN)/denoise-train x2 --output runs/shipped/x2
	$(BIN)/denoise-train general --output runs/shipped/general
	$(BIN)/denoise-export runs/shipped/x2 --output $(MODELS)/x2.onnx --force
	$(BIN)/denoise-export runs/shipped/general --output $(MODELS)/general.onnx --force

bench: .venv/runtime  # CPU time of the engine against onnxruntime alone
	$(BIN)/python tests/bench_engine.py

bench-archive: .venv/tests  # throughput of archives against a serial loop and onnxruntime, kills, memory (half an hour)
	$(BIN)/python tests/bench_archive.py

bench-pool: .venv/tests  # streams that one core sustains, and their latency
	$(BIN)/python tests/bench_pool.py

bench-live: .venv/runtime  # latency from a virtual microphone to a virtual loudspeaker (needs pulseaudio)
	$(BIN)/python tests/bench_live.py

clean:
	rm -rf .venv demo

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	touch $@

.venv/runtime: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[plot]"
	touch $@

.venv/tests: .venv/runtime
	$(BIN)/python -m pip install --quiet --editable ".[all,test]"
	touch $@
