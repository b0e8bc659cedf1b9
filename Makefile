SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help
help: ## List these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

.PHONY: venv
venv:
	@docker/venv.sh

.PHONY: lint
lint: venv ## Formatting, lint, types and the architecture's import rules
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

.PHONY: format
format: venv ## Rewrite the sources as `make lint` wants them
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: lock
lock: venv ## Renew requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --extra embedded --group dev --generate-hashes --no-emit-index-url --universal --no-header -o requirements.lock

.PHONY: counter
counter: venv ## Run the counter alone, on a MongoDB of its own (http://127.0.0.1:8000/, COUNTER_PORT=… for another)
	@exec $(BIN)/python -m counter --embedded

.PHONY: bench
bench: venv ## Measure the counter beside the seed's server, on one mongod
	@$(BIN)/python -m tests.bench
