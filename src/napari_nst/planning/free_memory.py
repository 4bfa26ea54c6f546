"""How much memory is free for a run: the device's, and what a container allows."""

from pathlib import Path

import psutil
import torch

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def free_bytes(device: torch.device) -> int:
    """Give what a run on `device` could take now without driving anything out.

    Parameters
    ----------
    device
        On a GPU its own memory counts, on a CPU the machine's or the container's, whichever has
        less left.
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
    """List what each control group of this process that has a limit leaves.

    Both generations are read, each group and those above it: any of them may hold the limit.
    Inside a container the path that a process is told may not be there; the mount's top is then
    its own group. Cached files that were not used lately are given back under pressure, so they
    do not count as taken.
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
"""The files of a control group that hold its limits, and the one that says what it uses."""

_V1: _Names = (("memory.limit_in_bytes",), "memory.usage_in_bytes")
# Above memory.high nothing is ended, but every allocation waits for the kernel to take memory
# back from the group: a run that goes beyond it stands still.
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
    """Read a number; None where there is no file, or no limit ("max")."""
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
