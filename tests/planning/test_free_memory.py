from pathlib import Path

import psutil
import pytest
import torch

from napari_nst.planning import free_memory as memory
from napari_nst.planning.free_memory import _container_left, free_bytes

GB = 10**9


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n", encoding="utf-8")


def member_of(path: Path, line: str) -> Path:
    file = path / "membership"
    file.write_text(f"{line}\n", encoding="utf-8")
    return file


def test_free_memory_of_the_host_is_at_most_what_the_system_has_available() -> None:
    assert 0 < free_bytes(torch.device("cpu")) <= psutil.virtual_memory().total


def test_a_limit_of_the_second_generation_counts_less_its_idle_cache(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    write(mount / "box", memory__max=4 * GB, memory__current=3 * GB)
    write(mount / "box", memory__stat=f"anon 5\ninactive_file {GB}")
    assert _container_left(mount, member_of(tmp_path, "0::/box")) == [2 * GB]


def test_a_limit_above_the_own_group_counts_too(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    write(mount / "outer" / "inner", memory__max="max", memory__current=GB)
    write(mount / "outer", memory__max=8 * GB, memory__current=2 * GB)
    assert _container_left(mount, member_of(tmp_path, "0::/outer/inner")) == [6 * GB]


@pytest.mark.parametrize(
    ("most", "high", "left"),
    [("max", 4 * GB, 3 * GB), (8 * GB, 4 * GB, 3 * GB), (4 * GB, 8 * GB, 3 * GB)],
)
def test_the_threshold_above_which_a_group_is_slowed_down_is_a_limit_too(
    tmp_path: Path, most: object, high: int, left: int
) -> None:
    mount = tmp_path / "cgroup"
    write(mount / "box", memory__max=most, memory__high=high, memory__current=GB)
    assert _container_left(mount, member_of(tmp_path, "0::/box")) == [left]


def test_a_threshold_that_is_passed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = tmp_path / "cgroup"
    write(mount, memory__max="max", memory__high=GB, memory__current=2 * GB)
    monkeypatch.setattr(memory, "_MOUNT", mount)
    monkeypatch.setattr(memory, "_MEMBERSHIP", member_of(tmp_path, "0::/"))
    assert free_bytes(torch.device("cpu")) == 0


def test_a_limit_of_the_first_generation_counts(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    box = mount / "memory" / "box"
    write(box, memory__limit_in_bytes=4 * GB, memory__usage_in_bytes=3 * GB)
    write(box, memory__stat=f"total_inactive_file {GB // 2}")
    left = _container_left(mount, member_of(tmp_path, "4:memory:/box\n3:cpuset:/box"))
    assert left == [1.5 * GB]


def test_inside_a_container_the_top_is_its_own_group(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    write(mount, memory__max=4 * GB, memory__current=GB)
    assert _container_left(mount, member_of(tmp_path, "0::/not/here")) == [3 * GB]


@pytest.mark.parametrize("line", ["0::/", "5:cpu,cpuacct:/box"])
def test_without_a_limit_nothing_is_held_back(tmp_path: Path, line: str) -> None:
    assert _container_left(tmp_path / "cgroup", member_of(tmp_path, line)) == []
    assert _container_left(tmp_path / "cgroup", tmp_path / "absent") == []
