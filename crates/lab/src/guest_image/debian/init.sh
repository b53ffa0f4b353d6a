#!/bin/busybox sh
# Before Debian's own first process: loads the modules, finds the disk by its label, goes there.
/bin/busybox mkdir -p /proc /sys /dev /disk
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
exec </dev/null >/dev/console 2>&1

while read -r module; do
    /bin/busybox insmod "/modules/$module" || echo "cannot load $module"
done </modules/order

tries=0
until disk=$(/bin/busybox findfs LABEL=guest-root 2>/dev/null); do
    tries=$((tries + 1))
    if [ "$tries" -gt 250 ]; then
        echo 'no disk is labelled guest-root; the disks are:'
        /bin/busybox cat /proc/partitions
        /bin/busybox poweroff -f
    fi
    /bin/busybox usleep 20000
done
/bin/busybox mount -t ext4 -o rw,noatime "$disk" /disk || /bin/busybox poweroff -f
for directory in dev sys proc; do
    /bin/busybox mount --move "/$directory" "/disk/$directory"
done
exec /bin/busybox switch_root /disk /lib/systemd/systemd
