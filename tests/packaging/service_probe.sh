#!/bin/bash
# Runs once in a booted root, as an administrator would: starts both services, sends a datagram, moves
# the file away, reloads, sends another, rotates, upgrades, stops and purges. What came of it: /probe.facts.
exec >/probe.log 2>&1
set -x
state=/var/lib/goflow2plus
facts=/probe.facts

fact() {
    echo "$1=$2" >>"$facts"
}

# until COMMAND...: true within ten seconds.
until_it() {
    for _ in $(seq 100); do
        if "$@"; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

has_flow() {
    [ -s "$state/flows.json" ]
}

systemctl enable --now goflow2plus enricher
until_it goflow2plus -health
fact healthy $?
pid=$(systemctl show --value -p MainPID goflow2plus)
fact user "$(stat -c %U "/proc/$pid")"
fact capabilities "$(sed -n 's/^CapEff:\s*//p' "/proc/$pid/status")"
fact buffers "$(journalctl -u goflow2plus -o cat | grep -c 'receive buffer')"
cat /datagram >/dev/udp/127.0.0.1/2055
until_it has_flow
fact flow $?
fact may_read "$(stat -c '%a %G' "$state/flows.json")"
mv "$state/flows.json" "$state/flows.old"
systemctl reload goflow2plus enricher
fact reload $?
until_it test -e "$state/flows.json"
cat /datagram >/dev/udp/127.0.0.1/2055
until_it has_flow
fact flow_after_reload $?
fact same_process "$([ "$pid" = "$(systemctl show --value -p MainPID goflow2plus)" ] && echo 0)"
fact enricher_after_reload "$(systemctl is-active enricher)"
logrotate --force /etc/logrotate.d/goflow2plus
fact rotated "$(test -s "$state/flows.json.1"; echo $?)"
until_it test -e "$state/flows.json"
cat /datagram >/dev/udp/127.0.0.1/2055
until_it has_flow
fact flow_after_rotation $?
# The package again, as an upgrade would bring it: what runs is run anew, what does not is left.
systemctl stop enricher
dpkg -i /package.deb
fact restarted "$([ "$pid" != "$(systemctl show --value -p MainPID goflow2plus)" ] && echo 0)"
fact after_upgrade "$(systemctl is-active goflow2plus) $(systemctl is-active enricher)"
systemctl stop goflow2plus
for unit in goflow2plus enricher; do
    fact "$unit" "$(systemctl show --value -p Result "$unit") $(systemctl show --value -p NRestarts "$unit")"
done
systemctl start goflow2plus
dpkg -P goflow2plus
fact after_purge "$(systemctl is-active goflow2plus) $(ls /var/lib/private)"
fact left "$(find / -xdev \( -name '*goflow2plus*' -o -name '*enricher*' \) -not -path '/proc/*' \
    -not -path '/var/log/journal/*' -not -path '/tmp/*' -not -path '/run/*'; getent passwd goflow2plus; getent group goflow2plus)"
journalctl -u goflow2plus -u enricher --no-pager -o cat
