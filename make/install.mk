# make install [PREFIX=/usr/local] [LIBDIR=PREFIX/lib] [DESTDIR=]: the program, its manual pages and
# completion, fiberglass-mkroot, and the library with header and pkg-config file. make uninstall
# removes what make install with the same variables put there; make dist packs the committed sources.

PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
# The one place of the version; the header goes with the library.
VERSION  = $(shell sed -n 's/^.define FG_VERSION "\(.*\)"/\1/p' core/fiberglass.h)

# The library as it is installed: one object, whose only names are those of the header. So an
# embedder's own names never clash, and tools that look at each member of a library have one to look at.
one_object = $(BUILD)/installed/libfiberglass.a
$(one_object): $(LIB_OBJS) build/gadgets.o core/fiberglass.h
	@mkdir -p $(@D)
	grep -o '\bfg_[a-z_]*(' core/fiberglass.h | tr -d '(' >$(@D)/names
	ld -r -o $(@D)/fiberglass.o build/gadgets.o $(LIB_OBJS)
	objcopy --keep-global-symbols=$(@D)/names $(@D)/fiberglass.o
	@rm -f $@; ar qcsD $@ $(@D)/fiberglass.o && rm $(@D)/fiberglass.o

# SOURCE:PLACE; PLACE is below DESTDIR.
DATADIR  = $(PREFIX)/share/fiberglass
PROGRAMS = $(BUILD)/fiberglass:$(PREFIX)/bin/fiberglass rootfs-tools/mkroot:$(DATADIR)/mkroot
FILES_AS_THEY_ARE = $(one_object):$(LIBDIR)/libfiberglass.a \
    core/fiberglass.h:$(PREFIX)/include/fiberglass.h \
    cli/completion.bash:$(PREFIX)/share/bash-completion/completions/fiberglass \
    cli/completion.bash:$(PREFIX)/share/bash-completion/completions/fiberglass-mkroot \
    $(foreach file,LICENSE docs/security.md docs/syscalls.md docs/instructions.md \
        docs/examples/run_code.c,$(file):$(PREFIX)/share/doc/fiberglass/$(notdir $(file))) \
    $(foreach file,$(wildcard rootfs-tools/roots/*.py rootfs-tools/profiles/*.list),\
        $(file):$(DATADIR)/$(file:rootfs-tools/%=%))
FILES_FILLED_IN = make/fiberglass.pc.in:$(LIBDIR)/pkgconfig/fiberglass.pc \
    docs/fiberglass.1:$(PREFIX)/share/man/man1/fiberglass.1 \
    docs/fiberglass-mkroot.1:$(PREFIX)/share/man/man1/fiberglass-mkroot.1
LINK     = $(PREFIX)/bin/fiberglass-mkroot

source   = $(word 1,$(subst :, ,$(1)))
place    = "$(DESTDIR)$(word 2,$(subst :, ,$(1)))"
# A recipe line each.
define newline


endef

.PHONY: install uninstall dist

install: all $(one_object)
	$(foreach pair,$(PROGRAMS),install -D -m 755 $(call source,$(pair)) $(call place,$(pair))$(newline)	)
	$(foreach pair,$(FILES_AS_THEY_ARE),install -D -m 644 $(call source,$(pair)) $(call place,$(pair))$(newline)	)
	$(foreach pair,$(FILES_FILLED_IN),install -D -m 644 /dev/null $(call place,$(pair))$(newline)	\
	    sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
	    $(call source,$(pair)) >$(call place,$(pair))$(newline)	)
	ln -sfn ../share/fiberglass/mkroot "$(DESTDIR)$(LINK)"

uninstall:
	rm -f "$(DESTDIR)$(LINK)" $(foreach pair,$(PROGRAMS) $(FILES_AS_THEY_ARE) $(FILES_FILLED_IN),$(call place,$(pair)))
	for dir in $(DATADIR)/roots $(DATADIR)/profiles $(DATADIR) $(PREFIX)/share/doc/fiberglass; do \
	    [ ! -d "$(DESTDIR)$$dir" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$dir"; done

dist:
	@mkdir -p build
	git archive --format=tar.gz --prefix=fiberglass-$(VERSION)/ -o build/fiberglass-$(VERSION).tar.gz HEAD
	@echo build/fiberglass-$(VERSION).tar.gz
