#!/bin/sh
# run.sh [FLAG_OF_THE_ENRICHER...]: the collector, piped into the enricher; ended and reloaded
# together. COLLECTOR_FLAGS are the collector's, separated by spaces.
set -eu
folder=$(mktemp -d)
mkfifo "$folder/flows"
# shellcheck disable=SC2086 # a list of flags
goflow2plus -format=bin -transport.file.sep= ${COLLECTOR_FLAGS-} >"$folder/flows" &
collector=$!
enricher "$@" <"$folder/flows" &
enricher=$!

# The enricher ends when the collector has written the last flow.
trap 'interrupted=yes; kill -TERM "$collector" 2>/dev/null || true' TERM INT
trap 'interrupted=yes; kill -HUP "$collector" "$enricher" 2>/dev/null || true' HUP

# finish PID: its exit status. A signal interrupts the waiting, which is then taken up again; what
# has been waited for already (127) ended as it was said before.
finish() {
    before=0
    while :; do
        interrupted=
        status=0
        wait "$1" || status=$?
        [ "$status" -ne 127 ] || return "$before"
        [ -n "$interrupted" ] && [ "$status" -gt 128 ] || return "$status"
        before=$status
    done
}

result=0
finish "$enricher" || result=$?
kill -TERM "$collector" 2>/dev/null || true # nobody reads what it writes
finish "$collector" || result=$?
rm -rf "$folder"
exit "$result"
