# demo: see the product. test: every check. The rest are parts of them.
.PHONY: demo test lint unit bench bench-detection golden dashboards lock clean help

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP = -m pip --disable-pip-version-check --quiet
RUN = .venv-run/bin
DEV = .venv/bin

help:
	@echo "make demo    a simulated SFCC instance and the agent watching it (DEMO_SECONDS=N ends it)"
	@echo "make test    format, lint, types, import rules, unit, property and end-to-end tests"
	@echo "make lint    the part of it that runs nothing"
	@echo "make golden  write the reviewed outputs anew; look at the difference before you commit it"
	@echo "make dashboards  write grafana/dashboards/*.json anew from the code beside it"
	@echo "make bench   figures against stated aims, some ten minutes (PARTS=\"poll ingest\" for some)"
	@echo "make bench-detection  what is found of what was injected into generated fleets (SEED=N JOBS=N DAYS=N START=DATE)"

demo: .venv-run/.ready
	@$(RUN)/sfcc-job-monitor demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

test: lint unit

lint: .venv/.ready
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy
	$(DEV)/lint-imports --no-cache
	$(DEV)/deptry .
	$(DEV)/hadolint Dockerfile

unit: .venv/.ready
	$(DEV)/pytest -n 4 --dist worksteal

golden: .venv/.ready
	UPDATE_GOLDEN=1 $(DEV)/pytest -q tests -k "golden or reviewed"

dashboards: .venv/.ready
	$(DEV)/python -m grafana

bench: .venv/.ready
	$(DEV)/python -m tests.bench $(PARTS)

bench-detection: .venv/.ready
	$(DEV)/python -m tests.bench.detection $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(DAYS),--days $(DAYS)) $(if $(START),--start $(START))

# The lock names versions and hashes, no address of a registry.
lock: .venv/.ready
	$(DEV)/python $(PIP) install uv
	$(DEV)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --all-extras --no-emit-index-url --no-header pyproject.toml -o requirements/runtime.txt
	$(DEV)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header --group build -o requirements/build.txt
	$(DEV)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --all-extras --group dev --group build --no-emit-index-url --no-header pyproject.toml -c requirements/runtime.txt -o requirements/dev.txt

.venv-run/.ready: requirements/runtime.txt requirements/build.txt pyproject.toml
	$(call environment,.venv-run,-r requirements/runtime.txt -r requirements/build.txt)

.venv/.ready: requirements/dev.txt pyproject.toml
	$(call environment,.venv,-r requirements/dev.txt)

define environment
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "preparing $(1) (once) ..."
	@$(PYTHON) -m venv $(1) || { echo "cannot create a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(1)/bin/python $(PIP) install --require-hashes $(2)
	@$(1)/bin/python $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
endef

clean:
	rm -rf .venv .venv-run dist build *.egg-info
