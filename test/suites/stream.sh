#!/bin/sh
# Random instruction streams of both guests, every gadget and every n-gram of the library: engine against
# host CPU (test/stream). The same seeds every time; `make soak` takes new ones.
# order: 20
# time: 400
BUILD=${BUILD:-build}
count=20000
for word in "$@"; do
    [ "$word" = --quick ] && count=4000
done
for command in ngrams stream "stream --checked --count $count" "stream --steps --count $count" \
    "stream --kicks --count $count"; do
    # shellcheck disable=SC2086
    "$BUILD/test/"${command%% *} --oracle "$BUILD/test/oracle" "$@" ${command#"${command%% *}"} ||
        status=1
done
"$BUILD/test/ngrams64" --oracle "$BUILD/test/oracle64" --each 4 "$@" || status=1
for mode in "" "--checked --count $count" "--steps --count $count" "--kicks --count $count"; do
    # shellcheck disable=SC2086
    "$BUILD/test/stream64" --oracle "$BUILD/test/oracle64" "$@" $mode || status=1
done
# As native code.
for test in stream stream64; do
    said=$(FG_TIER=native "$BUILD/test/$test" --oracle "$BUILD/test/oracle${test#stream}" "$@" --count "$count") ||
        status=1
    printf '%s\n' "$said" | sed 's/^ok /ok native code: /; s/^not ok /not ok native code: /'
done
exit "${status:-0}"
