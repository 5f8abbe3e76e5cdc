# make run: open the app (PORT=9000 to choose) · make test: prove it · make check: format, lint, types, arrows, tests

SHELL := /bin/bash
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
STAMP := $(VENV)/.installed

# Another virtual environment may be active; it is neither read nor written.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.PHONY: install run test check clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt scripts/install
	@scripts/install "$(VENV)"
	@touch "$(STAMP)"

run: install
	@exec "$(BIN)/lmviz" $(if $(ADDRESS),--address "$(ADDRESS)") $(if $(PORT),--port "$(PORT)")

test: install
	@scripts/check tests

check: install
	@scripts/check

clean:
	rm -rf "$(VENV)" .mypy_cache .pytest_cache .ruff_cache .import_linter_cache test-artifacts
