# Makes supd the init of a copy of this system, and takes that back. In a mount and a pid namespace of its own; $1 is
# the package of supd, $2 and $3 are two versions of the one that diverts /sbin/init. Prints a line for each thing that
# was found to be so.
set -euo pipefail
. "$(dirname "$0")/overlay.sh"
cp "$1" "$root/tmp/supd.deb"
cp "$2" "$root/tmp/one.deb"
cp "$3" "$root/tmp/two.deb"

exec chroot "$root" bash -euo pipefail -s <<'INSIDE'
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
cd /
install() {
    dpkg -i "$@" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
}
names=(init poweroff reboot halt shutdown telinit)
# What each name is, and what is in it where it is a file.
look() {
    local name
    for name in "${names[@]}"; do
        [[ -e /sbin/$name || -L /sbin/$name ]] || { echo "$name: none"; continue; }
        stat -c '%n %N %F %a %s' "/sbin/$name"
        [[ -L /sbin/$name ]] || sha256sum "/sbin/$name"
    done
}
# An init with bytes of its own, and a name that nobody has had before.
rm -f /sbin/init /sbin/telinit
printf '#!/bin/sh\nexec /bin/sh # the init of before\n' >/sbin/init
chmod 700 /sbin/init
look >/tmp/before
dpkg-divert --list >/tmp/diversions
rm -f /usr/sbin/policy-rc.d

install /tmp/supd.deb
look | cmp - /tmp/before
echo "supd alone leaves the init as it is"

install /tmp/one.deb
[[ $(readlink /sbin/init) == /usr/sbin/supd ]]
for name in "${names[@]:1}"; do [[ $(readlink "/sbin/$name") == /usr/bin/supctl ]]; done
sh -c 'exit 0' /sbin/init.distrib && cmp <(tail -n 1 /sbin/init.distrib) <(echo 'exec /bin/sh # the init of before')
/sbin/init --version | grep -q '^supd '
supctl validate /usr/lib/supd/machine >/dev/null
echo "init is supd"

# Until the next boot the init of before is asked by its own commands.
[[ ! -e /sbin/reboot.distrib && ! -L /sbin/reboot.distrib ]] || mv /sbin/reboot.distrib /tmp
printf '#!/bin/sh\necho "of before: $0 $*"\n' >/sbin/reboot.distrib
chmod 755 /sbin/reboot.distrib
[[ $(reboot --now) == "of before: "*"--now" ]]
rm /sbin/reboot.distrib
[[ ! -e /tmp/reboot.distrib && ! -L /tmp/reboot.distrib ]] || mv /tmp/reboot.distrib /sbin
echo "the init of before can be asked until it is gone"

# A package that comes with a daemon brings its unit, one that goes takes it away.
[[ ! -e /usr/sbin/sshd ]] || mv /usr/sbin/sshd /tmp
supd-host --quiet
[[ ! -e /usr/lib/supd/machine/ssh.toml && -e /usr/lib/supd/machine/basic.toml ]]
mkdir -p /tmp/daemon/DEBIAN /tmp/daemon/usr/sbin
printf '#!/bin/sh\n' >/tmp/daemon/usr/sbin/sshd
printf 'Package: supd-test-daemon\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: none\n' >/tmp/daemon/DEBIAN/control
chmod 755 /tmp/daemon/usr/sbin/sshd
dpkg-deb --root-owner-group --build /tmp/daemon /tmp/daemon.deb >/dev/null
install /tmp/daemon.deb
[[ -e /usr/lib/supd/machine/ssh.toml ]]
dpkg -P supd-test-daemon >/tmp/dpkg.log 2>&1
[[ ! -e /usr/lib/supd/machine/ssh.toml ]]
echo "units follow what is installed"

# Lines of crontabs become units, but for those that have one already, and for what cron would not trust.
printf '%s\n' '17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly' '5 4 * * 7 root true' >/etc/crontab
printf '%s\n' 'A=1' '@reboot nobody echo $A' '0 6 * * * root echo $A' '0 6 * * wrong' >/etc/cron.d/ours
echo '* * * * * root true' | tee /etc/cron.d/ours.bak /etc/cron.d/open >/etc/cron.d/others
chmod 666 /etc/cron.d/open
chown nobody /etc/cron.d/others
ln -s /etc/cron.d/ours /etc/cron.d/our_link
mkdir -p /var/spool/cron/crontabs
echo '@daily echo secret' | tee /var/spool/cron/crontabs/{nobody,daemon,games,no.user} >/var/spool/cron/crontabs/bin
chmod 600 /var/spool/cron/crontabs/*
chown nobody /var/spool/cron/crontabs/{nobody,bin}
chmod 640 /var/spool/cron/crontabs/games
supd-host >/tmp/host.log 2>/tmp/host.errors
grep -q 'ours:4: ' /tmp/host.errors
grep -qx 'supd-host: /etc/cron.d/open: its owner or mode is not as cron wants it: passed over' /tmp/host.errors
[[ $(sed -n 's/^supd-host: \([^:]*\): .*passed over$/\1/p' /tmp/host.errors | xargs -n1 basename | xargs) == "open others bin games no.user" ]]
# Names end with six digits of what the line is.
of_crontabs() { (cd /usr/lib/supd/machine && ls) | sed -n 's/^\(crontab.*\|cron-d-o.*\)-[0-9a-f]\{6\}\.toml$/\1/p' | xargs; }
[[ $(of_crontabs) == "cron-d-our-link cron-d-our-link cron-d-ours cron-d-ours crontab crontab-daemon crontab-nobody" ]] || { of_crontabs; exit 1; }
grep -q '^user = "nobody"$' /usr/lib/supd/machine/crontab-nobody-*.toml
[[ $(stat -c %a /usr/lib/supd/machine/crontab-nobody-*.toml) == 600 ]]
supctl --quiet validate -f /usr/lib/supd/machine >/dev/null
# What cannot be converted now stays, and is tried again.
mkdir /tmp/failing
printf '#!/bin/sh\nexit 137\n' >/tmp/failing/supctl
chmod 755 /tmp/failing/supctl
cp -a /usr/lib/supd/machine /tmp/machine
looked_at() { stat -c %y /usr/lib/supd/machine/.looked-at; }
before=$(looked_at)
PATH=/tmp/failing:$PATH supd-host --quiet 2>/dev/null
diff -r -x '.*' /usr/lib/supd/machine /tmp/machine
[[ $(looked_at) == "$before" ]]
rm /etc/crontab /etc/cron.d/o* /var/spool/cron/crontabs/*
supd-host --quiet
[[ -z $(of_crontabs) ]]
echo "crontabs are units"

# Runs the commands of standard input below a supd that is PID 1, which ends with them.
as_init() {
    rm -rf /tmp/state
    mkdir -p /tmp/units /tmp/state
    cat >/tmp/below-init
    printf '%s\n' 'exec = ["/bin/bash", "-euo", "pipefail", "/tmp/below-init"]' '[job]' 'backoff_limit = 0' >/tmp/units/below.toml
    unshare --mount --pid --fork --mount-proc supd --exit-when-done --units /tmp/units --runtime-dir /run/below \
        --state-dir /tmp/state --log-dir /tmp/state/log >/tmp/as-init.log 2>&1 || { cat /tmp/as-init.log; exit 1; }
}

as_init <<<'/sbin/shutdown --version >/tmp/version 2>&1 || grep -q supctl /tmp/version'

# A machine that runs is told of both; started is what is new, and not what has another text: it has been done.
mkdir /tmp/asked
cat >/tmp/asked/supctl <<'ASKED'
#!/bin/sh
case " $* " in *" convert "*) exec /usr/bin/supctl "$@" ;; esac
echo "$@" >>/tmp/asked/log
ASKED
chmod 755 /tmp/asked/supctl
rm /usr/lib/supd/machine/basic.toml
printf '%s\n' '0 5 * * * root true' '@reboot root true' >/etc/cron.d/ours
sed -i 's/^description = .*/description = "of before"/' /usr/lib/supd/machine/tmpfiles.toml
as_init <<<'export PATH=/tmp/asked:$PATH; supd-host --quiet; echo "5 5 * * * root true" >>/etc/cron.d/ours; sed -i 2d /etc/cron.d/ours; supd-host --quiet'
units=$(cd /usr/lib/supd/machine && echo cron-d-ours-*)
[[ $(wc -w <<<"$units") == 2 ]]
asked=$(sed 's/-[0-9a-f]\{6\}$/-N/' /tmp/asked/log | tr '\n' ,)
expected="--quiet daemon-reload,--quiet start basic,--quiet start cron-d-ours-N,--quiet daemon-reload,--quiet start cron-d-ours-N,"
[[ $asked == "$expected" ]] || { cat /tmp/asked/log; exit 1; }
# Interrupted before anybody was told: it is made up for.
for unit in $units; do echo "fresh ${unit%.toml}"; done >/usr/lib/supd/machine/.pending
: >/tmp/asked/log
as_init <<<'PATH=/tmp/asked:$PATH supd-host --quiet; rm /etc/cron.d/ours'
[[ $(wc -l </tmp/asked/log) == 3 && $(head -n 1 /tmp/asked/log) == "--quiet daemon-reload" ]] || { cat /tmp/asked/log; exit 1; }
# Another variable above a line is in force at once.
printf '%s\n' '0 5 * * * root true' >/etc/cron.d/ours
supd-host --quiet
sed -i '1i A=1' /etc/cron.d/ours
: >/tmp/asked/log
as_init <<<'PATH=/tmp/asked:$PATH supd-host --quiet; rm /etc/cron.d/ours'
asked=$(sed 's/-[0-9a-f]\{6\}$/-N/' /tmp/asked/log | tr '\n' ,)
[[ $asked == "--quiet daemon-reload,--quiet is-active cron-d-ours-N,--quiet restart cron-d-ours-N," ]] || { cat /tmp/asked/log; exit 1; }
cmp /usr/lib/supd/machine/tmpfiles.toml /usr/lib/supd/debian-host/tmpfiles.toml
echo "a machine in use is not booted again"

install /tmp/two.deb
[[ $(readlink /sbin/init) == /usr/sbin/supd && -x /sbin/init.distrib && $(dpkg-query -W -f '${Version}' supd-init) == *+2 ]]
[[ $(dpkg-divert --list | grep -c 'by supd-init$') == 12 ]]
echo "upgraded"

dpkg -r supd-init >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
look | cmp - /tmp/before
dpkg-divert --list | cmp - /tmp/diversions
[[ ! -e /usr/lib/supd/machine && ! -e /usr/sbin/policy-rc.d && -d /etc/supd ]]
[[ -z $(find /sbin/ /usr/sbin/ -name '*.distrib*' -newer /tmp/one.deb) ]]
echo "the init of before is back"

as_init <<<'dpkg -r supd >/tmp/removed 2>&1'
grep -q "is this machine's init, and runs on" /tmp/removed && [[ ! -e /usr/sbin/supd ]]
echo "supd goes on as the init that it is until the machine goes down"
INSIDE
