#!/bin/sh
# Print the newest versions that fit each other on the systems named in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
everywhere="((platform_machine == 'arm64' and sys_platform == 'darwin') or sys_platform == 'linux' or sys_platform == 'win32')"
bare=${everywhere#(}
.tools/bin/uv pip compile pyproject.toml --universal --python-version 3.11 \
    --extra all --extra distributed --extra slides --extra video \
    --group test --group lint --group pyside --group bench --group setup \
    --upgrade --quiet --no-annotate --no-header |
    sed -e "s/ and $everywhere//" -e "s/ ; ${bare%)}\$//"
