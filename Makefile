# setup demo test check bench docs: each works as the first command in a fresh clone.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: setup demo test check bench docs train clean

setup: $(READY)

# torch first and alone: with it installed, nothing else pulls another build of it.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,offline]"
	touch $(READY)

demo: $(READY)
	$(BIN)/python -m pytest suites/quickstart.chaos.yaml -p no:network_guard -p no:cacheprovider

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/python -m pytest -n 2 --dist loadgroup

bench: $(READY)
	$(BIN)/python -m benchmarks

docs: $(READY)
	$(BIN)/python docs/build.py

train: $(READY)
	$(BIN)/python training/tiny_chat.py
	$(BIN)/python training/tiny_xray.py

clean:
	rm -rf $(VENV) .promptchaos .pytest_cache .mypy_cache .ruff_cache
