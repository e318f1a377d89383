# A Debian machine's disk: what debootstrap gives, the two packages of supd, and an operator's few files. As root.
#   debian.sh base TARBALL                      Debian as it is, for whoever makes disks of it
#   debian.sh disk TARBALL KERNEL DISK PACKAGE… a disk with that, this kernel's modules and these packages
#   debian.sh service TARBALL DISK PACKAGE…     a disk with that, systemd, OpenRC and these packages, as a service of either
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
place=$(mktemp -d "$(dirname "$2")/debian.XXXXXX")
trap 'rm -rf "$place"' EXIT
root=$place/root
check=$(dirname "$0")/debian_check.sh
mkdir "$root"

included=udev,kmod,iproute2,procps,e2fsprogs,login,util-linux,util-linux-extra,openssh-server
included+=,inetutils-syslogd,logrotate,nginx-light,postgresql

base() {
    debootstrap --variant=minbase --include="$included" bookworm "$root" >"$place/log" 2>&1 || {
        tail -n 20 "$place/log" "$root/debootstrap/debootstrap.log" >&2 || true
        exit 1
    }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -cf "$1.new" .
    mv "$1.new" "$1"
}

disk() {
    local base=$1 kernel=$2 disk=$3
    shift 3
    tar -C "$root" -xf "$base"
    modules "$kernel"
    packages "$@"
    configure
    rm -f "$disk"
    # Emulated disks need no journal's room of a gigabyte's file system.
    mke2fs -q -t ext4 -d "$root" "$disk" 1G
}

# A machine on which supd is one service of many, and of the others only what starts it.
service() {
    local base=$1 disk=$2
    shift 2
    tar -C "$root" -xf "$base"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    inside "apt-get -qq update && apt-get -qq install -y --no-install-recommends systemd openrc && apt-get clean"
    rm -r "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/*
    packages "$@"
    echo service-vm >"$root/etc/hostname"
    echo '/dev/nvme0n1 / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
    install -m 755 "$(dirname "$check")/service_check.sh" "$root/root/check"
    printf '%s\n' '[Unit]' Wants=supd.service After=supd.service '[Service]' Type=oneshot 'ExecStart=/root/check systemd' \
        >"$root/etc/systemd/system/check.service"
    cp "$root/usr/share/doc/supd/examples/openrc/supd" "$root/etc/init.d/supd"
    printf '%s\n' '#!/sbin/openrc-run' 'depend() { after supd; }' 'start() { setsid /root/check openrc & }' \
        >"$root/etc/init.d/check"
    chmod 755 "$root/etc/init.d/check"
    rm -f "$root"/etc/runlevels/{sysinit,boot,default}/*
    ln -s /etc/init.d/supd /etc/init.d/check "$root/etc/runlevels/default"
    rm -f "$disk"
    mke2fs -q -t ext4 -d "$root" "$disk" 1G
}

packages() {
    mkdir "$root/tmp/packages"
    cp "$@" "$root/tmp/packages"
    inside "dpkg --install /tmp/packages/*.deb"
    rm -r "$root/tmp/packages"
}

# What goes wrong is told whole.
inside() {
    chroot "$root" sh -c "$1" >"$place/log" 2>&1 || { cat "$place/log" >&2; exit 1; }
}

# Those of just this kernel; an image says where its version stands.
modules() {
    local at version package
    at=$(od -An -tu2 -j 526 -N 2 "$1")
    version=$(dd if="$1" bs=1 skip=$((at + 512)) count=64 status=none | sed 's/ .*//;q')
    package=$place/linux-image-$version
    (cd "$place" && apt-get -qq download "linux-image-$version" 2>/dev/null) || {
        echo "the archive has no modules for $1 ($version); remove it, and a newer one is taken" >&2
        exit 1
    }
    dpkg-deb --fsys-tarfile "$package"_*.deb | tar -C "$root" -x --keep-directory-symlink --wildcards './lib/modules/*'
    chroot "$root" depmod "$version"
}

# What whoever installs a machine does: a name, a password, a key, mounts, and in our case things to look for.
configure() {
    echo debian-vm >"$root/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian-vm\n' >"$root/etc/hosts"
    echo root:secret | chroot "$root" chpasswd
    chroot "$root" ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    cp "$root/root/.ssh/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
    printf '%s\n' '/dev/nvme0n1 / ext4 errors=remount-ro 0 1' 'scratch /srv tmpfs size=4m 0 0' >"$root/etc/fstab"
    echo 'vm.swappiness = 17' >"$root/etc/sysctl.d/ours.conf"
    echo dummy >>"$root/etc/modules"
    cp "$check" "$root/root/check"
    # So that what comes each hour comes while somebody looks.
    mkdir "$root/etc/supd/machine/cron-hourly.toml.d"
    printf '[cron]\nschedule = "*/10 * * * * *"\n' >"$root/etc/supd/machine/cron-hourly.toml.d/often.toml"
    printf '%s\n' GREETING=hello '0 0 1 1 * root echo "$GREETING, $LOGNAME"' >"$root/etc/cron.d/ours"
    printf '#!/bin/sh\nlogger -t hourly it has run\n' >"$root/etc/cron.hourly/tell"
    chmod 755 "$root/etc/cron.hourly/tell"
}

"$@"
