# `make study` and `make test` are the two commands of the README; each sets up .venv when something it is made from changed.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: study test test-slow test-oldest setup lint format typecheck clean

study: $(STAMP)
	$(RUN) run_study.py --space search_spaces/ei_ablation.yaml

test: $(STAMP) lint typecheck
	$(RUN) -m pytest -n 2 --dist loadscope

test-slow: $(STAMP)
	$(RUN) -m pytest -m slow

# The default tests with the oldest versions that pyproject.toml allows, in an environment of its own. The schema files are
# written by the pinned pydantic, whose words differ from an older one's, so those two comparisons are left out.
test-oldest:
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-oldest.txt --editable '.[dev]'
	.venv-oldest/bin/python -m pytest -n 2 --dist loadscope -k 'not schema.json'

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.11"; exit 2; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 2; }
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(STAMP)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

typecheck: $(STAMP)
	$(RUN) -m mypy

clean:
	rm -rf $(VENV) .venv-oldest build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -not -path './results/*' -exec rm -rf {} +
