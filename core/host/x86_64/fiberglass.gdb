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
  printf "guest pc %08x, in the fiber of %08x: %s\n", (unsigned)fiber_slot_pc(fiber_of_slot($fg_slot), $fg_slot, ngram_part((void *)*$fg_slot, (void *)$pc)), (unsigned)fiber_of_slot($fg_slot)->pc, gadget_name((void *)*$fg_slot)
  printf "eax %08x ecx %08x edx %08x ebx %08x esp %08x ebp %08x esi %08x edi %08x\n", $eax, $ecx, $edx, $ebx, $r8, $ebp, $esi, $edi
end
document fg-where
In a gadget: the guest instruction, its fiber, the gadget by name and the guest's registers.
end

define fg-bytes
  x/16xb (char *)$r15 + (unsigned)$arg0
end
document fg-bytes
In a gadget: 16 bytes of guest memory. fg-bytes ADDRESS
end

define fg-break
  rbreak ^g_$arg0$
end
document fg-break
Stop in a gadget. fg-break NAME, as --dump=gadgets and fg-where show it: fg-break xor32_rr_eax_eax
end
