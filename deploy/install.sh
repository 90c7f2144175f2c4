#!/bin/sh
# Installs the pipeline into a virtual environment of its own, with the versions that are tested together.
#
#   deploy/install.sh /opt/polar-attio             with SQLite
#   deploy/install.sh /opt/polar-attio postgres    with extras of pyproject.toml, separated by commas
#
# PYTHON names the interpreter, 3.11 to 3.14; without it, python3 is used.
set -eu

if [ $# -lt 1 ]; then
  echo "Say where to install: deploy/install.sh /opt/polar-attio [extras]" >&2
  exit 2
fi
source=$(cd "$(dirname "$0")/.." && pwd)
target=$1
extras=${2:+[$2]}

"${PYTHON:-python3}" -m venv "$target"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$target/bin/pip" install --quiet --no-cache-dir \
  --constraint "$source/constraints.txt" "$source$extras"
"$target/bin/polar-attio" --help >/dev/null
