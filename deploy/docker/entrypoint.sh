#!/bin/sh
# Postgres' clients take a file with the password only if nobody else may read it, which a mounted secret cannot promise.
# So a copy is made in memory, in the form that they know.
set -eu

if [ -e "$POSTGRES_PASSWORD_FILE" ]; then
  if ! [ -r "$POSTGRES_PASSWORD_FILE" ]; then
    echo "The user $(id -u) may not read $POSTGRES_PASSWORD_FILE: make it readable, in a folder that only you can open." >&2
    exit 1
  fi
  umask 077
  printf '*:*:*:*:%s\n' "$(sed 's/[\\:]/\\&/g' "$POSTGRES_PASSWORD_FILE")" >"$PGPASSFILE"
fi
exec "$@"
