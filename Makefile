# salvage-kg: what a clone needs. Plain `make` says what there is.
# Needs python3 (3.11 or newer, with venv) and make; everything else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RELEASE := build
CASE ?= examples/hiv-three-class-failure.json

KNOWLEDGE := $(shell find ontology queries -type f 2>/dev/null)
CODE := $(shell find kg_builder -name '*.py' 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo build check check-dl knowledge-table test lint types unit format readme bench wheel lock clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## the virtual environment in .venv, from the locked requirements

demo: $(RELEASE)/.made ## build the knowledge and answer an example case (CASE=file for another)
	@$(BIN)/salvage-kg options $(CASE)

build: $(RELEASE)/.made ## build the knowledge graph into build/

check: $(READY) ## check the curated tables and the ontology
	@$(BIN)/salvage-kg check

check-dl: $(READY) ## the same, with a description-logic reasoner
	@$(BIN)/salvage-kg check --dl

knowledge-table: $(READY) ## write the table of terms and claims in README.md
	@$(BIN)/python tools/knowledge_table.py

test: lint types unit ## lint, types and all tests

lint: $(READY) ## style and mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## static types
	$(BIN)/mypy

unit: $(READY) ## the tests alone
	$(BIN)/pytest -n 2 $(ARGS)

format: $(READY) ## rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: $(RELEASE)/.made ## rewrite what README.md quotes: the knowledge table and what commands print
	$(BIN)/python tools/knowledge_table.py
	$(BIN)/python tools/printed_blocks.py

bench: $(RELEASE)/.made ## measure, without judging
	@for bench in benchmarks/bench_*.py; do [ -e "$$bench" ] || continue; echo "== $$bench"; $(BIN)/python "$$bench" || exit 1; done

wheel: $(RELEASE)/.made ## a wheel that carries the built knowledge, into dist/
	rm -rf kg_builder/data/release
	mkdir -p kg_builder/data/release
	cp -R $(RELEASE)/$$(cat $(RELEASE)/current)/. kg_builder/data/release/
	$(BIN)/python -m hatchling build -t wheel
	rm -rf kg_builder/data

lock: $(READY) ## renew the locked requirements from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --all-extras \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-deps \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links requirements-nodeps.in -o requirements-nodeps.lock

clean: ## remove what was built, but not .venv
	rm -rf $(RELEASE) dist kg_builder/data .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find kg_builder tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv too
	rm -rf $(VENV)

$(READY): requirements.lock requirements-nodeps.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) found: install Python 3.11 or newer, or say which: make PYTHON=/path/to/python3" >&2; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), too old: salvage-kg needs Python 3.11 or newer (make PYTHON=python3.12)" >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "$(PYTHON) has no venv: install it (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 3; }
	@test -x $(BIN)/python && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || $(PYTHON) -m venv --clear $(VENV)
	@echo "setting up $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-nodeps.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(RELEASE)/.made: $(READY) $(KNOWLEDGE) $(CODE)
	@$(BIN)/salvage-kg build --out $(RELEASE)
	@touch $@
