# Sourced: uv does not read pip's settings; where pip was told to use a mirror, uv should too.
index=$(.tools/bin/python -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
export UV_SYSTEM_CERTS=true
