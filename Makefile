# The commands of the project. The environment is made once, in .venv, and again when pyproject.toml has changed.

PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/sh
OLD := 2.8.7 2.20.27 3.0.0
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help pictures serve test coverage fuzz alike crashes lint format schema bench bench-peers bench-report bench-embedded bench-live plans clean test-old test-long

help: ## This list.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

serve: .venv/serve.installed ## GraphQL on http://127.0.0.1:4300/graphql, with demo data.
	@$(BIN)/prefect-graphql serve --embedded --demo

test: .venv/dev.installed ## All tests; one that misses a tool is skipped and says why.
	@$(BIN)/python -m pytest

coverage: .venv/dev.installed ## All tests, and which lines and branches they have run; takes twice the time.
	@$(BIN)/python -m pytest --cov --cov-report=term

test-long: .venv/dev.installed ## The tests that take minutes: Prefect's worker, library, events and automations.
	@$(BIN)/python -m pytest -m long

fuzz: .venv/dev.installed ## Compares compiled plans, and answers in parts, with graphql-core, calls with what explain tells, on CASES=3000 random operations, from SEED=the time on.
	@PREFECT_GRAPHQL_TEST_CASES=$(or $(CASES),3000) PREFECT_GRAPHQL_TEST_SEED=$(or $(SEED),$$(date +%s)) \
	$(BIN)/python -m pytest tests/gateway/execution/compiled/test_alike.py tests/gateway/execution/compiled/test_together.py \
	tests/gateway/incremental/test_alike.py tests/gateway/incremental/test_reference.py \
	tests/gateway/execution/test_explain.py

alike: .venv/dev.installed ## Sends EXAMPLES=20 generated requests of every route to Prefect and the embedded server, from SEED=0; writes deploy/readme/differences.md.
	@PREFECT_GRAPHQL_TEST_EXAMPLES=$(or $(EXAMPLES),20) PREFECT_GRAPHQL_TEST_SEED=$(or $(SEED),0) \
	$(BIN)/python -m pytest -n 0 tests/gateway/embedded/alike

test-old: .venv/dev.installed $(OLD:%=.cache/old/%/installed) ## Tests against older servers, installed in .cache/old; writes deploy/readme/older-servers.md.
	@$(BIN)/python -m pytest -n 0 tests/old/older_servers.py

crashes: .venv/dev.installed ## Lets schemathesis ask every field of the running GraphQL endpoint EXAMPLES=1 times, from SEED=0: nothing may crash.
	@PREFECT_GRAPHQL_TEST_EXAMPLES=$(or $(EXAMPLES),1) PREFECT_GRAPHQL_TEST_SEED=$(or $(SEED),0) \
	$(BIN)/python -m pytest tests/gateway/test_crashes.py

pictures: .venv/dev.installed ## Takes README's pictures of GraphiQL and of the example frontend.
	@PREFECT_GRAPHQL_TEST_PICTURES=deploy/readme $(BIN)/python -m pytest -m "" -k picture \
	tests/gateway/http/test_page_of_the_gateway.py tests/deploy/test_example.py

lint: .venv/dev.installed ## Style, types, import layers, the image's file.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint deploy/Dockerfile

format: .venv/dev.installed ## Formats the code and mends what ruff can.
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

schema: .venv/serve.installed ## Writes the schema's text, schema/schema.graphql.
	@$(BIN)/prefect-graphql schema > schema/schema.graphql.new
	@mv schema/schema.graphql.new schema/schema.graphql

bench: .venv/bench.installed ## Compares the speed with other gateways, 35 minutes; BENCH="--queries a,e --rounds 3" is quick.
	@$(BIN)/python -m tests.bench run $(or $(BENCH),--output tests/bench/results.json)

bench-peers: .venv/bench.installed ## Installs the other gateways in .cache/bench.
	@$(BIN)/python -m tests.bench install

bench-report: .venv/bench.installed ## Writes README's table and chart from tests/bench/results.json.
	@$(BIN)/python -m tests.bench report

bench-embedded: .venv/bench.installed ## Compares the embedded server with a real Prefect on SQLite, 8 minutes; BENCH="--rounds 1 --seconds 2" is quick.
	@$(BIN)/python -m tests.bench.embedded $(BENCH)

bench-live: .venv/bench.installed ## Memory and lag of BENCH="1000 1": so many subscribers on one process, with so many distinct operations.
	@$(BIN)/python -m tests.bench.live $(BENCH)

plans: .venv/bench.installed ## Prints how SQLite finds what a UI asks for among a million flow runs; PLANS=--details prints its plans too.
	@$(BIN)/python -m tests.bench.plans $(PLANS)

clean: ## Removes the environment and whatever tools left; a database stays.
	rm -rf .venv dist .cache .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# uv finds a Python that pyproject.toml allows; without uv, $(PYTHON) must be one. pip knows dependency groups since 25.1.
.venv/bin/python:
	@if uv --version >/dev/null 2>&1; then uv venv --quiet --clear $(if $(filter file,$(origin PYTHON)),,--python $(PYTHON)) .venv; \
	elif $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
		$(PYTHON) -m venv --clear .venv && $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'; \
	else \
		echo "Python 3.11, 3.12 or 3.13 is needed; \`$(PYTHON) --version\` says: $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.13" >&2; \
		exit 1; \
	fi

# Each in an environment of its own: they need older libraries than we do.
.cache/old/%/installed: tests/old/requirements-%.txt | .venv/bin/python
	@echo "Installing Prefect $* into $(@D) ..." >&2
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

define install
	@if uv --version >/dev/null 2>&1; then uv pip install --quiet --python .venv --editable . $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . $(1); fi
endef

.venv/serve.installed: pyproject.toml | .venv/bin/python
	@echo "Installing into .venv ..." >&2
	$(call install)
	@touch $@

.venv/dev.installed: pyproject.toml | .venv/bin/python
	@echo "Installing into .venv, with what lint and tests need ..." >&2
	$(call install,--group dev)
	@touch .venv/serve.installed $@

.venv/bench.installed: pyproject.toml | .venv/bin/python
	@echo "Installing into .venv, with what the benchmark needs ..." >&2
	$(call install,--group bench)
	@touch .venv/serve.installed $@
