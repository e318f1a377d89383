# Installs, upgrades and removes the package in a copy of this system that ends with this script. In a mount and a pid
# namespace of its own; $1 and $2 are two versions. Prints a line for each thing that was found to be so.
set -euo pipefail
. "$(dirname "$0")/overlay.sh"
cp "$1" "$root/tmp/one.deb"
cp "$2" "$root/tmp/two.deb"

exec chroot "$root" bash -euo pipefail -s <<'INSIDE'
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
cd /

dpkg -i /tmp/one.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
[[ $(supctl --version) == supctl* && $(supd --version) == supd* ]]
# Small images leave manuals out on purpose.
grep -rqs '^path-exclude' /etc/dpkg/dpkg.cfg /etc/dpkg/dpkg.cfg.d || [[ -e /usr/share/man/man8/supd.8.gz ]]
echo "installed"

printf 'exec = ["sleep", "100000"]\n' >/etc/supd/units/web.toml
printf 'shell = "exit 0"\n[job]\ncompletions = 3\n' >/etc/supd/units/import.toml
setsid supd </dev/null >/tmp/supd.log 2>&1 &
until supctl --quiet wait web --for=ready --timeout 30s 2>/dev/null; do [[ -d /proc/$! ]]; done
supctl --quiet wait import --for=complete --timeout 30s
pid=$(supctl get pod web-0 -o jsonpath='{.status.containerStatuses[0].state.running.pid}')
[[ -n $pid && -d /proc/$pid ]]
echo "running"

dpkg -i /tmp/two.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
[[ $(dpkg-query -W -f '${Version}' supd) == *+2 ]]
[[ $(supctl get pod web-0 -o jsonpath='{.status.containerStatuses[0].state.running.pid}') == "$pid" && -d /proc/$pid ]]
# All of supd is the new program: nothing of it runs from a file that is gone.
for exe in /proc/[0-9]*/exe; do
    [[ $(readlink "$exe" 2>/dev/null) != /usr/sbin/supd*deleted* ]] || { echo "$exe is the old one"; exit 1; }
done
supctl --quiet wait import --for=complete --timeout 30s
echo "upgraded while it ran"

dpkg -r supd >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
[[ ! -d /proc/$pid && ! -e /usr/sbin/supd && ! -e /usr/bin/supctl ]]
# What is the operator's stays until it is purged.
[[ -e /etc/supd/units/web.toml && -d /var/lib/supd ]]
echo "removed"

dpkg -P supd >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
[[ ! -d /var/lib/supd && ! -d /var/log/supd && -e /etc/supd/units/web.toml ]]
left=$(find /usr /var/lib /var/log -xdev -name '*supd*' -not -path '/usr/src/*' -newer /tmp/one.deb)
[[ -z $left ]] || { echo "left: $left"; exit 1; }
echo "purged"
INSIDE
