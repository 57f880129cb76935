SHELL := bash
PORT ?= 8000
ROWS ?= 250000
# More options for pytest, such as ARGS="-k places".
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help serve test lint bench lock clean

help: ## say what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

serve: ## set up what is missing and serve the site on http://127.0.0.1:8000 (PORT=…)
	@scripts/setup
	@.venv/bin/directory db init
	@# No access log, and errors only: others name who asked, and what. No socket in the home
	@# folder, which two checkouts would share.
	@echo "Serving on http://127.0.0.1:$(PORT)"
	@exec .venv/bin/gunicorn --bind 127.0.0.1:$(PORT) --threads 4 --log-level error \
	    --no-control-socket 'directory:create_app()'

test: ## set up what is missing, then lint, check types and run every test
	@scripts/setup --tests
	@$(MAKE) --no-print-directory lint
	@.venv/bin/python -m pytest $(ARGS)

lint: ## check style and types of an installed checkout
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy --no-error-summary

bench: ## time imports and searches beside other engines, on ROWS=250000 generated listings
	@scripts/setup
	@ROWS="$(ROWS)" .venv/bin/python -m tests.bench

lock: ## write requirements.lock anew from pyproject.toml, keeping the versions that still fit
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && python3 -m venv "$$folder" && \
	"$$folder/bin/pip" install --quiet --disable-pip-version-check uv && \
	"$$folder/bin/uv" pip compile --quiet --universal --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --extra dev pyproject.toml -o requirements.lock

clean: ## remove what was installed and made, but not the data in var/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
