# Tests: test/run runs the suites of test/suites (see test/README.md).

.PHONY: test test-quick

test:
	@$(MAKE) ready
	@test/run $(TEST)

test-quick:
	@$(MAKE) ready
	@test/run --quick $(TEST)
