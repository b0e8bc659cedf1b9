SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help
help: ## List these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

# The names and ports of docker/settings.py, and the variables of control, may be given to make: `make up SERVER_PORT=80`.

.PHONY: up
up: venv ## Engine, images, control and the seed's story; ends by counting to one (http://127.0.0.1:8000/)
	@exec $(BIN)/python -m docker.up

.PHONY: down
down: venv ## Take away what `make up` made; KEEP=1 keeps the database's volume, the log and the token
	@exec $(BIN)/python -m docker.down

.PHONY: clean
clean: venv ## As `make down`, and the local images and .build as well
	@exec $(BIN)/python -m docker.down --all

.PHONY: logs
logs: venv ## Control's own log; followed on a terminal, or with FOLLOW=1
	@exec $(BIN)/python -m docker.logs

.PHONY: token
token: venv ## Print the admin token
	@exec $(BIN)/pontlevis token

.PHONY: test
test: venv ## Everything that proves it: lint, types, architecture, tests on a real engine and a real MongoDB
	@$(BIN)/python -m tests.support.prepare
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest $(PYTEST)

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
	@$(BIN)/uv pip compile pyproject.toml --quiet --constraints requirements.lock --generate-hashes --no-emit-index-url --universal --no-header --no-annotate -o docker/requirements.lock

.PHONY: counter
counter: venv ## Run the counter alone, on a MongoDB of its own (http://127.0.0.1:8000/, COUNTER_PORT=… for another)
	@exec $(BIN)/python -m counter --embedded

.PHONY: bench
bench: venv ## Measure the counter beside the seed's server, on one mongod
	@$(BIN)/python -m tests.bench

.PHONY: chaos
chaos: venv ## A long random run that kills control and the engine: SEED=1 OPERATIONS=1000 CONTROL_KILLS=10 ENGINE_KILLS=5
	@exec $(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --operations $(or $(OPERATIONS),1000) --control-kills $(or $(CONTROL_KILLS),10) --engine-kills $(or $(ENGINE_KILLS),5)

.PHONY: contract
contract: venv ## Schemathesis on a real control, longer than in the tests: EXAMPLES=200 SEED=1
	@$(BIN)/python -m tests.contract --max-examples $(or $(EXAMPLES),200) --seed $(or $(SEED),1)
