#!/bin/sh
# Make sure that Qt finds its libraries, and that there is a display or Xvfb to stand in.
set -eu
cd "$(dirname "$0")/.."
[ "$(uname)" = Linux ] || exit 0

xvfb=
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || xvfb="xvfb xauth"
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086 # a list of names
    exec scripts/apt-install.sh $xvfb libgl1 libglx-mesa0 libgl1-mesa-dri libegl1 libopengl0 \
        libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 \
        libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 \
        libxcb-shape0 libxcb-sync1 libxcb-util1 libxcb-xfixes0 libxcb-xkb1 libxcb-xinerama0 \
        libx11-xcb1
fi
if [ -n "$xvfb" ] && ! command -v xvfb-run >/dev/null; then
    echo "There is no screen: install Xvfb (with xvfb-run and xauth), then make again." >&2
    exit 1
fi
