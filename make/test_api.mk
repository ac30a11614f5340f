# The test of the library's interface (core/fiberglass.h): linked with the whole library, as by an embedder.

$(BUILD)/test/api: $(BUILD)/obj/test/api/main.o $(BUILD)/libfiberglass.a
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--whole-archive $(BUILD)/libfiberglass.a -Wl,--no-whole-archive

tests-insn: $(BUILD)/test/api
