# Tests: test/run runs the suites of test/suites (see test/README.md). make test-programs makes the roots of
# test/programs/packages.txt first (GROUPS: some of them), which take gigabytes and an hour.

.PHONY: test test-quick

test:
	@$(MAKE) ready
	@$(MAKE) $(parallel) tests-insn
	@test/run $(TEST)

test-quick:
	@$(MAKE) ready
	@$(MAKE) $(parallel) tests-insn
	@test/run --quick $(TEST)

# x86-64 programs alone: the packages of other architectures were not tried.
.PHONY: test-programs
test-programs:
	@$(MAKE) ready ARCH=amd64
	@PYTHONPATH=test/lib $(PYTHON) test/lib/package_programs.py amd64 $(GROUPS)
	@test/run packages64 $(if $(NAMES),-- $(NAMES))
