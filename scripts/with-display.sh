#!/bin/sh
# Run a command on the screen, or on a virtual one where there is none, and leave the
# user's napari settings and unfinished runs alone.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export NAPARI_CONFIG="$folder/settings.yaml"
export NAPARI_NST_STATE="${NAPARI_NST_STATE:-$folder/state}"
if [ "$(uname)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    "$@"
else
    export QT_QPA_PLATFORM=xcb
    xvfb-run --auto-servernum --server-args "-screen 0 1600x1000x24" "$@"
fi
