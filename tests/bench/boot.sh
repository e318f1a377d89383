#!/usr/bin/env bash
# How long a machine needs from the kernel's start until all its services are up, and what memory its init has needed by
# then: supd, systemd and sysvinit on the same Debian with the same services (udev, syslog, sshd, nginx, PostgreSQL, logins
# on tty1 and ttyS0), in qemu without acceleration.
#
#   tests/bench/boot.sh PROGRAMS [TIMES]    PROGRAMS: where packaging/build-static has put supd and supctl; TIMES: 3
#
# Up means the same for all: a program that the init starts early asks until sshd and nginx take connections, PostgreSQL
# answers with a request for a password or lets one in, and a getty stands on the console. Each boot is the first one of
# its disk, and they take turns. The machine's clock counts instructions, a thousand million to the second, so that what
# else this host does changes little. As root; needs debootstrap, qemu-system-x86, e2fsprogs, go-md2man and the network.
set -euo pipefail
programs=$(cd "${1:?the directory of the programs}" && pwd)
times=${2:-3}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C DEBIAN_FRONTEND=noninteractive
cache=$PWD/target/tmp/vm
mkdir -p "$cache"
place=$(mktemp -d "$cache/bench.XXXXXX")
trap 'rm -rf "$place"' EXIT
inits=(supd systemd sysvinit)

read -r -d '' probe <<'PERL' || true
#!/usr/bin/perl
# Asks until everything is up, and says once when that was and what the init has needed.
use strict; use warnings; use Socket;
$SIG{PIPE} = 'IGNORE';
sub tcp { my $s; socket($s, PF_INET, SOCK_STREAM, 0) and connect($s, sockaddr_in($_[0], INADDR_LOOPBACK)) }
sub postgres {
    my $s;
    socket($s, PF_UNIX, SOCK_STREAM, 0) and connect($s, sockaddr_un('/run/postgresql/.s.PGSQL.5432')) or return;
    my $hello = pack('N', 196608) . "user\0nobody\0\0";
    syswrite($s, pack('N', 4 + length $hello) . $hello) and sysread($s, my $answer, 200) or return;
    # E: refused. That it is starting up has a code of its own.
    $answer =~ /^R/ or $answer !~ /57P03/;
}
sub getty { my $f; grep { open($f, '<', $_) and (<$f> // '') =~ /agetty|getty.*ttyS0/ } glob '/proc/[0-9]*/cmdline' }
my @open = (sub { tcp(22) }, sub { tcp(80) }, \&postgres, \&getty);
while (@open) { @open = grep { !$_->() } @open; select undef, undef, undef, 0.2 if @open }
open my $uptime, '<', '/proc/uptime'; my ($up) = split ' ', <$uptime>;
my ($one, $all, $share) = (0, 0, 0);
for my $dir (glob '/proc/[0-9]*') {
    my $exe = readlink("$dir/exe") // next;
    next unless $dir eq '/proc/1' or $exe =~ m{/(supd|systemd|systemd-journald)$};
    open my $status, '<', "$dir/status" or next;
    my ($peak) = join('', <$status>) =~ /VmHWM:\s*(\d+)/ or next;
    $one = $peak if $dir eq '/proc/1';
    $all += $peak;
    open my $smaps, '<', "$dir/smaps_rollup" or next;
    $share += $1 if join('', <$smaps>) =~ /\nPss:\s*(\d+)/;
}
open my $console, '>', '/dev/console';
print $console "\n@@ up $up peak $one peaks $all pss $share @@\n";
close $console;
# The serial line is slow.
sleep 1;
# reboot(2): off, at once.
syscall 169, 0xfee1dead, 672274793, 0x4321fedc;
PERL

base() {
    [[ -e $cache/debian.tar ]] || bash tests/vm/debian.sh base "$cache/debian.tar"
    [[ -e $cache/vmlinuz ]] || { echo "boot.sh: $cache/vmlinuz is not there: cargo test --test vm makes it" >&2; exit 1; }
}

# The same files of an operator on each.
common() {
    local root=$1
    echo bench >"$root/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\tbench\n' >"$root/etc/hosts"
    echo root:secret | chroot "$root" chpasswd
    echo '/dev/nvme0n1 / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
    printf '%s\n' "$probe" >"$root/usr/local/sbin/probe"
    chmod 755 "$root/usr/local/sbin/probe"
}

# Packages, which start nothing while they are installed.
install() {
    local root=$1
    shift
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" sh -c "apt-get -qq update && apt-get -qq install -y --no-install-recommends $* && apt-get clean" >"$place/log" 2>&1 ||
        { cat "$place/log" >&2; exit 1; }
    rm "$root/usr/sbin/policy-rc.d"
}

of_supd() {
    local root=$1
    packaging/build-deb "$programs" "$place" >/dev/null
    packaging/build-deb-init "$place" >/dev/null
    cp "$place"/*.deb "$root/tmp"
    chroot "$root" sh -c 'dpkg -i /tmp/*.deb && rm /tmp/*.deb' >"$place/log" 2>&1 || { cat "$place/log" >&2; exit 1; }
    printf 'exec = ["/usr/local/sbin/probe"]\n' >"$root/etc/supd/machine/probe.toml"
}

of_systemd() {
    local root=$1
    install "$root" systemd-sysv
    printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/local/sbin/probe\n[Install]\nWantedBy=sysinit.target\n' \
        >"$root/etc/systemd/system/probe.service"
    # Neither D-Bus nor what needs it, as on the others; nor a daemon for cron, which the others do not start either.
    chroot "$root" systemctl -q enable probe.service
    chroot "$root" systemctl -q mask systemd-logind.service systemd-networkd.service
    chroot "$root" systemctl -q disable cron.service
}

of_sysvinit() {
    local root=$1
    # Which has the loopback interface up, as the others do by themselves.
    install "$root" sysvinit-core ifupdown
    sed -i -e '/^[2-6]:.*getty/d' -e 's|^#T0:23:.*|T0:23:respawn:/sbin/agetty --keep-baud 115200 ttyS0 vt220|' "$root/etc/inittab"
    grep -q '^T0' "$root/etc/inittab" || echo 'T0:23:respawn:/sbin/agetty --keep-baud 115200 ttyS0 vt220' >>"$root/etc/inittab"
    cat >"$root/etc/init.d/probe" <<'SCRIPT'
#!/bin/sh
### BEGIN INIT INFO
# Provides: probe
# Required-Start: mountkernfs
# Required-Stop:
# Default-Start: S
# Default-Stop:
# Short-Description: when everything is up
### END INIT INFO
[ "$1" != start ] || /usr/local/sbin/probe </dev/null >/dev/null 2>&1 &
SCRIPT
    chmod 755 "$root/etc/init.d/probe"
    chroot "$root" update-rc.d probe defaults >/dev/null
    chroot "$root" update-rc.d cron disable >/dev/null
}

image() {
    local init=$1 root=$place/root
    mkdir "$root"
    tar -C "$root" -xf "$cache/debian.tar"
    common "$root"
    "of_$init" "$root"
    mke2fs -q -t ext4 -d "$root" "$place/$init.ext4" 1500M
    rm -rf "$root" "$place"/*.deb
}

# One line: seconds, peak of PID 1, peaks of the init's processes together, their share of memory; in KiB.
boot() {
    local line
    timeout 600 qemu-system-x86_64 -accel tcg -icount shift=0 -m 512 -nographic -no-reboot -nic none \
        -drive "file=$place/$1.ext4,if=none,id=disk,format=raw,snapshot=on" -device nvme,drive=disk,serial=1 \
        -kernel "$cache/vmlinuz" -append "console=ttyS0 root=/dev/nvme0n1 ro rootwait quiet panic=-1 init=/sbin/init" \
        </dev/null >"$place/last-$1" 2>&1 || true
    line=$(grep -a -o -m 1 '@@ up .* @@' "$place/last-$1" || true)
    [[ -n $line ]] || { echo "boot.sh: $1 has not come up:" >&2; tail -n 40 "$place/last-$1" >&2; return 1; }
    tr -dc '0-9. \n' <<<"$line" | xargs
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

base
for init in "${inits[@]}"; do
    image "$init"
done
for ((turn = 1; turn <= times; turn++)); do
    for init in "${inits[@]}"; do
        boot "$init" >>"$place/$init.found"
        echo "boot $turn of $init: $(tail -n 1 "$place/$init.found")"
    done
done
printf '\n%-10s %12s %16s %20s %14s\n' "medians" "up, s" "PID 1 peak, KiB" "its processes, KiB" "shared fairly"
for init in "${inits[@]}"; do
    printf '%-10s' "$init"
    for column in 1 2 3 4; do
        printf ' %14s' "$(cut -d' ' -f$column "$place/$init.found" | median)"
    done
    echo
done
