#!/bin/sh
# Installs the services on this server, as root: the virtual environment, the user, the units, a configuration.
# What is in /etc/polar-attio already stays as it is, so that the same command updates an installation.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

"$here/../install.sh" /opt/polar-attio "${1:-}"
install -D -m 644 "$here/polar-attio.sysusers" /etc/sysusers.d/polar-attio.conf
systemd-sysusers /etc/sysusers.d/polar-attio.conf
install -m 644 "$here"/polar-attio*.service "$here"/polar-attio*.timer "$here"/polar-attio.target /etc/systemd/system/
install -m 755 "$here/polar-attio" /usr/local/bin/polar-attio

install -d -m 755 /etc/polar-attio
install -d -m 700 /etc/polar-attio/secrets
for file in dagster.yaml workspace.yaml; do
  [ -e "/etc/polar-attio/$file" ] || install -m 644 "$here/$file" "/etc/polar-attio/$file"
done
[ -e /etc/polar-attio/.env ] || install -m 644 "$here/settings.env" /etc/polar-attio/.env
for secret in polar_access_token attio_api_key; do
  [ -e "/etc/polar-attio/secrets/$secret" ] || install -m 600 /dev/null "/etc/polar-attio/secrets/$secret"
done
