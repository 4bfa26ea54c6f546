#!/bin/sh
# install.sh FOLDER REQUIREMENT GROUP...: make a virtual environment that runs this checkout.
set -eu
cd "$(dirname "$0")/.."
folder=$1 requirement=$2
shift 2
groups=
for group in "$@"; do groups="$groups --group $group"; done

. scripts/package-index.sh

.tools/bin/uv venv --quiet --allow-existing --python .tools/bin/python "$folder"
# Compiled once here: each test that starts a process of its own would otherwise compile napari
# and torch anew where PYTHONDONTWRITEBYTECODE is set.
# shellcheck disable=SC2086 # a list of options
VIRTUAL_ENV=$folder .tools/bin/uv pip install --compile-bytecode \
    --constraint constraints.txt --editable "$requirement" $groups
touch "$folder/ready"
