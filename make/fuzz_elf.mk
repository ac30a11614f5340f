# The fuzzer of the ELF loader: test/fuzz/fuzz_elf.c over its corpus.

ELF_CORPUS := $(wildcard test/fuzz/corpus/elf/*)
FUZZ_COUNT ?= 20000

$(BUILD)/test/fuzz_elf: $(BUILD)/obj/test/fuzz/fuzz_elf.o $(BUILD)/libfiberglass.a
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--whole-archive $(BUILD)/libfiberglass.a -Wl,--no-whole-archive

.PHONY: fuzz fuzz-elf
fuzz: fuzz-elf
fuzz-elf: $(BUILD)/test/fuzz_elf
	$< --count $(FUZZ_COUNT) --keep $(BUILD)/test/fuzz_elf.input $(ELF_CORPUS)
