#!/bin/sh
# Every row of the spec in every form, against the host CPU (test/insn, gen/cases/cases.py); what C serves
# where a host lacks it, as if this one did ("in C"); and the
# engine alone against recorded vectors, as hosts without 32-bit programs have it; and the comparison
# itself against answers of other processors.
# order: 10
# time: 300
BUILD=${BUILD:-build}
"$BUILD/test/insn" --oracle "$BUILD/test/oracle" "$@" || status=1
# A slice as native code, too.
said=$(FG_TIER=native "$BUILD/test/insn" --oracle "$BUILD/test/oracle" "$@" --quick) || status=1
printf '%s\n' "$said" | sed 's/^ok /ok native code: /; s/^not ok /not ok native code: /'
"$BUILD/test/insn" --oracle "$BUILD/test/oracle" --portable "$@" || status=1
"$BUILD/test/insn" --vectors test/insn/vectors.bin || status=1
"$BUILD/test/insn" --answers test/insn/answers.txt || status=1
sed -n '/rows are not compared/,$p' build/gen/cases.txt | sed 's/^/# /'
exit "${status:-0}"
