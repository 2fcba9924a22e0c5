# Everything a newcomer types. `make` alone explains it.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.complete
ARGS ?=

# Checks and locks look at the code alone: no database, no secret, no file of settings.
OFFLINE := BUILD=1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench fmt words lock clean storm outage provider-storm loyalty-storm schema-test attack verify-proof
.PHONY: report-proof
.PHONY: check-format check-lint check-types check-imports check-migrations check-deploy

help: ## Show what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Start everything on this machine, with data to play with (PORT, VAR_DIR)
	@exec $(BIN)/python manage.py demo --exit-with-parent

test: $(READY) ## Run every test, on a throw-away PostgreSQL and Valkey (ARGS="-k redeem")
	@$(BIN)/python -m pytest -n 2 $(ARGS)

check: check-format check-lint check-types check-imports check-migrations check-deploy ## Format, lint, types, imports, migrations, deployment
	@echo "All checks passed."

check-format: $(READY)
	@echo "== Format (make fmt puts it right)"
	@$(BIN)/ruff format --check .

check-lint: $(READY)
	@echo "== Lint"
	@$(BIN)/ruff check .

check-types: $(READY)
	@echo "== Types"
	@$(OFFLINE) $(BIN)/python -m mypy .

check-imports: $(READY)
	@echo "== Floors and rooms"
	@$(OFFLINE) $(BIN)/lint-imports

check-migrations: $(READY)
	@echo "== Migrations match the models"
	@$(OFFLINE) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

check-deploy: $(READY)
	@echo "== Production settings"
	@$(OFFLINE) $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(READY) ## Measure redemptions per second, beside pgbench on the same server
	@$(BIN)/python manage.py bench $(ARGS)

storm: $(READY) ## Text under random faults, workers killed with -9 (STORM_REWARDS=1000, STORM_SEED=1)
	@STORM_REWARDS=$(or $(STORM_REWARDS),1000) STORM_SEED=$(or $(STORM_SEED),1) \
		STORM_CALLBACKS=$(or $(STORM_CALLBACKS),5000) STORM_KILLS=1000 STORM_KILL_EVERY=3 \
		$(BIN)/python -m pytest -q -n 0 --show-capture=no \
		tests/sms/test_storm.py tests/sms/test_burst.py $(ARGS)

outage: $(READY) ## Redeem while Redis is killed or frozen and Twilio is away, and see all of it go out after
	@$(BIN)/python -m pytest -q -n 0 --show-capture=no \
		tests/crash/test_outages.py tests/sms/test_outages.py $(ARGS)

provider-storm: $(READY) ## Buy under random faults, many orders at once (STORM_ORDERS=500, STORM_SEED=1)
	@STORM_ORDERS=$(or $(STORM_ORDERS),500) STORM_SEED=$(or $(STORM_SEED),1) STORM_KILLS=20 \
		$(BIN)/python -m pytest -q tests/giftcards/test_order_storm.py tests/crash/test_orders.py \
		$(ARGS)

loyalty-storm: $(READY) ## Spend and earn points at once under random faults (LOYALTY_ROUNDS=1000, LOYALTY_SEED=1)
	@LOYALTY_ROUNDS=$(or $(LOYALTY_ROUNDS),1000) LOYALTY_SEED=$(or $(LOYALTY_SEED),1) \
		$(BIN)/python -m pytest -q -n 0 -rP --show-capture=stdout \
		tests/loyalty/test_storm.py tests/loyalty/test_races.py $(ARGS)

schema-test: $(READY) ## Ask the whole API all that its schema allows and forbids (SCHEMA_EXAMPLES=100, SCHEMA_SEED=1)
	@SCHEMA_EXAMPLES=$(or $(SCHEMA_EXAMPLES),100) SCHEMA_SEED=$(or $(SCHEMA_SEED),1) \
		SCHEMA_PHASES="$${SCHEMA_PHASES:-examples,coverage,fuzzing,stateful}" API_MATRIX=full \
		$(BIN)/python -m pytest -q -n 0 -s tests/api/test_schema_run.py \
		tests/api/test_hostile_bodies.py tests/api/test_hostile_requests.py \
		tests/api/test_repeats.py $(ARGS)

attack: $(READY) ## Guess codes from many addresses beside honest people (ATTACK_ADDRESSES=10000: 20 guesses each)
	@ATTACK_ADDRESSES=$(or $(ATTACK_ADDRESSES),10000) ATTACK_PAGES=$(or $(ATTACK_PAGES),200) \
		ATTACK_HONEST=$(or $(ATTACK_HONEST),1000) \
		ATTACK_SEED=$(or $(ATTACK_SEED),1) $(BIN)/python -m pytest -q -n 0 --show-capture=no \
		tests/redemption/test_attack.py $(ARGS)

report-proof: $(READY) ## Hold every report against plain SQL, and measure it (REPORT_REDEMPTIONS=200000)
	@REPORT_REDEMPTIONS=$(or $(REPORT_REDEMPTIONS),200000) \
		$(BIN)/python -m pytest -q -n 0 -rP --show-capture=stdout tests/redemption/test_proof_*.py $(ARGS)

verify-proof: $(READY) ## Prove a database with very many rewards, and measure each promise (VERIFY_REDEMPTIONS=1000000)
	@VERIFY_REDEMPTIONS=$(or $(VERIFY_REDEMPTIONS),1000000) \
		$(BIN)/python -m pytest -q -n 0 --show-capture=no tests/verify/test_million.py $(ARGS)

fmt: $(READY) ## Put format and imports right
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

words: $(READY) ## Renew locale/ from templates and code, after changing a sentence
	@$(OFFLINE) $(BIN)/python manage.py makemessages

# The lock names packages and hashes only; what is special about this machine stays out of it.
LOCK = env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet \
	--generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

lock: ## Renew the lock files from requirements.in, -stripe.in and -dev.in
	@test -x $(BIN)/python || $(MAKE) $(READY)
	@$(LOCK) $(ARGS) -o requirements.lock requirements.in
	@$(LOCK) $(ARGS) -o requirements-stripe.lock requirements-stripe.in
	@$(LOCK) $(ARGS) -o requirements-dev.lock requirements-dev.in

clean: ## Remove .venv, caches and the demo's data in var/
	@if [ -f var/supervisor.lock ] && ! $(PYTHON) -c "import fcntl; fcntl.flock(open('var/supervisor.lock'), fcntl.LOCK_EX | fcntl.LOCK_NB)" 2>/dev/null; then echo "The demo is running: stop it first."; exit 1; fi
	@rm -rf .venv var .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.lock .ci/bootstrap.py
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer."; exit 1; }
	@"$(PYTHON)" .ci/bootstrap.py
	@touch $(READY)
