#!/bin/sh
# Install Debian packages that are missing: as root at once, otherwise say how.
set -eu
names=$(dpkg-query --show --showformat='${db:Status-Abbrev} ${Package} ${Provides}\n' |
    sed -n 's/^ii *//p' | tr ' ,' '\n\n')
missing=
for package in "$@"; do
    echo "$names" | grep -qxF "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "Some system packages are missing. Run this, then make again:" >&2
    echo "  sudo apt-get update && sudo apt-get install --yes$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
# shellcheck disable=SC2086 # a list of names
apt-get install --yes --quiet --no-install-recommends $missing
