# What a newcomer needs: `make demo`, then `make test`. CI calls these targets as they are.

PYTHON ?= python3
BIN := .venv/bin
BENCH := PYTHONPATH=tests/helpers $(BIN)/python
MODELS := stream/denoise_stream/models
FUZZ_SECONDS ?= 60
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
RUNTIME ?= build/$(notdir $(PYTHON))
RUNTIME_TESTS ?= tests/stream/test_contract.py tests/stream/test_hostile_models.py tests/stream/engine tests/stream/pool/test_pool.py \
	$(addprefix tests/stream/files/,test_formats.py test_array_files.py test_audio_files.py)
WASM := export/embed/node/wasm
NPM := export/embed/node/node_modules/.package-lock.json export/embed/browser/node_modules/.package-lock.json

.PHONY: demo test test-embed test-slow test-long test-runtime test-floors test-agents fuzz lint models model-speech search bench bench-archive bench-pool bench-live bench-ecg
.PHONY: bench-ecg-wander bench-verdict bench-speech bench-gate bench-c bench-embed bench-web soak web docs figures npm modules npm-package clean

demo: .venv/runtime  # denoise the two shipped samples; runtime only, no TensorFlow
	$(BIN)/python samples/demo.py

test: .venv/tests lint  # everything: style, types, tests
	$(BIN)/python -m pytest $(PARALLEL)

test-embed: .venv/tests npm  # the model in C, Node, Chromium and plain Python gives the engine's samples
	$(BIN)/python -m pytest tests/export/smaller/test_derive.py tests/export/to_c tests/export/plugin tests/export/embed

test-slow: .venv/tests npm  # what takes minutes: a Ray cluster whose nodes die, every part of the web page, long trainings
	$(BIN)/python -m pytest -m "slow and not alone" $(PARALLEL)
	$(BIN)/python -m pytest -m alone

test-long: .venv/tests  # every Keras network at every window, thousands of tables, pipes of gigabytes: about half an hour
	$(BIN)/python -m pytest -m long

test-runtime:  # the runtime's core on another Python, a minute of tests: make test-runtime PYTHON=python3.13
	$(PYTHON) -m venv $(RUNTIME)
	$(RUNTIME)/bin/python -m pip install --quiet $(CONSTRAINTS) --editable ".[images,parquet,plot]" \
		hypothesis joblib onnx pandas pytest websockets
	$(RUNTIME)/bin/python -m pytest $(RUNTIME_TESTS)

test-floors:  # the same at the oldest versions that pyproject.toml allows
	mkdir -p build
	$(PYTHON) -m tools.floors > build/floors.txt
	$(MAKE) test-runtime RUNTIME=build/floors CONSTRAINTS="--constraint build/floors.txt"

test-agents:  # the filter for Pipecat and the processor for LiveKit, whose packages pin others: in an environment of their own
	$(PYTHON) -m venv build/agents
	build/agents/bin/python -m pip install --quiet --editable ".[pipecat,livekit]" livekit-agents pytest
	build/agents/bin/python -m pytest --confcutdir tests/stream/integrations tests/stream/integrations

fuzz: .venv/tests  # hostile files, pipes, models and clients, made anew: make fuzz FUZZ_SECONDS=3600 for an hour
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest tests/test_fuzz.py

lint: .venv/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

models: .venv/tests  # train and export x2, general and general-small from random weights (7 hours on two cores)
	rm -rf runs/shipped
	$(BIN)/denoise-train x2 --output runs/shipped/x2
	$(BIN)/denoise-train general --output runs/shipped/general
	$(BIN)/denoise-train general-small --output runs/shipped/general-small
	$(BIN)/python -m tools.shipping runs/shipped/x2
	$(BIN)/python -m tools.shipping runs/shipped/general
	$(BIN)/python -m tools.shipping runs/shipped/general-small

model-speech: .venv/tests  # train and export the speech model: make model-speech SPEECH=folder NOISE="folders" (13 hours)
	rm -rf runs/shipped/speech runs/shipped/speech-first
	$(BIN)/denoise-train speech --clean $(SPEECH) $(NOISE:%=--noise %) --output runs/shipped/speech-first
	$(BIN)/denoise-train speech --clean $(SPEECH) $(NOISE:%=--noise %) --output runs/shipped/speech \
		--from runs/shipped/speech-first --set loss.quality_weight=1.0 --epochs 30 --seed 2
	$(BIN)/python -m tools.shipping runs/shipped/speech --fp16 --block

search: .venv/tests  # compare autoencoders of a window alone: for docs/models/general.md (long)
	$(BENCH) benchmarks/bench_architectures.py

bench: .venv/tests  # one table: hop, file, pool, C, WebAssembly against onnxruntime alone, RNNoise, PEERS="gtcrn=FILE ..."
	$(BENCH) benchmarks/bench_engine.py $(PEERS:%=--peer %)

bench-archive: .venv/tests  # throughput of archives against a serial loop and onnxruntime, kills, memory (long)
	$(BENCH) benchmarks/bench_archive.py

bench-pool: .venv/tests  # streams that one core sustains, and their latency
	$(BENCH) benchmarks/bench_pool.py

bench-live: .venv/runtime  # latency from a virtual microphone to a virtual loudspeaker (needs pulseaudio)
	$(BENCH) benchmarks/bench_live.py

bench-ecg: .venv/tests  # gains on real ECG and what training on it adds: make bench-ecg ECG=folder of MIT-BIH records
	$(BENCH) benchmarks/bench_ecg.py $(ECG) --train

bench-ecg-wander: .venv/tests  # the literature's measures on ECG: make bench-ecg-wander ECG=folder MODEL=ecg.onnx NOISE="folders"
	$(BENCH) benchmarks/bench_ecg_wander.py $(ECG) $(MODEL) $(if $(NOISE),--noise $(NOISE))

bench-verdict: .venv/tests  # how often denoise-evaluate FILE is right: make bench-verdict RECORDINGS="folders"
	$(BENCH) benchmarks/bench_verdict.py $(RECORDINGS)

bench-speech: .venv/tests  # speech beside RNNoise and noisereduce: make bench-speech SPEECH=folder NOISE="folders"
	$(BENCH) benchmarks/bench_speech.py $(SPEECH) $(NOISE) $(MODEL:%=--model %) $(PEERS:%=--peer %) $(DNSMOS:%=--dnsmos %)

bench-gate: .venv/tests  # the gate between words, of speech: make bench-gate SPEECH=folder NOISE="folders"
	$(BENCH) benchmarks/bench_gate.py $(SPEECH) $(NOISE)

bench-c: .venv/tests  # the C source against onnxruntime, binary size, memory (needs gcc; clang if it is there)
	$(BENCH) benchmarks/bench_c.py

bench-embed: .venv/tests  # size, speed and loss of 16-bit and 8-bit models: the table of export/embed/README.md
	$(BENCH) benchmarks/bench_embed.py

bench-web: npm modules  # the page's weight, its start, and a minute of the microphone (needs chromium)
	$(BENCH) benchmarks/bench_web.py

soak: .venv/tests  # an hour live, 24 hours of signal: benchmarks/soak.py live HOURS, signal HOURS (needs pulseaudio)
	$(BENCH) benchmarks/soak.py

web: npm modules  # build the page and serve it on this machine
	cd export/embed/browser && npm run --silent build
	$(PYTHON) export/embed/browser/serve.py

docs: .venv/docs  # build the documentation with the API reference into build/site; warnings are errors
	$(BIN)/python -m mkdocs build --strict

figures: .venv/runtime  # write the tables of README.md and docs/ from docs/results
	$(BIN)/python -m tools.figures

npm: $(NPM)

$(WASM)/%.wasm: $(MODELS)/%.onnx $(wildcard export/denoise_export/channel/*.* export/denoise_export/to_c/*.* export/denoise_export/to_wasm/*.*) | .venv/tests
	$(BIN)/denoise-export $* --wasm $(WASM) --force

modules: $(foreach name,speech general-small general x2,$(WASM)/$(name).wasm)  # the models as WebAssembly (needs clang, lld, wasi-libc)

npm-package: modules  # the npm package with a module of every model, in build
	mkdir -p build
	cd export/embed/node && npm pack --pack-destination ../../../build

clean:
	rm -rf .venv build demo export/embed/*/node_modules export/embed/browser/dist $(WASM)

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	touch $@

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	touch $@

.venv/runtime: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[plot]"
	touch $@

.venv/docs: .venv/runtime
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

.venv/tests: .venv/runtime
	$(BIN)/python -m pip install --quiet --editable ".[all,test]"
	touch $@
