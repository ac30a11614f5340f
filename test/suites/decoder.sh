#!/bin/sh
# The decoder against Zydis: legality, length, operands (test/decoder); the spec against its tables;
# what stencils of native code say of themselves.
# order: 15
# time: 120
BUILD=${BUILD:-build}
"$BUILD/test/decoder" "$@" || status=1
if "${PYTHON:-python3}" test/decoder/isa_coverage.py --build "$BUILD" --check docs/isa-coverage.md; then
    echo "ok docs/isa-coverage.md"
else
    echo "# replay: make coverage-isa WRITE=1; git diff docs/isa-coverage.md"
    echo "not ok docs/isa-coverage.md"
fi
"$BUILD/test/stencils" || { echo "# replay: $BUILD/test/stencils"; status=1; }
exit "${status:-0}"
