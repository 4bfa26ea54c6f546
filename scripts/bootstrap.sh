#!/bin/sh
# Install uv into .tools with the given Python, which may lack venv on Debian.
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "napari-nst needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    scripts/apt-install.sh python3-venv
fi
"$python" -m venv .tools
.tools/bin/python -m pip install --quiet --constraint constraints.txt uv
