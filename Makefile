# `make` alone lists the targets. Everything is set up inside the checkout; only Python 3.11 or newer has to be there.

VENV := .venv
LOWEST := .venv-lowest
MINISTACK := .venv-ministack
AGENTS := .venv-agents
SHIPPED := .venv-shipped
PYTHONS := python3.12 python3.13 python3.14
DIST := dist
LICENSES := docs/licenses.md
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
PIP_INSTALL := -m pip install -qq --disable-pip-version-check --no-input --no-deps --no-compile
# $(call install,VENV,WHAT): uv takes seconds for what takes pip minutes, but reads no settings of pip; where it fails, pip installs.
install = $(UV) pip install --quiet --no-deps --python $(1) $(2) || $(1)/bin/python $(PIP_INSTALL) $(2)
COMPILE := $(UV) pip compile --quiet --no-config --universal --generate-hashes \
	--no-emit-index-url --custom-compile-command "make requirements"

# Modules are compiled once, when they are first used, and not again in each of the many processes of the tests.
export PYTHONDONTWRITEBYTECODE :=

# Those of the agents' frameworks are large, and have an environment of their own.
COMMA := ,
OF_EXTRAS := asgi cli embedded fastapi lambda otel testing
EXTRAS := $(addprefix --extra ,$(OF_EXTRAS))
OF_AGENTS := $(addprefix src/async_dynamo_store/integrations/,livekit.py openai_agents.py pipecat.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast test-stock test-lowest test-package test-pythons test-one-engine interop agents soak check docs sbom \
	licenses bench requirements engines dynamodb-local ministack clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp ## a skill that remembers its users, on an embedded DynamoDB
	@$(VENV)/bin/async-dynamo-store demo

test: $(VENV)/dev.stamp engines ## the whole suite on every engine; ARGS=--cov measures coverage, as .ci/run does
	$(PY) -m pytest $(ARGS)

test-fast: $(VENV)/dev.stamp engines ## for the loop of editing: one engine, no servers, no faults, few examples
	$(PY) -m pytest --one-engine --hypothesis-profile=few --ignore=tests/faults --ignore=tests/fast --ignore=tests/asgi -m "not server and not soak and not interop and not packaging" $(ARGS)

test-stock: $(VENV)/dev.stamp engines ## what meets an engine, with the fast path off
	$(PY) -m pytest --one-engine --stock-path tests/engines $(ARGS)

test-lowest: $(LOWEST)/lowest.stamp engines ## the suite on the oldest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest --one-engine $(ARGS)

test-package: $(VENV)/dev.stamp ## the wheel and the sdist, each installed into a clean environment
	$(PY) -m pytest --numprocesses=0 -m packaging tests/packaging $(ARGS)

test-pythons: ## the suite on one engine and test-package, on each Python of PYTHONS that is here
	@for python in $(PYTHONS); do \
		command -v $$python >/dev/null || { echo "No $$python: it is left out." >&2; continue; }; \
		$(MAKE) --no-print-directory VENV=.venv-$$python PYTHON=$$python test-one-engine test-package || exit 1; \
	done

test-one-engine: $(VENV)/dev.stamp ministack
	$(PY) -m pytest --one-engine --hypothesis-profile=few $(ARGS)

sbom: $(SHIPPED)/shipped.stamp ## what a release brings, in CycloneDX, into dist/
	@mkdir -p "$(DIST)"
	$(VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type library --output-reproducible \
		--output-file "$(DIST)/async-dynamo-store.cdx.json" $(ARGS) $(SHIPPED)

licenses: $(SHIPPED)/shipped.stamp ## check the licenses of what is brought, and write docs/licenses.md again
	$(VENV)/bin/pip-licenses --python $(SHIPPED)/bin/python --output-file $(SHIPPED)/licenses.md
	@grep -q '^| aioboto3' $(SHIPPED)/licenses.md || \
		{ echo "pip-licenses found nothing: it cannot read a path with a space, such as this checkout's" >&2; exit 1; }
	@{ sed '/^|/d' docs/licenses.md; sed 's/  *|/ |/g; s/--*/-/g' $(SHIPPED)/licenses.md; } >$(SHIPPED)/page.md
	@cp $(SHIPPED)/page.md "$(LICENSES)"

interop: $(VENV)/dev.stamp dynamodb-local ## beside the real Jovo v4, Jovo v3 and ASK SDK, on DynamoDB Local
	$(PY) -m tests.interop.frameworks
	$(PY) -m pytest -m interop tests/interop $(ARGS)

agents: $(VENV)/dev.stamp $(AGENTS)/agents.stamp engines ## beside the real OpenAI Agents SDK, LiveKit Agents and Pipecat
	$(PY) -m mypy --python-executable $(AGENTS)/bin/python $(OF_AGENTS)
	$(PY) -m pyright --project tests/agents/pyrightconfig.json --pythonpath $(AGENTS)/bin/python
	$(AGENTS)/bin/python -m pytest --numprocesses=2 --cov --cov-config=tests/agents/coverage.ini tests/agents $(ARGS)

soak: $(VENV)/dev.stamp engines ## the tests that take minutes, and the others with many examples
	$(PY) -m pytest -m soak $(ARGS)
	$(PY) -m pytest --hypothesis-profile=long tests/unit $(ARGS)

check: $(VENV)/dev.stamp docs ## format, lint, types, the import rules, and the site
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pyright
	$(VENV)/bin/lint-imports

docs: $(VENV)/dev.stamp ## the documentation as a site, in site/
	$(PY) docs/assemble.py build/docs
	$(VENV)/bin/zensical build --strict

bench: $(VENV)/dev.stamp $(VENV)/bench.stamp dynamodb-local ## measure this store beside others
	$(PY) -m benchmarks $(ARGS)

requirements: $(VENV)/dev.stamp ## write the pins again; UPGRADE=--upgrade takes newer versions
	$(COMPILE) pyproject.toml $(EXTRAS) --group dev $(UPGRADE) --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml $(EXTRAS) --group build --constraint requirements/dev.txt --no-annotate \
		--output-file requirements/demo.txt
	$(COMPILE) pyproject.toml --group bench --group build --constraint requirements/dev.txt --no-annotate $(UPGRADE) \
		--output-file requirements/bench.txt
	$(COMPILE) pyproject.toml --group agents --extra embedded --no-annotate $(UPGRADE) --output-file requirements/agents.txt
	$(COMPILE) --group ministack $(UPGRADE) --output-file requirements/ministack.txt
	$(COMPILE) pyproject.toml $(EXTRAS) --group build --group test --resolution lowest-direct --upgrade \
		--output-file requirements/lowest.txt

engines: dynamodb-local ministack

dynamodb-local: | $(VENV)/bin/python
	@[ -n "$$DYNAMODB_ENDPOINT" ] || $(PY) -m tests.engine_dynamodb_local

ministack:
	@[ -n "$$DYNAMODB_ENDPOINT" ] || $(MAKE) $(MINISTACK)/ministack.stamp >/dev/null 2>&1 || \
		echo "No ministack ('make $(MINISTACK)/ministack.stamp' says why): the tests run on the other engines." >&2

clean: ## remove everything that was made
	rm -rf $(VENV) $(addprefix .venv-,$(PYTHONS)) $(LOWEST) $(MINISTACK) $(AGENTS) $(SHIPPED) .dynamodb-local .openai-agents .agents-coverage* .coverage .coverage.* \
		.cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist htmlcov site tests/interop/node/*/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment from the first Python that is new enough; PYTHON names another.
$(VENV)/bin/python $(LOWEST)/bin/python $(MINISTACK)/bin/python $(AGENTS)/bin/python: %/bin/python:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			"$$python" -m venv --clear $* || { rm -rf $*; exit 1; }; \
			exit 0; \
		fi; \
	done; \
	echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..." >&2; exit 1

# Exactly what an installation brings, in the versions of the pins.
$(SHIPPED)/shipped.stamp: requirements/dev.txt pyproject.toml $(VENV)/dev.stamp
	@$(UV) venv --quiet --clear --python $(PY) $(SHIPPED)
	@$(UV) pip install --quiet --no-config --python $(SHIPPED) --constraint requirements/dev.txt \
		"async-dynamo-store[$(subst $() ,$(COMMA),$(OF_EXTRAS))] @ file://$(CURDIR)"
	@touch $@

$(UV): | $(VENV)/bin/python
	sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.txt | $(PY) $(PIP_INSTALL) --require-hashes --requirement /dev/stdin

$(MINISTACK)/ministack.stamp: requirements/ministack.txt | $(MINISTACK)/bin/python $(UV)
	$(call install,$(MINISTACK),--require-hashes --requirement $<)
	@touch $@

# VENV/NAME.stamp: VENV holds requirements/NAME.txt and this package.
.SECONDEXPANSION:
$(VENV)/bench.stamp $(VENV)/demo.stamp $(VENV)/dev.stamp $(LOWEST)/lowest.stamp $(AGENTS)/agents.stamp: \
		requirements/$$(basename $$(@F)).txt pyproject.toml | $$(@D)/bin/python $(UV)
	$(call install,$(@D),--require-hashes --requirement $<)
	$(call install,$(@D),--no-build-isolation --editable .)
	@touch $@
