# Every target works on a fresh clone: what it needs is set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two workers on two cores; the tests are short, so one process each is enough.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup run test lint types layers unit test-all sanitize fix golden bench bench-index bench-float results archive learning mediator clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|'

setup: $(READY) ## locked environment in .venv (uv if present, pip otherwise)

$(READY): pyproject.toml constraints.txt scripts/setup.sh setup.py $(wildcard src/caselight/index/native/*)
	@PYTHON=$(PYTHON) bash scripts/setup.sh $(VENV)
	@touch $@

run: setup ## the main job: demo archive, ingest, train, index, three searches
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/run.sh

test: setup lint types layers unit ## what CI runs: format, lint, types, layers, fast tests

lint:
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/codespell src tests docs README.md CHANGELOG.md CONTRIBUTING.md

types:
	@$(BIN)/mypy --no-error-summary

layers:
	@$(BIN)/lint-imports --no-logo > .layers.log 2>&1 || { cat .layers.log; rm -f .layers.log; exit 1; }; rm -f .layers.log

unit:
	@$(BIN)/pytest -n $(JOBS) -m "not slow"

test-all: setup lint types layers ## everything: slow, real-data and kill tests too
	@$(BIN)/pytest -n $(JOBS)

sanitize: setup ## the C code with address and undefined-behaviour checks, driven by its tests
	@PYTHON=$(BIN)/python bash scripts/sanitize.sh

fix: setup ## format, and mend what ruff can
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

golden: setup ## rewrite the golden files and show the difference
	@CASELIGHT_GOLDEN=write $(BIN)/pytest -q -p no:randomly tests/cli/test_golden.py
	@git --no-pager diff --stat tests/golden

bench: setup ## run the benchmarks; one JSON line a result under benchmarks/results
	@for file in $(filter-out benchmarks/bench_index% benchmarks/bench_float%,$(wildcard benchmarks/bench_*.py)) \
	  benchmarks/speed_page.py; do $(BIN)/python $$file || exit 1; done

bench-index: setup ## search of codes against other libraries; QUICK=1 for a million codes, a minute
	@$(BIN)/python -c 'import faiss, usearch' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet -c constraints.txt faiss-cpu usearch
	@$(BIN)/python benchmarks/bench_index.py $(if $(QUICK),--quick)

bench-float: setup ## search of float embeddings against faiss (a quarter of an hour, 6 GB)
	@$(BIN)/python -c 'import faiss, usearch' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet -c constraints.txt faiss-cpu usearch
	@$(BIN)/python benchmarks/bench_float.py

results: setup ## write docs/results from the data in CASELIGHT_DATA
	@$(BIN)/python benchmarks/results_retrieval.py
	@$(BIN)/python benchmarks/results_real_run.py

archive: setup ## write docs/results/archive.md: DICOM, phantoms, ways of asking (half an hour)
	@for part in results_dicom_files fuzz_dicom results_ingest phantom_shortcuts \
	  results_report_sections results_asking archive_page; do \
	  $(BIN)/python benchmarks/$$part.py || exit 1; done

learning: setup ## write docs/results/learning.md: bits, terms, unpaired, towers (hours)
	@for part in 'choose --folds 4' main folds float_terms hash_terms unpaired; do \
	  $(BIN)/python benchmarks/results_learning.py $$part || exit 1; done
	@for part in results_adapt results_regimes learning_page; do \
	  $(BIN)/python benchmarks/$$part.py || exit 1; done

mediator: setup ## write docs/results/mediator.md: what language is understood (minutes; extra bench)
	@for part in 'results_language.py context' bench_language_context.py 'results_plan.py test' \
	  results_guards.py mediator_page.py; do \
	  $(BIN)/python benchmarks/$$part || exit 1; done

clean: ## remove what make run and the tools leave behind
	rm -rf demo build .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
