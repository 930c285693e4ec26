#!/bin/sh
# Boots systemd over a copy of this system that is gone with it: systemd_boot.sh FOLDER BUILD
#
# For tests/support/systemd.py, which gives it namespaces of its own. FOLDER is empty and stays so;
# what BUILD installs is there, its user too.
set -eu

folder=$1 build=$2
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
root=$folder/root
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
rm -rf "$root/etc/systemd/system" "$root/etc/default/goflow2plus" "$root/etc/default/enricher"
mkdir -p "$root/etc/systemd/system"
DESTDIR=$root cmake --install "$build" >/dev/null
chroot "$root" systemd-sysusers /usr/local/lib/sysusers.d/goflow2plus.conf
printf '[Unit]\nDefaultDependencies=no\n' >"$root/etc/systemd/system/bare.target"
ip link set lo up
cd "$root"
pivot_root . mnt
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=bare.target --log-target=null --show-status=no
