#!/bin/sh
# TZ=Europe/Berlin is set for the whole container, since supercronic has no time zone for a line.
supercronic -passthrough-logs /etc/crontab &
exec nginx -g "daemon off;"
