#!/bin/sh
# What somebody finds who has supd as a service of another init, `systemd` or `openrc`; the init starts this when it takes
# supd for started. Lines that begin with `@@` say it.
exec </dev/null >/dev/console 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
say() { echo "@@ $*"; }
case $1 in
systemd) service() { systemctl "$1" supd.service; } ;;
openrc) service() { rc-service --quiet supd "$1"; } ;;
esac
pod() { supctl get pod web-0 -o 'jsonpath={.status.pid}'; }
web_is_up() { supctl --quiet wait web --for=ready --timeout=100s && say "web is up, with $(bound)"; }
# Of its memory; the root file system of this OpenRC has no cgroups.
bound() { cat "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(pod)/cgroup")/memory.max" 2>/dev/null || echo "no bound"; }

# Nobody has waited for it.
say "supd is $(supctl is-system-running)"
[ "$1" != systemd ] || say "at the next boot: $(systemctl is-enabled supd.service)"

cat >/etc/supd/units/web.toml <<'UNIT'
shell = "trap 'echo @@ web ends >/dev/console; exit 0' TERM; while :; do sleep 1000 & wait $!; done"
[resources]
memory_max = "64Mi"
UNIT
service reload
web_is_up
before=$(pod)

# Its end is not the end of what it runs.
keeper=$(pgrep -x supd-keeper)
kill -9 "$keeper"
until now=$(pgrep -x supd-keeper) && [ "$now" != "$keeper" ] && supctl --quiet is-system-running >/dev/null 2>&1; do
    sleep 0.2
done
web_is_up
[ "$(pod)" = "$before" ] && say "web has lived on"

service restart
web_is_up
[ "$(pod)" != "$before" ] && say "web is another"
service stop
supctl get --raw /livez >/dev/null 2>&1 || say "supd is gone"
kill -0 "$before" 2>/dev/null || say "so is web"
service start
web_is_up

say "going down"
case $1 in
systemd) systemctl poweroff --no-block ;;
openrc) openrc-shutdown --poweroff now ;;
esac
