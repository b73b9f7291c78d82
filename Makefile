# What a newcomer needs: `make demo`, then `make test`. CI calls these targets as they are.

PYTHON ?= python3
BIN := .venv/bin
MODELS := stream/denoise_stream/models

.PHONY: demo test lint models bench bench-live bench-ecg clean

demo: .venv/runtime  # denoise the two shipped samples; runtime only, no TensorFlow
	$(BIN)/python samples/demo.py

test: .venv/tests lint  # everything: style, types, tests
	$(BIN)/python -m pytest

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
	$(BIN)/python -m denoise_train.start runs/shipped/general  # the network that --from general starts from

bench: .venv/runtime  # CPU time of the engine against onnxruntime alone
	$(BIN)/python tests/bench_engine.py

bench-live: .venv/runtime  # latency from a virtual microphone to a virtual loudspeaker (needs pulseaudio)
	$(BIN)/python tests/bench_live.py

bench-ecg: .venv/tests  # gains on real ECG and what training on it adds: make bench-ecg ECG=folder of MIT-BIH records
	$(BIN)/python tests/bench_ecg.py $(ECG) --train

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
