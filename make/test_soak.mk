# make fuzz: bounded runs of the fuzzers over their corpora; make soak: random streams, states of the
# processor and attacks with new seeds, SOAK_SECONDS for each part; make soak-attacks [SAN=...]
# [PARTS=...]: the attacks alone.

DECODE_CORPUS := $(sort $(wildcard test/fuzz/corpus/decode/*))
FUZZ_SEED     ?= $(shell date +%s)
SOAK_SECONDS  ?= 600

.PHONY: fuzz-decode
fuzz-decode: $(BUILD)/test/fuzz_decode
	$< --count $$(($(FUZZ_COUNT) * 10)) --seed $(FUZZ_SEED) --keep $(BUILD)/test/fuzz_decode.input $(DECODE_CORPUS)
$(BUILD)/test/fuzz_decode: $(BUILD)/obj/test/fuzz/fuzz_decode.o $(ENGINE_OBJS)
	@mkdir -p $(dir $@)
	$(LINK_ENGINE)

fuzz: fuzz-decode fuzz-elf

soak: tests-insn
	$(BUILD)/test/stream --seed $(FUZZ_SEED)000000 --seconds $(SOAK_SECONDS)
	$(BUILD)/test/stream64 --seed $(FUZZ_SEED)000000 --seconds $(SOAK_SECONDS)
	$(BUILD)/test/insn64 --outside --seed $(FUZZ_SEED)
	INSN_SMALL_WINDOW=1 $(BUILD)/test/insn64 --outside --seed $(FUZZ_SEED)
	$(BUILD)/test/ngrams --each 64
	STATES_SEED=$(FUZZ_SEED) STATES_SEEDS=200 test/run cpu_states
	$(BUILD)/test/decoder --seed $(FUZZ_SEED) --count 500000000
	@$(MAKE) soak-attacks
	@$(MAKE) SAN=address,undefined soak-attacks
	@$(MAKE) SAN=thread soak-attacks

.PHONY: soak-attacks
soak-attacks: all
	$(PYTHON) test/fuzz/soak.py --seconds $(SOAK_SECONDS) --seed $(FUZZ_SEED) $(if $(SAN),--san $(SAN)) $(PARTS)
