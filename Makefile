# Thin on purpose: what does the work is in scripts/, and every command here can be typed by hand.
# One folder for what cargo builds, so that demo and tests build nothing twice. docs/adr/0002-two-profiles.md tells of the profiles.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tagfleet
export CARGO_TARGET_DIR ?= $(CACHE)/target
export TAGFLEET_MODELS_DIR ?= $(CACHE)/models

.DEFAULT_GOAL := help
.PHONY: help demo install package sbom package-check test test-console clients fleet fleet-restart models loadtest test-batch-kill fmt lint fuzz test-gallery dashboards test-dashboards manifests compose-check pods-check test-faults soak bench-worker bench-device bench-captions bench-sessions bench-prepare bench-hostile bench-batch bench-retag bench-plane bench-queue bench-realistic bench-tiny bench-features bench-quality bench-reading bench-lines bench-overload bench-cache bench-892 bench-cold bench-clients bench-all bench-simulation flame clean-cache

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build everything, start it, tag the sample photos; runs until Ctrl-C (DEMO_EXIT=1: ends after the samples)
	@scripts/demo.sh

install: ## Build `tagfleet` as it ships, and put it into ~/.local/bin (PREFIX=/usr/local: elsewhere)
	@scripts/install.sh

package: ## A Debian package and a tarball of `tagfleet` in dist/: units, manual, completions (TAGFLEET_BINARIES: of a program that is there)
	@scripts/package.sh

sbom: ## What the program is made of: every crate with its version, licence and hash, as CycloneDX in dist/
	@scripts/sbom.sh

package-check: ## Install that package on a fresh Debian, start each role under systemd, tag, upgrade, remove; wants root
	@deploy/package/check.sh

test: ## The tests, with the real models and with brokers of the tests' own; test-console, test-dashboards and test-faults are apart
	@scripts/test.sh

test-console: ## The pages in a browser: main jobs, keyboard alone, axe, two widths, two themes; pictures in target/console (CONSOLE_TESTS=try)
	@scripts/setup.sh console
	@bash -euo pipefail -c 'steps=1; . scripts/lib.sh; prepare_models "--only samples" build --package tagfleet'
	@CONSOLE_SHOTS=target/console scripts/console.sh

fleet: ## RabbitMQ, Redis, HAProxy, two API servers, a migrator, two workers on this machine (FLEET_EXIT=1, FLEET_APIS, FLEET_WORKERS, FLEET_ROUNDS)
	@scripts/fleet.sh

fleet-restart: ## The same under load (FLEET_RATE: 15 a core), every role restarted one by one: no request may fail
	@FLEET_EXIT=1 FLEET_RESTART=1 TAGFLEET_CAPTIONER=template scripts/fleet.sh

clients: ## Python wheel and TypeScript types into dist/, from the service that make demo built (npm is wanted for the types alone)
	@scripts/setup.sh build
	@scripts/clients.sh build

models: ## Fetch and build the models; does nothing where they are there
	@python3 models/build.py

loadtest: ## Build the load generator (loadtest --help)
	@scripts/setup.sh build
	@bash -euo pipefail -c 'profile=release; . scripts/lib.sh; claim_target; cargo build --release --locked --package tagfleet --package loadtest --bin loadtest'

test-batch-kill: ## A batch of 20,000 images while everything around it is killed, each once (TAGFLEET_BATCH_KILL_ITEMS)
	@TAGFLEET_BATCH_KILL_ITEMS=$${TAGFLEET_BATCH_KILL_ITEMS:-20000} cargo test --profile quick --locked --workspace --test fleet outlives_everything -- --nocapture

test-faults: ## Every fault, each with its ledger; a table at the end (FAULT=redis: those whose names hold this)
	@scripts/faults.sh $(FAULT)

soak: ## Half load, a batch beside it, a random fault every 5 s; memory and descriptors at the end (MINUTES=20, SEED)
	@TAGFLEET_SOAK_MINUTES=$(or $(MINUTES),20) TAGFLEET_SOAK_SEED=$(or $(SEED),$$(date +%s)) scripts/faults.sh --exact slow::soak::soak

fmt: ## Format the code
	@cargo fmt --all
	@cargo fmt --manifest-path fuzz/Cargo.toml

lint: ## Format, clippy, documentation and shell scripts, nothing changed
	@scripts/lint.sh

test-gallery: ## Some 250 files of every format, depth, orientation and damage, decoded as the service does, beside Pillow's
	@scripts/gallery.sh $(GALLERY)

fuzz: ## Inputs that nobody thought of, for a minute each (FUZZ_SECONDS=600: ten); what breaks something is kept
	@scripts/fuzz.sh

dashboards: ## Write Grafana's dashboards and Prometheus' rules out of deploy/observability
	@scripts/setup.sh build
	@bash -euo pipefail -c '. scripts/lib.sh; . scripts/python.sh; make_python; "$$made/python/bin/python" -B deploy/observability/generate.py'

test-dashboards: ## A fleet under load beside a Prometheus: every metric of rules and panels is there, every panel has data, no alert fires
	@scripts/dashboards.sh

manifests: ## Whether Kubernetes, HAProxy, Prometheus and a container build would take what is in k8s/ and deploy/; needs none of them running
	@scripts/manifests.sh

compose-check: ## Build the images, run docker-compose.yml with its profiles, kill two of its containers; wants a Docker engine (CHECK_BUILD=1)
	@deploy/check/run.sh

pods-check: ## Every role as its pod will run, on this machine: read-only root, no rights, limits, six slow images, SIGTERM; wants root
	@deploy/check/pods.sh

bench-cold: ## What a newcomer's first commands cost, from a new clone, over a yardstick (COLD_COMMIT, COLD_TESTS)
	@scripts/bench-cold.sh

bench-worker: ## Worker throughput through RabbitMQ over bare ONNX Runtime, and 8 bits over floats (BENCH_ROUNDS, BENCH_SECONDS)
	@python3 models/build.py --labelled $(CACHE)/bench-labelled
	@TAGFLEET_BENCH_LABELLED=$(CACHE)/bench-labelled scripts/bench.sh tagfleet worker

bench-device: ## What one device can do and how much of it a worker uses, with a report (TAGFLEET_DEVICE=cuda; BENCH_SECONDS)
	@$(if $(filter-out cpu,$(TAGFLEET_DEVICE)),python3 models/build.py --gpu)
	@scripts/bench.sh tagfleet device

bench-captions: models ## The language model: several captions at once, one at a time, remembered; then their check (BENCH_CAPTIONS)
	@cargo bench --locked --workspace --bench captions
	@python3 ai-worker/benches/captions/check.py target/bench/captions.ndjson $(TAGFLEET_MODELS_DIR)/efficientnet-lite0/labels.json

bench-sessions: models ## ONNX Runtime's settings against the ones that the worker uses
	@cargo bench --locked --workspace --bench sessions

bench-prepare: ## Photo to tile against libvips and Pillow, on one core
	@scripts/bench-prepare.sh

bench-hostile: ## Good requests beside four times as many hostile ones (HOSTILE_SECONDS, HOSTILE_ROUNDS)
	@scripts/bench.sh api-server hostile

bench-plane: ## Requests a second through HTTP, RabbitMQ and Redis with a fake engine, over a floor (PLANE_SECONDS, PLANE_SLO_MS)
	@scripts/bench.sh tagfleet plane

bench-queue: ## What a message costs at the broker, by the kind of its queue (QUEUE_SECONDS)
	@scripts/bench.sh tagfleet queue

bench-realistic: models ## Photos by URL through the whole fleet with the real tagger, over bare ONNX Runtime; then with a fake engine (REALISTIC_SECONDS)
	@scripts/bench.sh tagfleet realistic

bench-tiny: ## Processor time of tiny photos by URL, in one process and in a fleet, with a fake engine (TAGFLEET_OLD=other binary, TINY_ROUNDS)
	@scripts/bench.sh tagfleet tiny

bench-features: ## What is told beside tags costs, with the real models (FEATURES_ROUNDS, FEATURES_REQUESTS)
	@scripts/bench-features.sh

bench-quality: ## What all models together tell of pictures whose truth is known
	@scripts/bench-quality.sh

bench-reading: ## What is read on pages whose text is known, in four scripts, and what a line takes
	@scripts/bench-reading.sh

bench-lines: ## A list of a million rows, nine in a hundred broken, through one process (LINES_OF_LIST)
	@scripts/bench-lines.sh

bench-overload: ## Twice, five and ten times of what can be done, with a fake engine: what is kept of it (OVERLOAD_SERVICE_MS, OVERLOAD_SECONDS)
	@scripts/bench.sh tagfleet overload

bench-cache: ## Hits a second, what a crowd before one new photo causes, and what a miss costs (CACHE_RATE, CACHE_SECONDS)
	@scripts/bench.sh tagfleet cache

bench-simulation: ## The same cases for real with fake engines and in the simulator, side by side (SIMULATION_SECONDS, SIMULATION_CASES)
	@scripts/bench.sh tagfleet simulation

bench-892: ## The old design against the fleet, with a fake engine and slow origins (PUBLISHED_SECONDS, PUBLISHED_SLO_MS)
	@scripts/bench.sh tagfleet published

bench-retag: models ## Other tags of a million images' kept scores, without a worker (RETAG_IMAGES, RETAG_THRESHOLD)
	@scripts/bench.sh tagfleet retag

bench-clients: models ## The Python client tags 5,000 images at a service's limit: fake engine, then the real tagger (LIMIT_IMAGES)
	@scripts/clients.sh bench

bench-batch: ## A batch through RabbitMQ with a fake engine, alone, beside real-time load, and as a dry run foretells it; then five million lines (BATCH_PARTS, BATCH_IMAGES, BATCH_LINES)
	@scripts/bench.sh tagfleet batch
	@scripts/bench-stream.sh

bench-all: ## Each benchmark short; figures into docs/benchmarks/history.csv, and a plot of how they moved (BENCH="plane worker")
	@python3 scripts/bench-all.py $(BENCH)

flame: ## Where a benchmark's processor time goes (FLAME=plane, FLAME_AFTER): target/bench/flame-plane.svg
	@scripts/flame.sh $(or $(FLAME),plane)

clean-cache: ## Remove what was built: cargo's folder, benchmark photos and our models (not your own beside them)
	@scripts/clean-cache.sh
