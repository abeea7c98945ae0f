# One errand, one command.  Nothing is needed but make and Python 3.11 or newer.

PYTHON ?= python3
CONFIG ?= b2bua.toml
PORT   ?= 5060
TESTS  ?=
AT_ONCE ?= 4
SECONDS ?= 60
SEEDS  ?= 1000
CALLS  ?= 200000
KILLS  ?= 10

# What the tests start hundreds of times is compiled once, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

VENV = .venv
BIN  = $(VENV)/bin

# The editable install is a tree of links: it is made again when a module or a file of the page comes or goes.
TREE := $(shell find b2bua plugins twistd-plugins -name '*.py' -o -path '*/static/*' | LC_ALL=C sort | cksum | cut -d' ' -f1)
INSTALLED = $(VENV)/.installed-$(TREE)
DEVELOPS  = $(VENV)/.develops-$(TREE)
BENCHES   = $(VENV)/.benches-$(TREE)

.PHONY: run test test-all tables test-long fast on-sockets in-memory deep simulate lint coverage format fuzz soak churn restarts kills moves bench bench-page bench-check clone docs pictures clean

run: $(INSTALLED)
	@test -e $(CONFIG) || $(BIN)/b2bua init --port $(PORT) $(CONFIG)
	@echo "Starting with $(CONFIG); Ctrl-C ends it."
	@$(BIN)/b2bua web-user welcome --config $(CONFIG) & \
	exec $(BIN)/twistd -n b2bua --config $(CONFIG)

# All tests, in two halves at a time: in memory, and on sockets, where most of the time is waited
# (so AT_ONCE of those, more than there are cores); or only TESTS=tests.wire.  "make test-all" has what is left.
test: $(DEVELOPS)
ifeq ($(TESTS),)
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target on-sockets in-memory
else
	$(BIN)/python -m twisted.trial $(TESTS)
endif

ON_SOCKETS = tests.interop
DEEP       = tests.deep
DEEPER     = tests.simulation tests.features.test_containment tests.admin.test_conversation
IN_MEMORY  = $(filter-out $(ON_SOCKETS) $(DEEP),$(subst /,.,$(patsubst %/__init__.py,%,$(wildcard tests/*/__init__.py)) $(basename $(wildcard tests/test_*.py))))

on-sockets: $(DEVELOPS)
	$(BIN)/python -m twisted.trial $(AT_ONCE:%=--jobs=%) $(ON_SOCKETS)

in-memory: $(DEVELOPS)
	$(BIN)/python -m twisted.trial $(IN_MEMORY)

# What "make test" has a part of: on sockets once more over the other transports, and with each phone in
# each role; in memory twelve times as many random worlds, more cells of the tables, each hook broken in each
# way, and more questions of each kind to the API.  Some minutes.
deep: $(DEVELOPS)
	B2BUA_DEEP=1 $(BIN)/python -m twisted.trial $(AT_ONCE:%=--jobs=%) $(DEEP) $(DEEPER)

# All that "make test" is, and what it plays a part of, in under an hour: CI runs it.
test-all: test deep clone

# All cells of the tables of states and events, of which "make test" plays a sample, and "make deep" more:
# ten to twenty minutes of both cores.
tables: $(DEVELOPS)
	$(BIN)/python -m tests.simulation.tables

# All that "make test" plays a sample of: the tables, every question of the API in very many ways, every
# message with each of its fields broken in every way, and fresh random worlds.  It takes hours.
test-long: test-all tables
	B2BUA_EXAMPLES=200 $(BIN)/python -m twisted.trial tests.admin.test_conversation
	$(BIN)/python -m tests.simulation.broken_fields
	$(BIN)/python -m tests.simulation.ladders
	$(MAKE) --no-print-directory simulate SEEDS=20000

# A bare clone, in which somebody types "make run" and "make test": two minutes.
clone: $(DEVELOPS)
	$(BIN)/python -m twisted.trial tests.interop.clone

# Neither sockets nor worlds: a minute or two, for another Python than the usual one.
fast: $(DEVELOPS)
	$(BIN)/python -m twisted.trial $(filter-out tests.simulation tests.bench,$(IN_MEMORY))

# Random worlds; a seed that failed is played again by "python -m b2bua.testing.chance --seed N".
simulate: $(DEVELOPS)
	$(BIN)/python -m b2bua.testing.chance --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.transfers --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.lamps --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.lamps --crashed --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.crashes --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.crashes --take-over --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.talking --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.conferring --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.relayed --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.moves --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.whole --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.whole --crashed --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation.whole --moved --seeds $(SEEDS)

lint: $(DEVELOPS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.contracts

# What the tests do not reach.
coverage: $(DEVELOPS)
	$(BIN)/coverage run -m twisted.trial $(or $(TESTS),tests)
	$(BIN)/coverage report --skip-covered

# What "make lint" can mend by itself.
format: $(DEVELOPS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Mutated messages for the parser, then for the service; make fuzz SECONDS=3600 goes on for two hours.
fuzz: $(DEVELOPS)
	$(BIN)/python -m tests.wire.fuzz --seconds $(SECONDS)
	$(BIN)/python -m tests.interop.fuzz --seconds $(SECONDS)

# Calls through all features, and memory at the end where it was: an hour.
soak: $(DEVELOPS)
	$(BIN)/python -m bench.soak --calls $(CALLS)

# Connections that come and go, and memory where it was: some minutes.
churn: $(DEVELOPS)
	$(BIN)/python -m tests.interop.churn

# Twenty restarts without loss, under 30 calls a second: three minutes, and what came of it.
restarts: $(DEVELOPS)
	$(BIN)/python -m tests.interop.restarts

# 500 calls up, and kill -9 again and again; then each is gone on with: two minutes for ten kills.  Then
# PJSIP and baresip, whose calls are held, ended, and transferred blind and attended after each kill.
kills: $(DEVELOPS)
	$(BIN)/python -m tests.interop.kills --kills $(KILLS)
	$(BIN)/python -m twisted.trial tests.interop.test_survival

# Two processes on one database, and calls that are moved to and fro for a minute.
moves: $(DEVELOPS)
	$(BIN)/python -m tests.interop.moves

bench: $(BENCHES)
	$(BIN)/python -m bench

# The figures of bench/README.md anew, on a machine that does nothing else: two hours; without the soak, which has its own.
bench-page: $(BENCHES)
	$(BIN)/python -m bench --write start storm growth subscriptions voices relayed rtpengine interpreters load switching overload

# Does a call take more functions than are kept in bench/figures for this version of Python?  Seconds, whatever else the machine does.
bench-check: $(DEVELOPS)
	$(BIN)/python -m bench.count --check

docs: $(DEVELOPS)
	$(BIN)/python -m tools.configuration
	$(BIN)/python -m tools.hook_face
	$(BIN)/python -m tools.hook_pages
	$(BIN)/python -m tools.pairs
	$(BIN)/pydoctor --html-output=build/docs --project-name=b2bua b2bua

# The pictures of the page in docs/, by the browser of the tests.
pictures: $(DEVELOPS)
	mkdir -p build/pictures docs/pictures
	B2BUA_PICTURES=$(CURDIR)/build/pictures $(BIN)/python -m twisted.trial tests.interop.test_page.OperatorTests.test_looks
	cp $(addprefix build/pictures/,now-light.png now-dark.png now-small.png call-light.png person-light.png past-light.png) docs/pictures

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which: make PYTHON=python3.x")'
	@echo "Making $(VENV), once; then b2bua and what it needs are installed into it: a minute or two."
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "Installing b2bua into $(VENV)..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@rm -f $(VENV)/.installed-* && touch $@

$(DEVELOPS): setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "Installing b2bua, and what its tests need, into $(VENV)..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@rm -f $(VENV)/.installed-* $(VENV)/.develops-* $(VENV)/.benches-* && touch $(INSTALLED) $@

# Whom the benches compare us with: Sippy by pip; SIPp and Kamailio from Debian, where we may install them.
$(BENCHES): $(DEVELOPS)
	@echo "Installing what the benches compare b2bua with..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	@for package in sip-tester kamailio; do dpkg -s $$package >/dev/null 2>&1 || \
	    { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y --no-install-recommends $$package >/dev/null; } || \
	    echo "$$package is missing, and is left out: apt-get install $$package"; done
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis .import_linter_cache
