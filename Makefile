# Fiberglass: build, test and run. `make help` lists the targets.

HOST     ?= x86_64
PYTHON   ?= $(shell /usr/bin/python3 -c 'import jinja2' 2>/dev/null && echo /usr/bin/python3 || echo python3)
CC       ?= gcc
AS       ?= as
BUILD    ?= build
# Guests that programs can be run for; without one, its programs are refused: make GUESTS=i386
GUESTS   ?= i386,x86-64
O        ?= -O2
include core/host/$(HOST)/host.mk
WARN      = -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes
CFLAGS    = $(O) -g -std=gnu11 $(WARN) -fno-strict-aliasing $(HOST_CFLAGS) -I. -Ibuild -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
LDFLAGS   = $(HOST_LDFLAGS) -pthread
MAKEFLAGS += --no-print-directory

# make SAN=address,undefined or SAN=thread: a sanitizer build of its own.
ifdef SAN
comma    := ,
BUILD    := build/san-$(subst $(comma),-,$(SAN))
CFLAGS   += -fsanitize=$(SAN) -fno-omit-frame-pointer
LDFLAGS  += -fsanitize=$(SAN)
endif

# make COVERAGE=1: a build that counts the executed lines (make coverage, test/mutants).
ifdef COVERAGE
BUILD     := build/cov
O         := -O0
CFLAGS    += --coverage -fprofile-update=atomic
LDFLAGS   += --coverage
COVER_OBJ := $(BUILD)/obj/test/mutants/beside.o
$(COVER_OBJ): CFLAGS += -DCOVER_BUILD='"$(BUILD)"' -DCOVER_STRIP='"$(words $(subst /, ,$(CURDIR)/$(BUILD)))"'
endif

# What the generator reads, by name: new files are noticed. What it did read is in gen.d, which it writes.
GEN_SRC   := $(wildcard gen/*.py gen/*/*.py gen/*/*/*.py gen/spec/* templates/$(HOST)/*/*) syscalls/table
ENGINE_C  := $(filter-out %/offsets.c,$(wildcard core/*/*.c core/host/$(HOST)/*.c))
CORE_C    := $(ENGINE_C) $(wildcard syscalls/*/*.c syscalls/abi/*/*.c)
CORE_S    := $(wildcard core/host/$(HOST)/*.S)
GEN_OBJS  := rows opmap ngrams cpuid syscall_table_i386 syscall_table_x86_64
LIB_OBJS  := $(CORE_C:%.c=$(BUILD)/obj/%.o) $(CORE_S:%.S=$(BUILD)/obj/%.S.o) $(GEN_OBJS:%=$(BUILD)/obj/gen/%.o) $(COVER_OBJ)

.PHONY: all gadgets fuzz soak clean distclean help
all: $(BUILD)/fiberglass

help:
	@cat make/help.txt

# --- generated: one run of the generator rewrites only the files whose text changes -------------
# What GUESTS was at the last run.
ifneq ($(GUESTS),$(file <build/gen/guests))
.PHONY: build/gen/guests
endif
build/gen/guests:
	@mkdir -p build/gen
	@echo '$(GUESTS)' >$@
build/gen/stamp: $(GEN_SRC) build/gen/guests
	@mkdir -p build/gen
	$(PYTHON) -m gen --host $(HOST) --guests $(GUESTS) --out build/gen --gadgets gadgets
	@touch $@
-include $(wildcard build/gen/gen.d build/gen/cases.d)
build/gen/gadgets.mk build/gen/rows.c build/gen/opmap.c build/gen/ngrams.S build/gen/cpuid.c $(patsubst %,build/gen/%.c,$(filter syscall_table%,$(GEN_OBJS))): build/gen/stamp ;

# The list of gadget files; make reads itself again when the generator changed it. Not for goals that
# start with `make setup`: the generator's Python may not be there yet, and they build by a make of their own.
OUTER_GOALS := setup root ready run test test-quick check fmt bench clean help uninstall dist compile_commands.json
ifneq ($(filter-out $(OUTER_GOALS),$(or $(MAKECMDGOALS),all)),)
-include build/gen/gadgets.mk
endif
GADGET_OBJS := $(GADGET_SRC:gadgets/%.S=build/gadgets/%.o)

build/gen/offsets.inc: $(wildcard core/host/$(HOST)/offsets.c core/host/$(HOST)/*.h) core/code/fiber.h $(wildcard core/base/*.h)
	@mkdir -p $(dir $@)
	@$(CC) -I. -D_GNU_SOURCE -S -o - $< | sed -n 's/.*->\([A-Z0-9_]*\) \$$*\([-0-9]*\).*/.set \1, \2/p' >$@.$$PPID
	@if cmp -s $@.$$PPID $@; then rm $@.$$PPID; else mv $@.$$PPID $@; fi  # all gadgets depend on it
build/gadgets/%.o: gadgets/%.S build/gen/offsets.inc
	@mkdir -p $(dir $@)
	@$(AS) -I build/gen -o $@ $<
# What takes long to write appears complete or not at all, under whatever name make was started with.
# Of thousands of files, which takes LLD a fourth of the time, where it is there; both put everything in the
# same place.
LD_GADGETS ?= $(shell command -v ld.lld || echo ld)
build/gadgets.o: $(GADGET_OBJS) core/host/$(HOST)/gadgets.ld
	$(file >build/gadgets.list,$(GADGET_OBJS))
	@$(LD_GADGETS) -r -T core/host/$(HOST)/gadgets.ld -o $@.$$PPID @build/gadgets.list && mv $@.$$PPID $@

gadgets: build/gen/stamp
	@$(MAKE) $(BUILD)/fiberglass

# --- C -------------------------------------------------------------------------------------------
$(BUILD)/obj/gen/%.o: build/gen/%.c
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/gen/%.o: build/gen/%.S
	@mkdir -p $(dir $@)
	@$(AS) -o $@ $<
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
# What the kernel layer hands to guests is built on the stack: nothing of that is ever what calls before
# left there, padding of structures included.
$(BUILD)/obj/syscalls/%.o: CFLAGS += -ftrivial-auto-var-init=zero
$(BUILD)/obj/%.S.o: %.S build/gen/offsets.inc
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) -Ibuild/gen -MMD -MP -c -o $@ $<
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# The vDSOs: guest code, linked as shared objects and embedded by syscalls/abi/NAME/vdso.c.
VDSO_LDFLAGS := --hash-style=both --eh-frame-hdr --build-id=none -z noexecstack -z max-page-size=4096
build/gen/vdso_i386.so: syscalls/abi/i386/vdso.S syscalls/abi/i386/vdso.ld
	@mkdir -p $(dir $@)
	$(I386_AS) -o $(@:.so=.o) $<
	$(I386_LD) -shared -soname linux-gate.so.1 $(VDSO_LDFLAGS) -T syscalls/abi/i386/vdso.ld -o $@ $(@:.so=.o)
build/gen/vdso_x86_64.so: syscalls/abi/x86_64/vdso.S syscalls/abi/x86_64/vdso.ld
	@mkdir -p $(dir $@)
	$(X86_64_AS) -o $(@:.so=.o) $<
	$(X86_64_LD) -shared -soname linux-vdso.so.1 $(VDSO_LDFLAGS) -T syscalls/abi/x86_64/vdso.ld -o $@ $(@:.so=.o)
$(BUILD)/obj/syscalls/abi/i386/vdso.o: build/gen/vdso_i386.so
$(BUILD)/obj/syscalls/abi/x86_64/vdso.o: build/gen/vdso_x86_64.so

$(BUILD)/libfiberglass.a: $(LIB_OBJS) build/gadgets.o
	@rm -f $@.$$PPID; ar qcsD $@.$$PPID $^ && mv $@.$$PPID $@
# Not from the library: to write it again takes longer than to link.
$(BUILD)/fiberglass: $(BUILD)/obj/cli/main.o $(LIB_OBJS) build/gadgets.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@.$$PPID $^
	@mv $@.$$PPID $@

# clean leaves the default roots and the downloaded packages; distclean does not.
clean:
	rm -rf compile_commands.json gadgets/x86_64 $(filter-out build/root build/root-amd64 build/cache,$(wildcard build/*))
distclean:
	rm -rf compile_commands.json build gadgets/x86_64

include make/*.mk
