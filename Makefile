# Two commands: `make run` and `make test`. Each does all of its own set-up.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
export PORT

.PHONY: help run test test-sqlite test-postgres bench lint format messages setup setup-dev clean

help:
	@echo "make run     start the whole product here (web, workers, scheduler) with demo data; PORT, DATABASE_URL, DEMO_PASSWORD"
	@echo "make test    every test, on SQLite and on PostgreSQL where one answers (TEST_DATABASE_URL)"
	@echo "make bench   the speed figures, each beside its target; fails when one is missed"
	@echo "make lint    ruff, types, import contracts, templates"

setup: $(VENV)/.run-ready

$(VENV)/.run-ready: requirements.txt deploy/setup.sh
	@deploy/setup.sh run $(PYTHON)
	@touch $@

setup-dev: $(VENV)/.dev-ready

$(VENV)/.dev-ready: requirements.txt requirements-pkcs11.txt requirements-dev.txt deploy/setup.sh tests/certificates/verifiers/package-lock.json
	@deploy/setup.sh test $(PYTHON)
	@touch $@ $(VENV)/.run-ready

run: setup
	@deploy/run.sh

test: setup-dev
	@deploy/test.sh

test-sqlite: setup-dev
	@deploy/test.sh sqlite

test-postgres: setup-dev
	@deploy/test.sh postgres

bench: setup-dev
	@$(BIN)/python -m bench

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/djlint --lint --quiet templates */templates

format: setup-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

messages: setup-dev
	$(BIN)/python manage.py makemessages -l zh_Hans --no-location -i .venv -i var -i tests
	$(BIN)/python manage.py compilemessages -l zh_Hans

clean:
	rm -rf $(VENV) var
