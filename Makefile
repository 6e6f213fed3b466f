# Every path here is relative, so a checkout in a folder with a space in its name works too.
PYTHON ?= python3
VENV_PYTHON = .venv/bin/python

# As root the tests install what they need of the system's packages; anybody else is told what is missing.
ifeq ($(shell id -u),0)
export SANTRAL_INSTALL_SYSTEM_PACKAGES ?= 1
endif

.PHONY: run ready ready-dev tools test lint unit e2e soak fuzz relay asterisk beside wire lock clean

run: ready
	.venv/bin/santral up --demo

ready:
	@SANTRAL_INSTALL_SYSTEM_PACKAGES= $(PYTHON) scripts/bootstrap.py

ready-dev:
	@$(PYTHON) scripts/bootstrap.py --dev

tools: ready-dev
	@$(VENV_PYTHON) scripts/test_tools.py

test: tools lint
	$(VENV_PYTHON) -m pytest

lint: ready-dev
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy
	.venv/bin/lint-imports --no-logo --cache-dir .cache/imports
	$(VENV_PYTHON) scripts/check_page.py

# Without phones, browser and whole processes.
unit: ready-dev
	$(VENV_PYTHON) -m pytest -m "not e2e and not peers"

e2e: tools
	$(VENV_PYTHON) -m pytest -m "e2e or peers"

# The routing alone, judged event by event in histories of anything at all; goes on from the seed that is given.
EVENTS ?= 10000000
SEED ?= 1
WORKERS ?= 1
soak: ready-dev
	$(VENV_PYTHON) -m tests.domain.soak --events $(EVENTS) --seed $(SEED) --workers $(WORKERS)

# Anything at all sent to the SIP stack: no crash, no leak, no transaction that stays.
MESSAGES ?= 1000000
fuzz: ready-dev
	$(VENV_PYTHON) -m tests.sip.fuzz --messages $(MESSAGES) --seed $(SEED)

# Calls through a bad network; with the same SEED the network does the same again.
CALLS ?= 200
relay: tools
	SANTRAL_RELAY_CALLS=$(CALLS) SANTRAL_TEST_SEED=$(SEED) $(VENV_PYTHON) -m pytest tests/edge/test_relay.py

# With an Asterisk of Debian sid in a folder of its own (as root; 505 MB) as trunk, phone and exchange.
asterisk: tools
	@$(VENV_PYTHON) scripts/asterisk.py
	$(VENV_PYTHON) -m pytest tests/peers/with_asterisk.py

# After a change of agent_web/wire: the page's types.
wire: ready-dev
	$(VENV_PYTHON) scripts/wire_types.py

# Needs uv on the path; only when the dependencies of pyproject.toml change.
lock:
	$(PYTHON) scripts/lock.py

clean:
	rm -rf .venv .node .cache build *.egg-info agent_web/static agent_web/ui/node_modules agent_web/ui/dist
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find acd_core gateways agent_web persistence loadtest santral scripts tests -name __pycache__ -prune -exec rm -rf {} +
