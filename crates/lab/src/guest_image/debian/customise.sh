#!/bin/sh
# Makes a fresh Debian one that cloud-init configures quickly and that reports. Arguments: its root
# directory, and the script that reports.
set -eu
root=$1
report=$2

echo unconfigured >"$root/etc/hostname"
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
# The building machine's would send cloud-init to name servers that the guest cannot reach.
: >"$root/etc/resolv.conf"
echo 'LABEL=guest-root / ext4 defaults,noatime 0 0' >"$root/etc/fstab"
printf 'auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n' >"$root/etc/network/interfaces"
mkdir -p "$root/etc/network/interfaces.d" "$root/etc/systemd/system.conf.d" "$root/etc/systemd/journald.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=120s\nShowStatus=no\n' >"$root/etc/systemd/system.conf.d/guest.conf"
printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/guest.conf"

# Only the modules through which an instance's metadata can be seen; the others take a minute.
cat >"$root/etc/cloud/cloud.cfg.d/99_guest.cfg" <<'CONFIGURATION'
cloud_init_modules: [write-files, set_hostname, update_hostname, users-groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user, final-message]
ssh_genkeytypes: []
ssh_quiet_keygen: true
CONFIGURATION

for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service \
    serial-getty@ttyS1.service systemd-pstore.service systemd-random-seed.service \
    systemd-udev-settle.service systemd-update-utmp.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

install -m 755 "$report" "$root/usr/local/sbin/guest-report"
cat >"$root/etc/systemd/system/guest-report.service" <<'UNIT'
[Unit]
Description=Say what cloud-init did, and end
After=cloud-final.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/guest-report
[Install]
WantedBy=cloud-init.target
UNIT
mkdir -p "$root/etc/systemd/system/cloud-init.target.wants"
ln -s ../guest-report.service "$root/etc/systemd/system/cloud-init.target.wants/"
