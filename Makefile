# `make` lists what can be done.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready
PEERS := .venv-peers
FUZZER := .venv-soak
WORKERS ?= auto

.DEFAULT_GOAL := help

.PHONY: help
help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

$(READY): requirements/dev.lock pyproject.toml
	@echo "Setting up $(VENV) from requirements/dev.lock ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

.PHONY: setup
setup: $(READY)  ## create .venv from the lock

.PHONY: demo
demo: $(READY)  ## audit a simulated fleet over WinRM, mend it, undo that, answer an attack, and compare (ENGINE=pwsh: in a real PowerShell)
	@$(BIN)/exrun lab demo --engine $(or $(ENGINE),sim)

.PHONY: screens
screens: $(READY)  ## capture an audit, a plan and an apply in tmux, for docs/explanation/screens (with tmux)
	@$(BIN)/python scripts/screens.py

.PHONY: pictures
pictures: $(READY)  ## draw every page in Chromium, on screens and paper, into FOLDER (default: build/pictures)
	@$(BIN)/python -m scripts.pictures $(or $(FOLDER),build/pictures)

.PHONY: test
test: $(READY)  ## lint, types, what a host costs, and all tests: what CI runs
	@$(MAKE) --no-print-directory -j 2 lint types instructions
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: instructions
instructions: $(READY)  ## what an audit's start and one more host cost, in instructions (with valgrind)
	@$(BIN)/python -m benchmarks.instructions --kept

.PHONY: test-busy
test-busy: $(READY)  ## make test COUNT=5 times beside stress-ng, which takes every core twice (Linux; not part of CI)
	@$(BIN)/python scripts/test_busy.py $(or $(COUNT),5) $(MAKE) test WORKERS=$(WORKERS)

$(PEERS)/.ready: requirements/peers.lock
	@echo "Setting up $(PEERS) from requirements/peers.lock ..."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/peers.lock
	@touch $(PEERS)/.ready

# With node and npm alone; what is missing the tests say, last and loud.
$(PEERS)/editor/.ready: tests/peers/editor/package-lock.json | $(PEERS)/.ready
	@mkdir -p $(@D) && cp tests/peers/editor/package.json tests/peers/editor/package-lock.json $(@D)
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "no language server is installed: there is no node or no npm"; \
	elif npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent; then touch $@; \
	else echo "no language server could be installed: npm found no registry that answers"; fi

.PHONY: peers
peers: $(READY) $(PEERS)/.ready $(PEERS)/editor/.ready  ## try the lab with Ansible and our schemas in VS Code's servers for YAML and TOML, installed apart for it (not on Windows)
	@$(BIN)/python -m pytest tests/peers

.PHONY: lint
lint: $(READY)  ## ruff: style, imports, formatting; import-linter: what may import what
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache --no-logo

.PHONY: types
types: $(READY)  ## mypy in strict mode
	@$(BIN)/mypy

.PHONY: format
format: $(READY)  ## ruff format and safe fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

$(FUZZER)/.ready: requirements/soak.lock
	@echo "Setting up $(FUZZER) from requirements/soak.lock ..."
	@rm -rf $(FUZZER)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --target $(FUZZER) -r requirements/soak.lock
	@touch $(FUZZER)/.ready

.PHONY: soak
soak: soak-scripts soak-readers soak-kills soak-losses soak-power soak-converge soak-isolation soak-faults  ## all soaks, one after the other (SEED=1)

.PHONY: soak-scripts
soak-scripts: $(READY)  ## many generated scripts: what the linter accepts, against PowerShell's own tree and engine (SEED=1 COUNT=20000)
	@SEED=$(SEED) COUNT=$(COUNT) $(BIN)/python tests/playbooks/lint/soundness/soak.py

.PHONY: soak-readers
soak-readers: $(READY) $(FUZZER)/.ready  ## both readers of what hosts send, under atheris (Linux; SEED=1 RUNS=200000)
	@PYTHONPATH=$(FUZZER):. $(BIN)/python tests/runner/transport/fuzzing.py clixml $(or $(RUNS),200000) $(or $(SEED),1)
	@PYTHONPATH=$(FUZZER):. $(BIN)/python tests/runner/transport/fuzzing.py fragments $(or $(RUNS),200000) $(or $(SEED),1)

SOAK = $(BIN)/python -m tests.runner.soaking $(@:soak-%=%) $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

.PHONY: soak-kills
soak-kills: $(READY)  ## runs of a plan that are killed, go on, and are killed again (not on Windows; SEED=1 COUNT=800)
	@$(SOAK)

.PHONY: soak-losses
soak-losses: $(READY)  ## plans whose answers are dropped, 1, 5 and 20 % of them (SEED=1 COUNT=300)
	@$(SOAK)

.PHONY: soak-power
soak-power: $(READY)  ## runs of a plan whose machine loses its power (SEED=1 COUNT=1000)
	@$(SOAK)

.PHONY: soak-converge
soak-converge: $(READY)  ## random fleets: planned, applied, planned again, undone, on both engines (SEED=1 COUNT=60)
	@$(SOAK)

.PHONY: soak-isolation
soak-isolation: $(READY)  ## servers that are isolated while everything goes wrong (not on Windows; SEED=1 COUNT=500)
	@$(SOAK)

.PHONY: soak-faults
soak-faults: $(READY)  ## each row of the table of faults, on both engines (SEED=1 COUNT=177)
	@$(SOAK)

.PHONY: lock
lock: $(READY)  ## renew requirements/*.lock (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev --extra notify --extra otlp pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes requirements/peers.in -o requirements/peers.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes requirements/soak.in -o requirements/soak.lock

.PHONY: catalogue
catalogue: $(READY)  ## renew the manifest of the shipped tables, after a change of these (AS_OF=2026-12-14: their new day)
	@$(BIN)/python scripts/catalogue_manifest.py $(AS_OF)

.PHONY: package
package: $(READY)  ## build the wheel and the sdist
	@$(BIN)/python -m hatchling build

.PHONY: bench
bench: $(READY)  ## benchmarks with their limits, about twenty minutes (benchmarks/README.md; TIMES=3 BUSY=1: also under load)
	@$(BIN)/python -m benchmarks --times $(or $(TIMES),1) $(if $(BUSY),--busy)

.PHONY: package-check
package-check: package  ## install the wheel into a fresh environment elsewhere and run the demo from it
	@$(PYTHON) scripts/package_check.py

.PHONY: container-check
container-check:  ## build the container image and run it, where podman, docker or buildah is at hand
	@$(PYTHON) scripts/container_check.py

.PHONY: clean
clean:  ## remove what the targets above made
	@rm -rf $(VENV) $(PEERS) $(FUZZER) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
