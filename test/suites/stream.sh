#!/bin/sh
# Random instruction streams, engine against host CPU (test/stream). The same seeds every time; `make
# soak` takes new ones.
# order: 20
# time: 300
BUILD=${BUILD:-build}
exec "$BUILD/test/stream" --oracle "$BUILD/test/oracle" "$@"
