#!/bin/sh
# What invoke-rc.d asks before a package's maintainer script starts, stops or restarts its daemon by /etc/init.d. Where
# supd is the init it is supd that runs daemons: what has a unit is restarted there, and nothing is started beside it.
# Exit codes: 0 go on, 101 do not.
case $(readlink /proc/1/exe 2>/dev/null) in
*/supd | *"/supd (deleted)") ;;
*) exit 0 ;;
esac
name=$1
case $2 in
restart | try-restart | reload | force-reload)
    supctl --quiet is-active "$name" >/dev/null 2>&1 && supctl --quiet restart "$name" >&2
    ;;
stop)
    supctl --quiet is-active "$name" >/dev/null 2>&1 && supctl --quiet stop "$name" >&2
    ;;
esac
exit 101
