#!/bin/sh
# Runs something as the image does: run.sh <application> <data> <node> <arguments>, in a mount namespace of its own. All that can
# be written to is the data, and /tmp, which is empty.
set -e
app=$1 data=$2 node=$3
shift 3
# The test runner's, for the processes of its tests.
unset NODE_OPTIONS
mount -t tmpfs tmpfs /mnt
mkdir /mnt/app /mnt/data
mount --bind "$app" /mnt/app
mount --bind "$data" /mnt/data
mount -o remount,bind,ro /mnt/app
mount -o remount,ro /mnt
mount -t tmpfs tmpfs /tmp
mount -o remount,bind,ro /
cd /mnt/app
# The harness says where the server is in the source tree.
case $1 in */dist/server.js) shift; set -- dist/server.js "$@" ;; esac
exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$node" "$@"
