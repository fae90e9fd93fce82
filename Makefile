# make demo: the whole engine on an embedded broker, in about a minute.  make test: everything that CI runs.
# Both set themselves up: an isolated environment (.venv) with locked dependencies. Only Python 3.11+ is needed.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint unit docs lock schemas dashboards clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     watch Floodmark find injected faults in a simulated shop (about a minute)"
	@echo "make test     lint, unit tests, and integration tests against real Apache Kafka, and what each took"
	@echo "make lint     ruff, mypy --strict, import-linter, generated files up to date"
	@echo "make unit     the fast tests only"
	@echo "make docs     the docs as a site, in site/"

demo: $(STAMP)
	@$(BIN)/floodmark demo

test: $(STAMP)
	@$(BIN)/python tests/parts.py

unit: $(STAMP)
	@$(BIN)/python -m pytest tests --ignore=tests/integration --ignore=tests/browser -m "not slow" -n 2 --dist worksteal

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

lint: $(STAMP)
	@echo "[lint] ruff"
	@$(BIN)/ruff check src tests benchmarks docs deploy/grafana
	@$(BIN)/ruff format --check src tests benchmarks docs deploy/grafana
	@echo "[lint] mypy --strict"
	@$(BIN)/mypy
	@echo "[lint] import-linter"
	@$(BIN)/lint-imports --no-cache | tail -3
	@$(BIN)/lint-imports --no-cache >/dev/null
	@echo "[lint] generated files"
	@$(BIN)/floodmark schemas --check schemas
	@$(BIN)/floodmark schemas --reference | cmp -s - docs/configuration.md || \
	  { echo "docs/configuration.md is not what the code says. Run: make schemas"; exit 1; }
	@$(BIN)/python deploy/grafana/dashboards.py --check

$(STAMP): requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Floodmark needs Python 3.11 or newer on the path."; exit 1; }
	@echo "[setup 1/4] virtual environment ($(PYTHON))"
	@$(PYTHON) -m venv $(VENV)
	@echo "[setup 2/4] locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@echo "[setup 3/4] floodmark"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@echo "[setup 4/4] the series core, compiled once"
	@$(BIN)/python -c "import floodmark.detect.bank.kernel"
	@touch $(STAMP)

lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --all-extras -o requirements/dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --python-version 3.11 --python-platform linux --extra calendars --extra console --extra mcp -c requirements/dev.lock \
	  -o requirements/image.lock pyproject.toml

schemas: $(STAMP)
	@$(BIN)/floodmark schemas --write schemas
	@$(BIN)/floodmark schemas --reference > docs/configuration.md

dashboards: $(STAMP)
	@$(BIN)/python deploy/grafana/dashboards.py

clean:
	rm -rf $(VENV) site
