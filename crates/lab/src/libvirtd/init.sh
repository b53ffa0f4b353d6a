# The first process of a private libvirtd's namespaces. Arguments: the directory of this libvirtd.
# It ends, and with it everything in the namespaces, when its standard input does.
set -eu
directory=$1

# Puts the directory $3 in the place of $1/$2. Where that place does not exist, $1 is first replaced
# by a copy that consists of mounts of what is in it: nothing is made on the machine's own disk.
stand_in() {
    if [ ! -d "$1/$2" ]; then
        real=/run/real$1
        mkdir -p "$real"
        mount --rbind "$1" "$real"
        mount -t tmpfs tmpfs "$1"
        for entry in "$real"/* "$real"/.[!.]*; do
            name=$1/${entry##*/}
            if [ -L "$entry" ]; then
                cp -P "$entry" "$name"
            elif [ -d "$entry" ]; then
                mkdir "$name" && mount --rbind "$entry" "$name"
            elif [ -f "$entry" ]; then
                : >"$name" && mount --bind "$entry" "$name"
            fi
        done
        mkdir "$1/$2"
    fi
    mount --bind "$3" "$1/$2"
}

# Debian's libvirtd does not start without the user libvirt-qemu, whatever its configuration says,
# and the user comes with the package that would start libvirtd on this machine. $1: passwd or group.
know_user() {
    getent "$1" libvirt-qemu >/dev/null && return
    cp "/etc/$1" "$directory/$1"
    printf '%s\n' "$2" >>"$directory/$1"
    mount --bind "$directory/$1" "/etc/$1"
}

# Sockets and process ids of its own; neither the machine's D-Bus nor its machined is in reach.
mount -t tmpfs -o mode=0755 tmpfs /run
stand_in /etc libvirt "$directory/etc"
stand_in /var/lib libvirt "$directory/lib"
stand_in /var/log libvirt "$directory/log"
stand_in /var/cache libvirt "$directory/cache"
know_user passwd libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin
know_user group libvirt-qemu:x:64055:
# A libvirtd that finds no control groups makes none, so none are left behind.
if mountpoint -q /sys/fs/cgroup; then umount --recursive --lazy /sys/fs/cgroup; fi
# It is to see the interfaces of its own network namespace, which it does already if this fails.
mount -t sysfs sysfs /sys 2>/dev/null || true

# `wait` also reaps what is orphaned: libvirtd believes in a machine's end when its process is gone.
exec 3<&0 </dev/null
virtlogd 3<&- &
libvirtd 3<&- &
libvirtd=$!
{ read -r _ <&3 || true; kill "$libvirtd"; } &
exec 3<&-
wait "$libvirtd"
