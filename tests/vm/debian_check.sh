# What the test types at the login of its Debian machine: looks at everything, and says what it found in lines that
# begin with `@@`.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
say() { echo "@@ $*"; }
# Waits until a file has a line like that.
wait_for() {
    exec 3< <(exec tail -n +1 -F "$1" 2>/dev/null)
    tail=$!
    timeout 300 grep -q -m 1 "$2" <&3
    code=$?
    kill "$tail"
    return "$code"
}

supctl wait udev syslog ssh nginx postgresql@15-main hwclock getty-console getty-tty1 --for=ready --timeout=500s >/dev/null 2>&1 ||
    say "not all services are ready"
supctl wait job/filesystems job/tmpfiles job/modules job/sysctl job/loopback job/udev-coldplug job/random-seed \
    --for=complete --timeout=300s >/dev/null 2>&1 || say "not all jobs are complete"
say "up $(cut -d' ' -f1 /proc/uptime) s"
supctl status --color never
say "status ends"

say "init $(readlink /sbin/init) $(tr '\0' ' ' </proc/1/cmdline | cut -d' ' -f1,2)"
say "host $(hostname)"
say "root $(findmnt -no OPTIONS / | cut -d, -f1), srv $(findmnt -no FSTYPE /srv)"
say "disk $(readlink /dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_1)"
say "module $(grep -c '^dummy ' /proc/modules), swappiness $(sysctl -n vm.swappiness)"
say "lo $(ip -4 -o addr show up dev lo | sed 's/.* inet \([^ ]*\) .*/\1/')"
say "who $(who | sed 's/  */ /g' | cut -d' ' -f1,2)"
say "last $(last -w -n 1 | sed 's/  */ /g' | head -n 1 | cut -d' ' -f1,2)"
say "machine-id $(wc -c </etc/machine-id), lock $(stat -c %a /run/lock)"

say "ssh $(ssh -o StrictHostKeyChecking=accept-new -o ConnectTimeout=60 root@127.0.0.1 'whoami; tty || true' 2>/dev/null | head -n 1)"
logger -t check "written at $$"
wait_for /var/log/syslog "check: written at $$" && say "syslog has it"
wait_for /var/log/syslog 'hourly: it has run' && say "cron has run"
# Made of a line within a minute after it was written.
until ours=$(supctl get cronjobs -o name | grep -m 1 cron-d-ours); do sleep 1; done
supctl --quiet create job "once-$$" --from="$ours" --wait
say "crontab $(supctl logs "job/once-$$")"
say "psql $(su postgres -c "psql -qtAc 'create table if not exists boots (at timestamptz); insert into boots values (now());
    select count(*) from boots'" 2>&1 | tail -n 1) boots"
say "recoveries $(cat /var/log/postgresql/*.log | grep -c -e 'not properly shut down' -e 'was interrupted')"
exec 4<>/dev/tcp/127.0.0.1/80
printf 'GET / HTTP/1.0\r\n\r\n' >&4
read -r answer <&4
say "nginx ${answer%$'\r'}"
say "logs $(supctl logs ssh --tail=-1 >/dev/null 2>&1 && echo can be read)"
say "zombies $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)"
say "PID 1 $(grep VmHWM /proc/1/status)"
say "end"
