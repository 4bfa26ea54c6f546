"""Memory that is free for a run, on the device and within a container's limit."""

from pathlib import Path

import psutil
import torch

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def free_bytes(device: torch.device) -> int:
    """Return the bytes that a run on `device` could use now without swapping.

    Parameters
    ----------
    device
        A GPU's own memory counts; on a CPU the machine's or the container's, whichever is less.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + idle)
    machine = int(psutil.virtual_memory().available)
    left = [machine, *_container_left(_MOUNT, _MEMBERSHIP)]
    if device.type == "mps":
        left.append(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return max(0, min(left))


def _container_left(mount: Path, membership: Path) -> list[int]:
    """List the free bytes of each control group of this process that has a limit.

    Reads cgroup v1 and v2, each group and its parents: any of them may set the limit.
    Inside a container the process's path may not exist; the mount's root is then
    its own group. Inactive file cache is reclaimed under pressure, so it does not count as used.
    """
    left = []
    for folder, (limit_names, used_name) in _groups(mount, membership):
        limits = [_number(folder / name) for name in limit_names]
        set_limits = [limit for limit in limits if limit is not None]
        used = _number(folder / used_name)
        if set_limits and used is not None:
            left.append(min(set_limits) - used + _inactive_file_bytes(folder / "memory.stat"))
    return left


_Names = tuple[tuple[str, ...], str]
"""Files of a control group with its limits, and the file with its usage."""

_V1: _Names = (("memory.limit_in_bytes",), "memory.usage_in_bytes")
# Above memory.high no process is killed, but every allocation waits until the kernel has reclaimed
# memory from the group, and a run practically stops.
_V2: _Names = (("memory.max", "memory.high"), "memory.current")


def _groups(mount: Path, membership: Path) -> list[tuple[Path, _Names]]:
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = mount / "memory" if controllers else mount
        inside = top / path.lstrip("/")
        chain = [inside, *(up for up in inside.parents if up.is_relative_to(top))]
        found += [(folder, _V1 if controllers else _V2) for folder in chain]
    return found


def _number(file: Path) -> int | None:
    """Read an integer; None if there is no file or no limit ("max")."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _inactive_file_bytes(file: Path) -> int:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    counts = {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}
    return counts.get("total_inactive_file", counts.get("inactive_file", 0))
