#!/bin/sh
# As the official image does it: options alone are mongod's; mongod started by root becomes the user mongodb, who
# then owns the data folder; every address is listened on, since the container's network is the boundary.
set -eu
case "${1:-}" in -*) set -- mongod "$@" ;; esac
if [ "${1:-}" = mongod ]; then
  shift
  case " $* " in *" --bind_ip"*) ;; *) set -- --bind_ip_all "$@" ;; esac
  set -- mongod "$@"
  if [ "$(id -u)" = 0 ]; then
    find /data/db /data/configdb ! -user mongodb -exec chown mongodb:mongodb {} +
    set -- setpriv --reuid=mongodb --regid=mongodb --clear-groups "$@"
  fi
fi
exec "$@"
