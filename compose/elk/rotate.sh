#!/bin/sh
# rotate.sh FILE PID: when FILE has ROTATE_BYTES, it becomes NAME.1.log (of NAME.log) and the process opens a new
# one; ROTATE_KEEP old ones are kept. Looks every ROTATE_SECONDS, or once with ROTATE_ONCE.
set -eu
file=$1 pid=$2
base=${file%.log}

rotate() {
    number=${ROTATE_KEEP:-4}
    while [ "$number" -gt 1 ]; do
        [ ! -e "$base.$((number - 1)).log" ] ||
            mv "$base.$((number - 1)).log" "$base.$number.log"
        number=$((number - 1))
    done
    mv "$file" "$base.1.log"
    kill -HUP "$pid"
}

trap 'exit 0' TERM INT
while :; do
    size=$(stat -c %s "$file" 2>/dev/null || echo 0)
    [ "$size" -lt "${ROTATE_BYTES:-268435456}" ] || rotate
    [ -z "${ROTATE_ONCE-}" ] || exit 0
    sleep "${ROTATE_SECONDS:-10}" &
    wait $!
done
