# Tests: test/run runs the suites of test/suites (see test/README.md).

.PHONY: test test-quick

test:
	@$(MAKE) ready
	@$(MAKE) tests-insn
	@test/run $(TEST)

test-quick:
	@$(MAKE) ready
	@$(MAKE) tests-insn
	@test/run --quick $(TEST)
