# What a build on an x86-64 host needs beside what the Makefile says for every host.

# Not position-independent: the tables of rows and steps hold addresses, which each start would have to
# relocate.
HOST_CFLAGS  := -fno-pie
HOST_LDFLAGS := -no-pie

# For guest code (the vDSO): this host's own assembler and linker know it.
I386_AS   := $(AS) --32
I386_LD   := ld -m elf_i386
X86_64_AS := $(AS) --64
X86_64_LD := ld -m elf_x86_64
