PYTHON ?= python3
BIN = .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-slow check format references requirements benchmarks coverage
.PHONY: screenshots browser database r libreoffice spark

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: .venv/.done  ## the shipped survey with synthetic respondents, a release, a report, then the service
	$(BIN)/parallax demo $(ARGS)

serve: .venv/.done  ## the service on http://127.0.0.1:8000
	$(BIN)/parallax serve $(ARGS)

test: .venv/.done browser database r  ## all tests but the slow ones
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-slow: .venv/.done browser database r libreoffice spark  ## the tests marked slow
	$(BIN)/python -m pytest -m slow $(ARGS)

check: .venv/.done  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.done  ## put the code into the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

references: .venv/.done  ## compute the reference numbers anew (needs R with survey, jsonlite, carData, MASS, nnet, mitools, mice)
	$(BIN)/python tests/analysis/references/export_data.py
	for script in tests/analysis/references/*.R; do Rscript $$script || exit 1; done

benchmarks: .venv/.done  ## speed and memory beside a numpy floor and other tools; ARGS="share --quick"
	$(BIN)/python -m benchmarks $(ARGS)

screenshots: .venv/.done browser  ## the pictures of the README's researcher section
	PARALLAX_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -q tests/api/test_researcher_in_browser.py -k closes

coverage: .venv/.done  ## simulate how often intervals cover; ARGS="--quick"
	$(BIN)/python -m benchmarks.coverage $(ARGS)

requirements:  ## pin the dependencies of pyproject.toml anew (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-annotate --upgrade \
		pyproject.toml --group dev -o requirements.txt

# With uv where it is present, else pip. The project itself comes last, from this folder.
.venv/.done: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Parallax needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then \
		uv pip sync --python $(BIN)/python --require-hashes requirements.txt && \
		uv pip install --python $(BIN)/python --no-deps --no-build-isolation -q -e . ; \
	else \
		$(BIN)/python -m pip install -q --require-hashes -r requirements.txt && \
		$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . ; \
	fi
	touch $@

# The browser tests need a Chromium, the database tests a PostgreSQL: Debian's own.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
		|| command -v google-chrome >/dev/null || $(MAKE) --no-print-directory debian PACKAGES=chromium

database:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
		|| $(MAKE) --no-print-directory debian PACKAGES=postgresql

# Exports are read back by R and LibreOffice; the engine also runs on Spark.
r:
	@Rscript -e 'invisible(lapply(c("haven", "jsonlite"), loadNamespace))' >/dev/null 2>&1 \
		|| $(MAKE) --no-print-directory debian PACKAGES="r-base-core r-cran-haven r-cran-jsonlite"

libreoffice:
	@command -v soffice >/dev/null || command -v libreoffice >/dev/null \
		|| $(MAKE) --no-print-directory debian PACKAGES=libreoffice-calc-nogui

spark: .venv/.done
	@command -v java >/dev/null || $(MAKE) --no-print-directory debian PACKAGES=openjdk-17-jre-headless
	@$(BIN)/python -c 'import pyspark' 2>/dev/null || { \
		if command -v uv >/dev/null; then uv pip install --python $(BIN)/python -q 'pyspark==4.0.5'; \
		else $(BIN)/python -m pip install -q 'pyspark==4.0.5'; fi; }

.PHONY: debian
debian:
	@command -v apt-get >/dev/null || { echo "Please install: $(PACKAGES)"; exit 1; }
	@as_root=$$(test "$$(id -u)" = 0 || echo sudo); \
		$$as_root apt-get update -q && \
		$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y $(PACKAGES)
