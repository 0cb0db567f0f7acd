# Every target sets up what it needs; only python3 (3.11 or later) with its venv module has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores, as many tests wait; not more than four, as many start processes of their own.
CORES := $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')
WORKERS ?= --numprocesses=$(shell expr $(CORES) + 1) --maxprocesses=4 --dist=worksteal
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test check faults load bench clients client-environments bundle collector pictures format accept \
	screenshots constraints clean

help:                              ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: $(VENV)/ready                ## watch an agent's day against the sandbox
	@$(BIN)/clicksend-mcp demo

test: $(VENV)/ready-to-develop     ## run all tests, with the coverage of branches
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(WORKERS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

check: $(VENV)/ready-to-develop    ## formatter, linter, strict types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

faults: $(VENV)/ready-to-develop   ## run the fault matrix, and write docs/faults.md
	@$(BIN)/python tests/faults/fault_matrix.py

bench: $(VENV)/ready .bench/ready  ## measure the server beside its peers, and write docs/benchmark.md; BENCH=--quick
	@$(BIN)/python benchmarks/benchmark.py $(BENCH)

collector: $(VENV)/ready-to-develop  ## install OpenTelemetry's SDK and a collector, for examples/telemetry
	@$(INSTALL) --editable '.[collector]'

load: $(VENV)/ready-to-develop     ## run the load run for five minutes, and write docs/load.md
	@PYTHONPATH=tests $(BIN)/python tests/replicas/load_run.py

clients: client-environments $(VENV)/ready-to-develop  ## run other people's MCP clients, and write docs/clients.md
	@REQUIRE_CLIENTS=1 UPDATE_CLIENTS=1 $(BIN)/python -m pytest tests/clients

client-environments: .clients/mcp1/ready .clients/mcp2/ready .clients/node/ready .clients/pictures/ready

pictures: .clients/pictures/ready $(VENV)/ready-to-develop  ## take the pictures of docs/pictures.md anew; needs chromium
	@REQUIRE_CLIENTS=1 REQUIRE_SERVICES=1 UPDATE_PICTURES=1 $(BIN)/python -m pytest -q tests/pictures -k docs

format: $(VENV)/ready-to-develop   ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

accept: $(VENV)/ready-to-develop   ## accept the tool definitions as they are now, and write the README's tables anew
	@UPDATE_SNAPSHOTS=1 UPDATE_README=1 $(BIN)/python -m pytest -q tests/tools/test_snapshots.py tests/test_docs.py

screenshots: $(VENV)/ready-to-develop  ## take the pictures of the sandbox's inbox anew; needs Chromium
	@PYTHONPATH=tests $(BIN)/python tests/inbox/screenshots.py

bundle: $(VENV)/ready              ## pack dist/clicksend-mcp.mcpb for Claude Desktop; needs npx
	@$(BIN)/python bundle/pack.py dist/clicksend-mcp.mcpb

constraints: $(VENV)/ready-to-develop  ## accept the installed versions as the tested ones
	@sed -i '/^#/!d' constraints.txt
	@$(BIN)/python -m pip list --format=freeze --exclude clicksend-mcp --exclude pip --exclude setuptools >> constraints.txt

clean:                             ## remove what the other targets made
	@rm -rf $(VENV) .bench .clients .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

.bench/ready: $(VENV)/bin/python benchmarks/requirements.txt
	@$(PYTHON) -m venv .bench
	@.bench/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	@touch $@

$(VENV)/ready: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV), which takes up to a minute the first time ..."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/ready-to-develop: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing what development needs into $(VENV) ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/ready

# Other people's clients, each with the dependencies it wants; those on npm bring a Node that is new enough.
.clients/%/ready: tests/clients/requirements/%.txt tests/clients/requirements/%-versions.txt
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.clients/node/ready: tests/clients/package.json
.clients/pictures/ready: tests/pictures/package.json
.clients/node/ready .clients/pictures/ready:
	@command -v npm > /dev/null || { echo "npm is needed, for the clients that are written in TypeScript"; exit 1; }
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $< $(@D)
	@cd $(@D) && npm install --loglevel=error --no-package-lock --no-audit --no-fund > /dev/null
	@touch $@
