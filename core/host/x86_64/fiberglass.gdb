# Commands for gdb on an x86-64 host:
#
#     gdb -x core/host/x86_64/fiberglass.gdb --args build/fiberglass --root build/root /bin/true
#
# Faults of guest code and kicks are everyday signals; breakpoints of gdb are SIGTRAP, which stays.

set pagination off
handle SIGSEGV SIGBUS SIGFPE SIGILL nostop noprint pass
handle SIG35 nostop noprint pass

define fg-where
  set $fg_slot = (unsigned long *)$r14
  printf "guest pc %08lx, in the fiber of %08lx: %s\n", (unsigned long)fiber_slot_pc(fiber_of_slot($fg_slot), $fg_slot, ngram_part((void *)*$fg_slot, (void *)$pc)), (unsigned long)fiber_of_slot($fg_slot)->pc, gadget_name((void *)*$fg_slot)
  printf "ax %08lx cx %08lx dx %08lx bx %08lx sp %08lx bp %08lx si %08lx di %08lx\n", $rax, $rcx, $rdx, $rbx, $r8, $rbp, $rsi, $rdi
  if ((struct cpu *)$r13)->mode == GUEST_X86_64
    output/x ((struct cpu *)$r13)->regs
    printf " (from r8 on)\n"
  end
end
document fg-where
In a gadget: the guest instruction, its fiber, the gadget by name and the guest's registers.
end

define fg-symbols
  call (void)native_report_flush()
end
document fg-symbols
With --gdb: have the newest native code named, too. gdb is told of it some dozens of blocks at a time.
end

define fg-bytes
  x/16xb (char *)$r15 + (unsigned long)$arg0
end
document fg-bytes
In a gadget: 16 bytes of guest memory. fg-bytes ADDRESS
end

define fg-break
  rbreak ^g6*4*_$arg0$
end
document fg-break
Stop in a gadget. fg-break NAME, as --dump=gadgets and fg-where show it: fg-break xor32_rr_eax_eax
end
