#!/bin/sh
# offline.sh FOLDER: install the wheel afresh, cut the network off, and paint (Linux only).
#
# Nothing of the checkout, of the user's home or of the environment's variables is at hand in
# what runs without the network. Leaves FOLDER/painted.png, and demo/result.png and
# demo/screenshot.png there, to be looked at.
set -eu
cd "$(dirname "$0")/.."
checkout=$PWD
rm -rf "${1:?name a folder}"
mkdir -p "$1/home"
folder=$(cd "$1" && pwd)

. scripts/package-index.sh
.tools/bin/uv build --quiet --wheel --out-dir "$folder"
.tools/bin/uv venv --quiet --python .tools/bin/python "$folder/venv"
wheel=$(echo "$folder"/napari_nst-*.whl)
VIRTUAL_ENV=$folder/venv .tools/bin/uv pip install --quiet \
    --constraint constraints.txt "napari-nst[all] @ file://$wheel"

cut_off() {
    unshare --map-root-user --net env --ignore-environment HOME="$folder/home" \
        PATH="$folder/venv/bin:/usr/bin:/bin" LANG=C.UTF-8 "$@"
}

cd "$folder"
cut_off python - "$checkout" <<'PYTHON'
import socket
import sys

import napari_nst

try:
    socket.create_connection(("1.1.1.1", 443), timeout=5)
except OSError as error:
    print(f"network: {error}")
else:
    sys.exit("the network is not cut off")
if napari_nst.__file__.startswith(sys.argv[1] + "/src"):
    sys.exit(f"{napari_nst.__file__} is the checkout's")
print(f"package: {napari_nst.__file__}")

from napari_nst.files.images import write_picture
from napari_nst.samples import photograph, style

write_picture("photo.png", photograph("cat"))
write_picture("style.png", style("stained glass"))
PYTHON
told=$(cut_off napari-nst stylize photo.png style.png -o painted.png --size 256 --steps 60)
told="$told
$(cut_off "$checkout/scripts/with-display.sh" napari-nst demo --save demo)"
echo "$told"
[ "$(echo "$told" | grep -c "weights: builtin")" = 2 ]
case $told in *"after 0 steps"*) echo "Too busy a machine: the demo's two minutes saw no step." >&2; exit 1 ;; esac
