PYTHON ?= python3
SEED ?= 0
BIN := .venv/bin
PLUGINS := plugins/minidl_extra_layers plugins/minidl_extra_losses plugins/minidl_optim plugins/minidl_tensorboard
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml) constraints.txt

.PHONY: demo test check docs compare judge bench clean

demo: .venv/installed  ## train the report's network and print its table
	$(BIN)/python examples/report.py --seed $(SEED)

test: .venv/installed-dev  ## the tests of all packages, on all cores; each process and what it starts takes one thread
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

check: .venv/installed-dev  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: .venv/installed-dev  ## write anew the parts of the documentation that come from the code
	$(BIN)/python -m cogapp -I docs -r README.md docs/plugins.md docs/tables.md plugins/*/README.md

compare: .venv/installed-dev  ## the tables of examples/data beside scikit-learn's MLP, on the same splits
	$(BIN)/python benchmarks/against_sklearn.py

judge: .venv/installed-dev  ## every component on PyTorch's own inputs, and the conformance kit's count: docs/pytorch.md, docs/conformance.md
	$(BIN)/python -m against_pytorch

bench: .venv/installed-bench  ## how fast minidl trains beside its peers: benchmarks/README.md and charts, in an hour
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv

.venv/installed: $(PROJECTS)
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable ".[tables,report,jit]" $(PLUGINS:%=--editable %)
	touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) --editable '.[dev]'
	touch $@

.venv/installed-bench: .venv/installed
	$(INSTALL) --editable '.[bench]'
	touch $@
