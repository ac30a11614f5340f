#!/bin/sh
# The decoder against Zydis: length and legality (test/decoder).
# order: 15
# time: 120
BUILD=${BUILD:-build}
exec "$BUILD/test/decoder" "$@"
