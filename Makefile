# Every target sets up what it needs: a bare Python 3.11 to 3.14 is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RELEASE := $(VENV)/.release

.PHONY: help setup demo dev test check bench faults worlds mutants docs site recording audit sbom clean

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Create the virtual environment and install everything, tools included

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
		|| { echo "Python 3.11 to 3.14 is needed; $(PYTHON) is another. Try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV); once, about a minute ..."
	@$(PYTHON) -m venv $(VENV)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(RELEASE): $(READY)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,release]'
	@touch $@

demo: $(READY) ## Run the main job once against the local sandbox and tell what happened
	@$(BIN)/polar-attio demo
	@echo "In this clone $(BIN)/polar-attio is that program, and \`make dev\` starts the Dagster UI without more ado."

dev: $(READY) ## Start the Dagster UI and daemon, against the sandbox unless .env names real tokens
	@$(BIN)/polar-attio dev

test: $(READY) ## Run the tests
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(READY) ## Lint, types, import layers, and whether Dagster loads the definitions
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@DAGSTER_HOME=$(CURDIR) $(BIN)/dg check defs

bench: $(READY) ## Measure calls, speed and memory, ours against the naive way; 16 minutes
	@$(BIN)/python -m polar_attio_pipeline_tests.benchmarks

faults: $(READY) ## Run a thousand seeded schedules of faults and count what is lost, doubled or wrong; half an hour
	@$(BIN)/python -m polar_attio_pipeline_tests.faults --schedules 1000 --seed 1

worlds: $(READY) ## Check every small world, and apply and undo plans in 1,200 seeded ones; 40 minutes
	@$(BIN)/python -m polar_attio_pipeline_tests.worlds

mutants: $(READY) ## Change the rules one place at a time and see whether a test fails; about an hour
	@$(BIN)/python -m polar_attio_pipeline_tests.mutants

docs: $(READY) ## Bring the generated parts of the documentation and of .env.example up to date
	@$(BIN)/python -m polar_attio_pipeline_tests.docs

site: $(READY) ## Build the documentation as a site, in the folder site
	@$(BIN)/python -m mkdocs build --strict --quiet

recording: $(READY) ## Record the demo again, for the documentation
	@$(BIN)/python -m polar_attio_pipeline_tests.docs.recording

audit: $(RELEASE) ## Ask the advisory service about every version in constraints.txt; fails where it cannot be asked
	@$(BIN)/python -m polar_attio_pipeline_tests.release

sbom: $(RELEASE) ## Write what an installation brings to dist/sbom.cdx.json, in CycloneDX
	@rm -rf dist/sbom-env && mkdir -p dist && $(PYTHON) -m venv --without-pip dist/sbom-env
	@$(BIN)/pip --quiet --disable-pip-version-check --python dist/sbom-env/bin/python install --constraint constraints.txt '.[postgres]'
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
		--output-file dist/sbom.cdx.json dist/sbom-env/bin/python
	@rm -rf dist/sbom-env && echo "dist/sbom.cdx.json"

clean: ## Remove the virtual environment and all local state
	rm -rf $(VENV) .state mutants site
