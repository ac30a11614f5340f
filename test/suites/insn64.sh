#!/bin/sh
# Every row of the spec in every form of 64-bit mode, against the host CPU (test/insn, gen/cases/cases.py);
# what C serves where a host lacks it, as if this one did ("in C"); and accesses at addresses outside of a
# guest's window, where the emulator's own memory would be, for a large window and a small one. All of it once
# more with the instructions lowered as if each operand were beyond the window (core/memory/chunks.h).
# order: 10
# time: 300
BUILD=${BUILD:-build}
"$BUILD/test/insn64" --oracle "$BUILD/test/oracle64" "$@" || status=1
"$BUILD/test/insn64" --oracle "$BUILD/test/oracle64" --portable "$@" || status=1
"$BUILD/test/insn64" --oracle "$BUILD/test/oracle64" --outside "$@" || status=1
INSN_SMALL_WINDOW=1 "$BUILD/test/insn64" --oracle "$BUILD/test/oracle64" --outside "$@" || status=1
# A slice as native code, too.
for more in "" --outside; do
    said=$(FG_TIER=native "$BUILD/test/insn64" --oracle "$BUILD/test/oracle64" $more "$@" --quick) || status=1
    printf '%s\n' "$said" | sed 's/^ok /ok native code: /; s/^not ok /not ok native code: /'
done
for more in "" --outside; do
    said=$(INSN_WIDE=1 "$BUILD/test/insn64" --oracle "$BUILD/test/oracle64" $more "$@") || status=1
    printf '%s\n' "$said" | sed 's/^ok /ok far: /; s/^not ok /not ok far: /'
done
sed -n '/rows are not compared/,$p' build/gen/cases64.txt | sed 's/^/# /'
exit "${status:-0}"
