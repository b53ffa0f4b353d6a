#!/bin/sh
# What udhcpc runs: applies what it was told. Everything that it was told is in the environment.
case $1 in
bound | renew) ;;
deconfig)
    ip link set "$interface" up
    ip -4 address flush dev "$interface"
    exit 0
    ;;
*) exit 0 ;;
esac

ip -4 address flush dev "$interface"
# `mask` is the prefix length, `subnet` the same in dots.
ip address add "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
[ -z "$hostname" ] || hostname "$hostname"

# RFC 3442: whoever knows classless routes must ignore the router where they are given.
if [ -n "$staticroutes" ]; then
    # shellcheck disable=SC2086 # pairs of words
    set -- $staticroutes
    while [ $# -ge 2 ]; do
        case $2 in
        0.0.0.0) ip route add "$1" dev "$interface" ;;
        # The router need not be in the subnet.
        *) ip route add "$1" via "$2" dev "$interface" onlink ;;
        esac
        shift 2
    done
else
    for gateway in $router; do
        ip route add default via "$gateway" dev "$interface" onlink
    done
fi

: >/etc/resolv.conf
[ -z "$domain" ] || echo "search $domain" >>/etc/resolv.conf
for server in $dns; do
    echo "nameserver $server" >>/etc/resolv.conf
done
