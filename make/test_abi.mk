# System calls of the x86-64 ABI: test/abi/main.c says how.

ABI_TEST_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard test/abi/*.c))

$(BUILD)/test/abi: $(ABI_TEST_OBJS) $(BUILD)/libfiberglass.a
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=task_run -o $@ $(ABI_TEST_OBJS) \
	    -Wl,--whole-archive $(BUILD)/libfiberglass.a -Wl,--no-whole-archive

.PHONY: test-abi
test-abi: $(BUILD)/test/abi
