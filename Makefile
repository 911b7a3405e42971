# Needs Python 3.11+ and make. Everything else goes into $(VENV).
VENV ?= .venv
JOBS ?= 2
BENCH ?=
# The distribution's own first: one built from source is often built without optimisation, and half as fast.
PYTHON ?= $(shell for p in /usr/bin/python3 python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := $(VENV)/bin/python
PIP_WHEEL := $(wildcard deploy/bootstrap/pip-*.whl)
hash = $(shell cat $(1) | cksum | tr ' ' '-')
RUN_STAMP := $(VENV)/.run-$(call hash,requirements.txt)
DEV_STAMP := $(VENV)/.dev-$(call hash,requirements-dev.txt)
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --quiet --require-hashes --prefer-binary

.PHONY: run install install-dev test check format bench soak words pins clean

run: $(RUN_STAMP)
	@exec $(PY) run.py

install: $(RUN_STAMP)

install-dev: $(DEV_STAMP)

test: $(DEV_STAMP)
	$(PY) -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

check: $(DEV_STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(DEV_STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(DEV_STAMP)
	$(PY) -m benchmarks $(BENCH)

soak: $(DEV_STAMP)
	$(PY) -m benchmarks.soak
	$(PY) -m benchmarks.soak_mail
	$(PY) -m benchmarks.soak_bookings
	SOAK=1 $(PY) -m pytest -q -n $(JOBS) tests/contracts/test_hidden_worlds.py
	$(PY) -m benchmarks.undo

# Brings the catalogs of app/translations up to date with the texts of the product; see docs/languages.md.
words: $(DEV_STAMP)
	$(VENV)/bin/flask words update

# Rewrites the pinned files from requirements*.in; needs uv.
pins:
	uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --universal requirements.in -o requirements.txt
	uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --universal -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf $(VENV)

# The stamp carries the pins' checksum: a changed file installs again, an unchanged one costs nothing.
$(RUN_STAMP): | $(PY)
	@echo "Installing the pinned requirements into $(VENV) (once, about a minute)"
	@$(PIP) -r requirements.txt
	@rm -f $(VENV)/.run-* && touch $@

$(DEV_STAMP): | $(PY)
	@echo "Installing the pinned requirements for development into $(VENV)"
	@$(PIP) -r requirements-dev.txt
	@rm -f $(VENV)/.dev-* && touch $@ $(RUN_STAMP)

# Debian's python3 lacks the part of venv that installs pip (package python3-venv): then pip comes from our own copy.
$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing. Install it, or name it: make run PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && $(PY) $(PIP_WHEEL)/pip install --quiet --no-index $(PIP_WHEEL); } || { \
		rm -rf $(VENV); echo "$(PYTHON) can't make a virtual environment in $(VENV); the lines above say why."; exit 1; }
