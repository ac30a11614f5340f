# The test of the library's interface (core/fiberglass.h): linked with the whole library, as by an embedder.

API_TEST_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard test/api/*.c))

$(BUILD)/test/api: $(API_TEST_OBJS) $(BUILD)/libfiberglass.a
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(API_TEST_OBJS) -Wl,--whole-archive $(BUILD)/libfiberglass.a -Wl,--no-whole-archive

.PHONY: test-api
test-api: $(BUILD)/test/api

tests-insn: test-api
