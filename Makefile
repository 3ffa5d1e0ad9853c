# One virtual environment per Airflow version. The usual calls:
#   make test                      the tests on the default Airflow, with the coverage gate
#   make test AIRFLOW=2.11.2       the same tests on another Airflow (see constraints/), in .venv-2.11.2
#   make venv PYTHON=python3.13    with another interpreter (remove the environment first)

# The supported versions, a line for each Airflow with its Pythons; the last one is the default.
VERSIONS        := constraints/versions.txt
DEFAULT_AIRFLOW := $(shell awk '{ last = $$1 } END { print last }' $(VERSIONS))
pythons_of       = $(sort $(shell awk '$$1 == "$(1)" { $$1 = ""; print }' $(VERSIONS)))

AIRFLOW ?= $(DEFAULT_AIRFLOW)
PYTHON  ?= python3
VENV    ?= $(if $(filter $(DEFAULT_AIRFLOW),$(AIRFLOW)),.venv,.venv-$(AIRFLOW))

BIN         := $(VENV)/bin
CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
STAMP       := $(VENV)/.installed-airflow-$(AIRFLOW)

# The newest Airflow (AIRFLOW=newest, .github/workflows/weekly.yml) has no line of its own.
PYTHONS = $(or $(call pythons_of,$(AIRFLOW)),$(call pythons_of,$(DEFAULT_AIRFLOW)))

# Processes for tests. Half of its time a test waits, so there may be more of them than processors: with 4, a third of two
# processors is idle.
PROCESSES ?= 6

# The extras of an environment. A cluster has its own environment, so that its packages do not affect the other tests.
EXTRAS       ?= test,dev
CLUSTER_VENV ?= .venv-cluster
LINEAGE_VENV ?= .venv-lineage
UI_VENV      ?= .venv-ui

# The number of batch jobs in the test of a cluster.
JOBS ?= 500

# make test-live EMULATOR=1: the live check against the emulator, as CI runs it.
EMULATOR ?=

# How long to fuzz. Fuzzing has an environment of its own, without Airflow.
SECONDS   ?= 600
FUZZ_VENV ?= .venv-fuzz

# The benchmarks to run (default: all). They have an environment of their own, with the packages that they compare with.
MEASURES   ?=
BENCH_VENV ?= .venv-bench

# The place of the site. It has an environment of its own, since Sphinx and the checks of packages need different docutils.
DOCS_OUT  ?= docs/_build/html
DOCS_VENV ?= .venv-docs

# A build leaves these in the tree. With them, a process that runs in the tree finds the package twice: of a plugin that it
# finds twice Airflow 3.3.2 loads one, and on workers none that come after it (sdk/plugins_manager.py).
FORGET_BUILD = rm -rf build *.egg-info

# The files that a wheel is built from.
SOURCES := airflow_provider_tencent_ci setup.cfg setup.py pyproject.toml README.md LICENSE MANIFEST.in

# The number of simulated histories, and the seed of the first one.
HISTORIES ?= 100000
SEED      ?= 1

# Arguments for pytest, for example make test ARGS='-k signing -x'. With arguments there is no coverage gate.
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Without bytecode, each of the hundreds of Airflow processes that the tests start compiles 2,000 modules: 2 of 4 seconds.
# Some images of containers turn it off.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help venv check check-tests test test-stack node-sdk test-chaos test-cluster test-lineage test-live test-ui simulate pictures fuzz bench docs demo ui lint format typecheck constraints build clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  AIRFLOW=$(AIRFLOW)  PYTHON=$(PYTHON)  VENV=$(VENV)"

venv: $(STAMP) ## Set up the virtual environment (only when something changed)

$(STAMP): setup.cfg pyproject.toml $(CONSTRAINTS)
	@minor=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  case " $(PYTHONS) " in *" $$minor "*) ;; *) \
	  echo "Airflow $(AIRFLOW) needs one of these: Python $(PYTHONS). But $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python$(firstword $(PYTHONS)) $(or $(MAKECMDGOALS),venv)"; exit 1;; esac
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --editable '.[$(EXTRAS)]'
	@$(FORGET_BUILD)
	@rm -f $(VENV)/.installed-airflow-*
	@touch $@
	@echo "$(VENV): Airflow $(AIRFLOW), $$($(BIN)/python --version)"

# What one runs after each change: under a minute on two idle processors. So the simulation tells 600 histories here, not
# the 3000 of make test, and tests that are marked as slow are left out.
check: venv ## Check rules, types, core and simulation in under a minute
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target lint typecheck check-tests

check-tests: venv
	TENCENT_CI_HISTORIES=600 $(BIN)/python -m pytest --quiet --numprocesses=2 -m 'not slow' tests/core tests/simulation

# The tests that start processes: a running Airflow, commands that each import Airflow (four seconds of processor time), tries
# that are killed, a build. They are test-stack; a change to one function rarely needs them.
WITH_PROCESSES := tests/stack tests/watch tests/crash tests/metrics/test_nights.py tests/metrics/test_open_telemetry.py \
                  tests/runs/test_quick_start.py tests/runs/test_two_airflows.py tests/runs/test_example_code.py \
                  tests/cli/test_processes.py tests/live/test_command.py tests/release/test_distributions.py \
                  tests/test_benchmarks.py tests/test_process_guard.py tests/test_typing.py tests/test_deprecations.py \
                  tests/test_job_id_walk.py tests/triggers/test_preload.py

# The coverage gate is on for the default Airflow only: the other versions test compatibility. The slow tests of core/ count
# many thousands of files: they take twice as long when their lines are traced, and reach no others.
test: venv ## Run the tests that start no processes; on the default Airflow with the coverage gate of core/
ifneq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest $(ARGS)
else ifeq ($(AIRFLOW),$(DEFAULT_AIRFLOW))
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest --numprocesses=2 -m 'not slow' tests/core
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --include='airflow_provider_tencent_ci/core/*' --fail-under=98
	$(BIN)/python -m pytest --numprocesses=2 -m slow tests/core
	$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadgroup $(addprefix --ignore=,tests/core $(WITH_PROCESSES))
else
	$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadgroup $(addprefix --ignore=,$(WITH_PROCESSES))
endif

# Its groups of tests each have an Airflow of their own.
test-stack: venv ## Run the tests with a running Airflow and other processes; they need PostgreSQL's server programs
	$(BIN)/python -m pytest --numprocesses=3 --dist=loadgroup $(WITH_PROCESSES)

simulate: venv ## Run HISTORIES over virtual time, from SEED on (docs/simulation.md)
	$(BIN)/python -m tests.simulation --histories=$(HISTORIES) --seed=$(SEED) $(ARGS)

fuzz: $(FUZZ_VENV)/.installed ## Search for answers that break the reader, for SECONDS (see fuzz/README.md)
	@mkdir -p .fuzz/new .fuzz/findings
	$(FUZZ_VENV)/bin/python fuzz/read_response.py -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 \
	  -dict=fuzz/xml.dict -artifact_prefix=.fuzz/findings/ .fuzz/new fuzz/corpus

$(FUZZ_VENV)/.installed: fuzz/requirements.txt
	@test -x $(FUZZ_VENV)/bin/python || $(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip install --quiet --requirement fuzz/requirements.txt
	@touch $@

# More kills, and as many waiting tasks as in production; about 15 minutes.
test-chaos: venv ## Run the long version of the tests that kill, freeze and stop things
	TENCENT_CI_KILLS=240 TENCENT_CI_WAITING=100 TENCENT_CI_FAILED_FILES=300000 $(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadgroup tests/crash tests/stack tests/runs/test_resubmission.py

# PostgreSQL, Redis, two schedulers, two triggerers, two Celery workers; a worker and a triggerer are killed.
test-cluster: ## Run JOBS batch jobs on a cluster with kills half-way (docs/deployment.md)
	@$(MAKE) --no-print-directory venv VENV=$(CLUSTER_VENV) EXTRAS=test,cluster
	TENCENT_CI_CLUSTER_JOBS=$(JOBS) $(CLUSTER_VENV)/bin/python -m pytest --capture=no --override-ini=faulthandler_timeout=0 tests/cluster

# Without it, the tests that need it are skipped. tests/emulator/node_sdk/package-lock.json has the version.
node-sdk: .node-sdk/.installed ## Install Tencent's SDK for Node.js for tests/emulator; needs npm

.node-sdk/.installed: tests/emulator/node_sdk/package-lock.json
	@mkdir -p .node-sdk
	@cp tests/emulator/node_sdk/package.json tests/emulator/node_sdk/package-lock.json .node-sdk/
	npm ci --prefix .node-sdk --ignore-scripts --no-audit --no-fund
	@touch $@

# OpenLineage's listener is told about all tasks once it is installed, so it has an environment of its own.
test-lineage: ## Run the tests of lineage with OpenLineage's provider (docs/lineage.md)
	@$(MAKE) --no-print-directory venv VENV=$(LINEAGE_VENV) EXTRAS=test,openlineage
	$(LINEAGE_VENV)/bin/python -m pytest tests/openlineage $(ARGS)

# In an environment with the provider's wheel, like a user's; needs Chromium (Debian: chromium). The wheel is built from
# a copy, so that nothing is built in the tree, where a running Airflow of other tests finds its plugins.
test-ui: $(UI_VENV)/.installed ## Run the tests in a browser, with a running Airflow
	rm -rf $(UI_VENV)/wheel $(UI_VENV)/source
	mkdir $(UI_VENV)/source
	cp -R $(SOURCES) $(UI_VENV)/source
	$(UI_VENV)/bin/python -m build --quiet --wheel --outdir $(UI_VENV)/wheel $(UI_VENV)/source
	$(UI_VENV)/bin/uv pip install --quiet --python $(UI_VENV)/bin/python --no-deps --reinstall $(UI_VENV)/wheel/*.whl
	$(UI_VENV)/bin/python -m pytest tests/ui $(ARGS)

# One of them is in Chinese: without a Chinese font (Debian: fonts-noto-cjk) it has empty boxes.
pictures: ## The same, and take the pictures of README and docs again (docs/pictures/)
	TENCENT_CI_PICTURES=$(CURDIR)/docs/pictures $(MAKE) --no-print-directory test-ui

$(UI_VENV)/.installed: setup.cfg $(CONSTRAINTS)
	@test -x $(UI_VENV)/bin/python || $(PYTHON) -m venv $(UI_VENV)
	@$(UI_VENV)/bin/python -m pip install --quiet --constraint $(CONSTRAINTS) uv
	$(UI_VENV)/bin/uv pip install --quiet --python $(UI_VENV)/bin/python --constraint $(CONSTRAINTS) '.[test,ui]' build
	@$(FORGET_BUILD)
	@touch $@

# This is billed: it lists what it submits and asks for a yes. It leaves no job running.
test-live: venv ## Ask the real service the open questions (docs/live_check.md)
	@PYTHONPATH=scripts $(BIN)/python -m tests.live $(if $(EMULATOR),--emulator) $(ARGS)

bench: $(BENCH_VENV)/.installed ## Measure the cost of waiting; makes docs/benchmarks.md and its charts
	$(BENCH_VENV)/bin/python -m benchmarks $(MEASURES)

# The pins are Airflow's, except one: amazon's provider needs an older dateutil.
$(BENCH_VENV)/.installed: setup.cfg benchmarks/requirements.txt constraints/airflow-$(DEFAULT_AIRFLOW).txt
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	@grep -v '^python-dateutil==' constraints/airflow-$(DEFAULT_AIRFLOW).txt >$(BENCH_VENV)/constraints.txt
	@$(BENCH_VENV)/bin/python -m pip install --quiet --constraint $(BENCH_VENV)/constraints.txt uv
	$(BENCH_VENV)/bin/uv pip install --quiet --python $(BENCH_VENV)/bin/python \
	  --constraint $(BENCH_VENV)/constraints.txt --requirement benchmarks/requirements.txt --editable '.[test]'
	@$(FORGET_BUILD)
	@touch $@

# The API reference imports Airflow. Chinese is in zh_CN/ of the site; its catalogues are compared with the English pages.
DOCS_RUN = AIRFLOW_HOME=$(CURDIR)/$(DOCS_VENV)/airflow $(DOCS_VENV)/bin/python
SPHINX   = $(DOCS_RUN) -m sphinx -W --keep-going -n -q

docs: $(DOCS_VENV)/.installed ## Make the site of docs/ in docs/_build/html, in English and Chinese
	$(DOCS_VENV)/bin/python scripts/check-claims
	$(SPHINX) -d docs/_build/doctrees docs $(DOCS_OUT)
	$(DOCS_RUN) scripts/update-translations --only-read
	$(DOCS_VENV)/bin/python scripts/check-translations docs/_build/gettext
	$(SPHINX) -D language=zh_CN -d docs/_build/doctrees-zh_CN docs $(DOCS_OUT)/zh_CN
	$(DOCS_VENV)/bin/python scripts/check-search $(DOCS_OUT) $(DOCS_OUT)/zh_CN

$(DOCS_VENV)/.installed: setup.cfg constraints/airflow-$(DEFAULT_AIRFLOW).txt
	@test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	@grep -v '^docutils==' constraints/airflow-$(DEFAULT_AIRFLOW).txt >$(DOCS_VENV)/constraints.txt
	@$(DOCS_VENV)/bin/python -m pip install --quiet --constraint $(DOCS_VENV)/constraints.txt uv
	$(DOCS_VENV)/bin/uv pip install --quiet --python $(DOCS_VENV)/bin/python \
	  --constraint $(DOCS_VENV)/constraints.txt --editable '.[docs]'
	@$(FORGET_BUILD)
	@touch $@

# How many files more than 40 the emulated batch has, for example make demo FILES=5000.
FILES ?= 0

demo: venv ## Run the example DAG against the emulator, start to end
	$(BIN)/python scripts/demo.py --files $(FILES)

ui: venv ## The same with the Airflow web interface, until interrupted
	$(BIN)/python scripts/demo.py --ui --files $(FILES)

lint: venv ## Check rules, formatting, imports between rooms, and the workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/write-contract-docs --check
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.readthedocs .readthedocs.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/zizmor --quiet --offline .

format: venv ## Apply the formatting and the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: venv ## Check the types (mypy --strict)
	$(BIN)/mypy

constraints: venv ## Resolve all constraints/*.txt again
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/refresh-constraints

build: venv ## Build sdist and wheel into dist/ and check them
	rm -rf build dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct || date +%s) $(BIN)/uv build --quiet
	@$(FORGET_BUILD)
	TENCENT_CI_DIST=dist $(BIN)/python -m pytest --quiet tests/release/test_distributions.py

clean: ## Remove the files of builds and tests
	rm -rf build dist *.egg-info docs/_build docs/locale*/*/LC_MESSAGES/*.mo htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -not -path './.venv*' -not -path './.ci/venvs/*' -prune -exec rm -rf {} +

distclean: clean ## ... and the virtual environments
	rm -rf .venv .venv-* .ci/venvs .node-sdk
