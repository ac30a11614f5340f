# How well the suites see: which lines they execute, and whether they notice a mistake put into one.

.PHONY: coverage mutants

# make coverage [WRITE=1]: a table; WRITE=1 puts it into docs/coverage.md.
coverage:
	@$(MAKE) ready
	@$(MAKE) tests-insn
	@$(PYTHON) test/mutants/coverage.py $(if $(WRITE),--write docs/coverage.md)

# make mutants [N=200] [SEED=1] [MINUTES=60] [CASES=0] [FILES='syscalls/futex/futex.c ...'] [SURVIVORS=1]
mutants:
	@$(MAKE) ready
	@$(MAKE) tests-insn
	@$(PYTHON) test/mutants/mutants.py $(if $(N),--count $(N)) $(if $(SEED),--seed $(SEED)) \
	    $(if $(MINUTES),--minutes $(MINUTES)) $(if $(CASES),--cases $(CASES)) \
	    $(if $(SURVIVORS),--survivors) $(FILES)
