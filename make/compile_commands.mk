# compile_commands.json, for clangd and other tools: what make would run to compile each C file.

.PHONY: compile_commands.json
compile_commands.json:
	@$(MAKE) -s -n $(addprefix -W ,$(shell find cli core syscalls test -name '*.c')) all tests-insn fuzz-elf fuzz-decode | \
	    $(PYTHON) make/compile_commands.py >$@.new
	@mv $@.new $@
