#!/bin/busybox sh
# The tiny guest's first process. It loads the modules, runs /guest/run, and powers off.
# Each line of what that says is reported with a mark before it, so that what the kernel says on
# the same line is told from it.
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /etc /root /mnt /var/log /var/lib
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin
exec </dev/null >/dev/console 2>&1

while read -r module; do
    insmod "/modules/$module" || echo "cannot load $module"
done </modules/order
ip link set lo up

# The second serial port, where there is one, carries the report alone.
port=/dev/ttyS0
grep -q '^1: uart:1' /proc/tty/driver/serial && port=/dev/ttyS1

{
    sh /guest/run 2>&1
    echo "ended with $?"
} | while IFS= read -r line; do echo "report: $line"; done >"$port"

# What is still on its way through the port would be lost.
stty -F "$port" -echo
poweroff -f
