# Every command of this project stands here, once: `make help` lists them.
# Needs Python 3.10 or later and nothing else. Works with make 3.81 (macOS) and in a path with spaces.

VENV = .venv
PYTHON_IN_VENV = $(VENV)/bin/python
WORKERS = 2
ARGS =

# Only our own environment counts, whatever is active where make was called.
unexport VIRTUAL_ENV
unexport PYTHONHOME
unexport PYTHONPATH

.PHONY: help demo test cluster lint bench growth throughput profile figures timing mutants versions docs docs-links docs-images docs-requirements docs-reference translations clean
.NOTPARALLEL:

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@echo "  Each takes ARGS='...' for the program it runs; PYTHON=... names the Python to use."

demo: $(VENV)/demo ## set everything up and serve the example console on loopback
	@$(PYTHON_IN_VENV) -m example_app $(ARGS)

test: lint ## set everything up, check style and types, run all tests (WORKERS=2)
	$(PYTHON_IN_VENV) -m pytest -n $(WORKERS) $(ARGS)

cluster: $(VENV)/test ## try several nodes and servers at once, killed and stopped (PostgreSQL, Redis, nginx, MariaDB)
	VENV=$(VENV) tests/cluster/run $(ARGS)

lint: $(VENV)/test ## check style, types and who imports whom
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	$(PYTHON_IN_VENV) -m mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/bench ## measure what the extension costs, beside plain Flask-Login, a floor, and its peers (ten minutes)
	$(PYTHON_IN_VENV) -m bench jobs $(ARGS)

growth: $(VENV)/bench ## measure how it grows up to a million enrolled accounts (an hour; 4 GB of memory)
	$(PYTHON_IN_VENV) -m bench growth $(ARGS)

throughput: $(VENV)/bench ## measure requests a second under gunicorn (six minutes)
	$(PYTHON_IN_VENV) -m bench throughput $(ARGS)

profile: $(VENV)/bench ## show where the time of an authenticated request goes
	$(PYTHON_IN_VENV) -m bench profile $(ARGS)

figures: $(VENV)/test ## write the tables and the picture of docs/explanation/cost.md anew from bench/figures
	$(PYTHON_IN_VENV) -m bench docs $(ARGS)

timing: $(VENV)/test ## measure whether response times tell names apart (T7, T9; ten minutes)
	$(PYTHON_IN_VENV) -m tests.timing $(ARGS)

mutants: $(VENV)/test ## change the code in thousands of small ways and count what the tests notice (an hour)
	$(PYTHON_IN_VENV) -m tests.mutants --jobs $(WORKERS) $(ARGS)

versions: $(VENV)/test ## run the tests on the oldest and newest Python, Flask, Flask-Login and SQLAlchemy (20 minutes)
	$(PYTHON_IN_VENV) -m tests.versions $(ARGS)

docs: $(VENV)/docs ## build the documentation site into docs/_build/html; a warning, or a link that leads nowhere, fails
	$(PYTHON_IN_VENV) -m sphinx -W --keep-going -n -b html $(ARGS) docs docs/_build/html

docs-links: $(VENV)/docs ## ask for every link of the documentation that leads elsewhere (needs the internet)
	$(PYTHON_IN_VENV) -m sphinx -W --keep-going -b linkcheck $(ARGS) docs docs/_build/links

docs-images: $(VENV)/test $(VENV)/docs ## picture the example console and the tutorial's into docs/images (needs Chromium)
	$(PYTHON_IN_VENV) -m docs.screenshots $(ARGS)

docs-requirements: $(VENV)/test ## write docs/reference/requirements.md anew from the tests' markers
	$(PYTHON_IN_VENV) -m tests.support.requirements $(ARGS)

docs-reference: $(VENV)/test ## write what docs/reference/ takes from the code anew: settings, signals, commands, and so on
	$(PYTHON_IN_VENV) -m tests.support.reference

translations: $(VENV)/test ## bring the catalogues in line with the texts in the code, and compile them
	$(PYTHON_IN_VENV) -m tests.support.catalogues

clean: ## remove what make and the tools made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf .coverage .coverage.* htmlcov .mutants .versions docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment, four stamps: what the demo needs, all that the tests need besides, what the bench compares with, and
# what builds the documentation.

$(VENV)/demo: $(VENV)/made pyproject.toml
	@echo "Installing flask_twofactor into $(VENV) ..."
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --editable '.[babel]'
	@touch $@

$(VENV)/test: $(VENV)/made pyproject.toml
	@echo "Installing flask_twofactor and its tools into $(VENV) (a minute or so) ..."
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/demo $@

# Without its peers the bench goes on: its tables say who took no part.
$(VENV)/bench: $(VENV)/test
	@echo "Installing what the extension is compared with into $(VENV) ..."
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --editable '.[bench]' && touch $@ \
	    || echo "The peers could not be installed: measuring without them."

$(VENV)/docs: $(VENV)/made pyproject.toml
	@echo "Installing what builds the documentation into $(VENV) ..."
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $(VENV)/demo $@

# The environment is made anew where its Python went away or the tree was moved.
ifneq ($(shell $(PYTHON_IN_VENV) -c '' 2>/dev/null && cat $(VENV)/made 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/made
endif

$(VENV)/made:
	@found=; \
	for python in "$$PYTHON" python3.13 python3.12 python3.11 python3.10 python3; do \
	    [ -n "$$python" ] || continue; \
	    if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then \
	        [ "$$python" != "$$PYTHON" ] || echo "PYTHON=$$PYTHON is not Python 3.10 or later, looking further"; \
	        continue; \
	    fi; \
	    found=$${found:-$$python}; \
	    "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || continue; \
	    echo "Making $(VENV) with $$("$$python" --version) ..."; \
	    "$$python" -m venv --clear $(VENV) || exit 1; \
	    pwd -P >$@; \
	    exit 0; \
	done; \
	if [ -n "$$found" ]; then \
	    package=$$("$$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	    echo "$$found cannot make a virtual environment: its modules venv and ensurepip are missing." >&2; \
	    echo "On Debian and Ubuntu: sudo apt install $$package" >&2; \
	else \
	    echo "No Python 3.10 or later was found." >&2; \
	    echo "On Debian and Ubuntu: sudo apt install python3 python3-venv; on macOS: brew install python3." >&2; \
	    echo "Where it has another name: make PYTHON=/path/to/python3 ..." >&2; \
	fi; \
	exit 1
