#!/bin/sh
# The decoder against Zydis: legality, length, operands (test/decoder).
# order: 15
# time: 120
BUILD=${BUILD:-build}
exec "$BUILD/test/decoder" "$@"
