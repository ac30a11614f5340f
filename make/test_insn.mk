# Instruction, stream, decoder and engine tests: their programs. The suites that run them are in
# test/suites/. They are linked with the engine alone, not with the kernel layer.

ENGINE_OBJS := $(ENGINE_C:%.c=$(BUILD)/obj/%.o) $(CORE_S:%.S=$(BUILD)/obj/%.S.o) \
               $(patsubst %,$(BUILD)/obj/gen/%.o,rows opmap ngrams cpuid) $(COVER_OBJ) build/gadgets.o
LINK_ENGINE  = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
TEST_COMMON := $(patsubst %,$(BUILD)/obj/test/insn/%.o,runner engine_side compare values expand forms \
    vendors vendors_value)
TEST_COMMON64 := $(TEST_COMMON:$(BUILD)/obj/%=$(BUILD)/obj64/%)
INSN_TESTS  := $(BUILD)/test/oracle $(BUILD)/test/insn $(BUILD)/test/stream $(BUILD)/test/decoder \
    $(BUILD)/test/oracle64 $(BUILD)/test/insn64 $(BUILD)/test/stream64 \
    $(BUILD)/test/ngrams $(BUILD)/test/ngrams64 $(BUILD)/test/zydis_effects $(BUILD)/test/isa_forms \
    $(BUILD)/test/stencils build/gen/cases.bin build/gen/cases64.bin

.PHONY: tests-insn
tests-insn: $(INSN_TESTS)

# make coverage-isa [WRITE=1]: the spec against Zydis' tables; WRITE=1 puts the table into docs/.
.PHONY: coverage-isa
coverage-isa: tests-insn
	@$(PYTHON) test/decoder/isa_coverage.py --build $(BUILD) $(if $(WRITE),--write docs/isa-coverage.md)

build/gen/cases.bin build/gen/cases64.bin &: $(wildcard gen/spec/* gen/cases/*.py)
	$(PYTHON) -m gen.cases.cases --out build/gen

# 32 bits, no C library, away from the addresses that cases use.
ORACLE_FLAGS = -m32 -O2 -msse2 -std=gnu11 $(WARN) -ffreestanding -fno-stack-protector -fno-pie \
    -fno-tree-loop-distribute-patterns -nostdlib -static -Wl,-Ttext-segment=0x60000000,--build-id=none
ORACLE_SRC   = test/insn/oracle.c test/insn/case.h $(wildcard test/insn/oracle_*.h)
$(BUILD)/test/oracle: $(ORACLE_SRC)
	@mkdir -p $(dir $@)
	$(CC) $(ORACLE_FLAGS) -o $@ $<

ORACLE64_FLAGS = -m64 -O2 -std=gnu11 -DCASE_BITS=64 $(WARN) -ffreestanding -fno-stack-protector -fpie -no-pie \
    -fno-tree-loop-distribute-patterns -nostdlib -static -Wl,-Ttext-segment=0x600000000000,--build-id=none
$(BUILD)/test/oracle64: $(ORACLE_SRC)
	@mkdir -p $(dir $@)
	$(CC) $(ORACLE64_FLAGS) -o $@ $<

# The same sources for cases of 64 bits.
$(BUILD)/obj64/%.o: %.c
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) -DCASE_BITS=64 -MMD -MP -c -o $@ $<
-include $(shell find $(BUILD)/obj64 -name '*.d' 2>/dev/null)

$(BUILD)/test/insn64: $(patsubst %,$(BUILD)/obj64/test/insn/%.o,main vectors) $(TEST_COMMON64) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

$(BUILD)/test/stream64: $(patsubst %,$(BUILD)/obj64/test/stream/%.o,main generate) $(TEST_COMMON64) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

$(BUILD)/test/insn: $(patsubst %,$(BUILD)/obj/test/insn/%.o,main vectors answers) $(TEST_COMMON) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

$(BUILD)/test/stream: $(patsubst %,$(BUILD)/obj/test/stream/%.o,main generate) $(TEST_COMMON) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

$(BUILD)/test/decoder: $(patsubst %,$(BUILD)/obj/test/decoder/%.o,main operands) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

$(BUILD)/test/stencils: $(BUILD)/obj/test/decoder/stencils.o $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

# As on a host that has every extension.
$(BUILD)/test/isa_forms: $(BUILD)/obj/test/decoder/isa_forms.o $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -Wl,--wrap=host_has_feature -lZydis

$(BUILD)/test/zydis_effects: $(BUILD)/obj/test/decoder/zydis_effects.o
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -lZydis

$(BUILD)/test/ngrams: $(patsubst %,$(BUILD)/obj/test/stream/%.o,ngrams ways) $(TEST_COMMON) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm

$(BUILD)/test/ngrams64: $(patsubst %,$(BUILD)/obj64/test/stream/%.o,ngrams ways) $(TEST_COMMON64) $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE) -lZydis -lm
