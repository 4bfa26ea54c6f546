#!/bin/sh
# install.sh FOLDER REQUIREMENT GROUP...: make a virtual environment that runs this checkout.
set -eu
cd "$(dirname "$0")/.."
folder=$1 requirement=$2
shift 2
groups=
for group in "$@"; do groups="$groups --group $group"; done

# uv does not read pip's settings: where pip was told to use a mirror, uv should too
index=$(.tools/bin/python -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
export UV_SYSTEM_CERTS=true

.tools/bin/uv venv --quiet --allow-existing --python .tools/bin/python "$folder"
# shellcheck disable=SC2086 # a list of options
VIRTUAL_ENV=$folder .tools/bin/uv pip install --constraint constraints.txt \
    --editable "$requirement" $groups
touch "$folder/ready"
