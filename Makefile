# Thin on purpose: what does the work is in scripts/, and every command here can be typed by hand.
# One profile, release, and one folder for what cargo builds, so that demo, tests and benchmarks build nothing twice.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tagfleet
export CARGO_TARGET_DIR ?= $(CACHE)/target
export TAGFLEET_MODELS_DIR ?= $(CACHE)/models

.DEFAULT_GOAL := help
.PHONY: help demo test fleet models fmt lint fuzz bench-worker bench-device bench-captions bench-sessions bench-prepare bench-hostile clean-cache

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build everything, start it, tag the sample photos; runs until Ctrl-C (DEMO_EXIT=1: ends after the samples)
	@scripts/demo.sh

test: ## Every test, with the real models and with brokers of the tests' own
	@scripts/test.sh

fleet: ## RabbitMQ, Redis, HAProxy, two API servers, two workers on this machine (FLEET_EXIT=1, FLEET_APIS, FLEET_WORKERS, FLEET_ROUNDS)
	@scripts/fleet.sh

models: ## Fetch and build the models; does nothing where they are there
	@python3 models/build.py

fmt: ## Format the code
	@cargo fmt --all
	@cargo fmt --manifest-path fuzz/Cargo.toml

lint: ## Format, clippy, documentation and shell scripts, nothing changed
	@scripts/lint.sh

fuzz: ## Inputs that nobody thought of, for a minute each (FUZZ_SECONDS=600: ten); what breaks something is kept
	@scripts/fuzz.sh

bench-worker: ## Worker throughput through RabbitMQ over bare ONNX Runtime, and 8 bits over floats (BENCH_ROUNDS, BENCH_SECONDS)
	@python3 models/build.py --labelled $(CACHE)/bench-labelled
	@TAGFLEET_BENCH_LABELLED=$(CACHE)/bench-labelled scripts/bench.sh tagfleet worker

bench-device: ## What one device can do and how much of it a worker uses, with a report (TAGFLEET_DEVICE=cuda; BENCH_SECONDS)
	@$(if $(filter-out cpu,$(TAGFLEET_DEVICE)),python3 models/build.py --gpu)
	@scripts/bench.sh tagfleet device

bench-captions: models ## The language model: several captions at once, one at a time, remembered; then their check (BENCH_CAPTIONS)
	@cargo bench --locked --package ai-worker --bench captions
	@python3 ai-worker/benches/captions/check.py target/bench/captions.ndjson $(TAGFLEET_MODELS_DIR)/efficientnet-lite0/labels.json

bench-sessions: models ## ONNX Runtime's settings against the ones that the worker uses
	@cargo bench --locked --package ai-worker --no-default-features --bench sessions

bench-prepare: ## Photo to tile against libvips and Pillow, on one core
	@scripts/bench-prepare.sh

bench-hostile: ## Good requests beside four times as many hostile ones (HOSTILE_SECONDS, HOSTILE_ROUNDS)
	@scripts/bench.sh api-server hostile

clean-cache: ## Remove what was built: cargo's folder, benchmark photos and our models (not your own beside them)
	@scripts/clean-cache.sh
