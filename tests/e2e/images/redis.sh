#!/bin/sh
# Becomes the server, whether it is named or only its options are.
set -eu
case "${1:-redis-server}" in
    redis-server) [ $# -eq 0 ] || shift ;;
    -*) ;;
    *) exec "$@" ;;
esac
# Other pods have other addresses; a password is the manifest's business.
exec redis-server --protected-mode no --bind '* -::*' "$@"
