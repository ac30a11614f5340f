#!/bin/sh
# Random instruction streams and every n-gram of the library, engine against host CPU (test/stream). The
# same seeds every time; `make soak` takes new ones.
# order: 20
# time: 300
BUILD=${BUILD:-build}
for command in "ngrams" "stream" "stream --count 30000 --checked" "stream --count 20000 --steps" \
    "stream --count 20000 --kicks"; do
    # shellcheck disable=SC2086
    set -- ${command%% *} "$@"
    program=$1
    shift
    # shellcheck disable=SC2086
    "$BUILD/test/$program" --oracle "$BUILD/test/oracle" "$@" ${command#"$program"} || status=1
done
exit "${status:-0}"
