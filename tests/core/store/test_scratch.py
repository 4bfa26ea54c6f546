"""Arrays in files: what is computed in them is what is computed in memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from napari_nst.core.store.enlarge import enlarged
from napari_nst.core.store.noise import normal_noise
from napari_nst.core.store.scratch import Scratch
from napari_nst.core.store.store import InMemory, blocks, copied, mapped, total, update
from napari_nst.errors import ScratchError


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("scratch"), block_bytes=1000)


def random(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_arrays_start_as_zeros_and_keep_what_is_written(scratch: Scratch) -> None:
    array = scratch.zeros((1, 3, 40, 50), torch.bfloat16)
    assert float(array.abs().sum()) == 0
    values = random(1, 3, 40, 50).bfloat16()
    array.copy_(values)
    scratch.breathe()
    assert torch.equal(array, values)
    pixels = scratch.array((5, 6, 3), np.dtype(np.uint16))
    pixels[:] = 7
    scratch.breathe()
    assert pixels.dtype == np.uint16
    assert (pixels == 7).all()


@given(height=st.integers(1, 60), width=st.integers(1, 60))
@settings(deadline=None, max_examples=30)
def test_blocks_cover_pictures_and_vectors_once(scratch: Scratch, height: int, width: int) -> None:
    for shape in ((1, 3, height, width), (height * width,)):
        array = scratch.zeros(shape, torch.float32)
        for (part,) in blocks(scratch, array):
            assert part.nbytes <= max(1000, array.nbytes // array.shape[max(0, array.ndim - 2)])
            part.add_(1)
        assert bool((array == 1).all())


def test_functions_by_blocks_give_what_they_give_at_once(scratch: Scratch) -> None:
    one, two = random(1, 3, 37, 41), random(1, 3, 37, 41).flip(-1)
    held = copied(scratch, one), copied(scratch, two)
    assert torch.equal(mapped(scratch, torch.sub, *held), one - two)
    flat = [each.view(-1) for each in held]
    assert total(scratch, torch.dot, *flat) == pytest.approx(float(one.view(-1).dot(two.view(-1))))
    update(scratch, lambda left, right: left.mul_(right), *held)
    assert torch.equal(held[0], one * two)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@given(
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    factor=st.floats(1, 4),
)
@settings(deadline=None, max_examples=30)
def test_a_picture_enlarged_by_blocks_is_torchs(
    scratch: Scratch, mode: str, height: int, width: int, factor: float
) -> None:
    image = random(1, 2, height, width).double()
    size = round(height * factor), round(width * factor)
    found = enlarged(copied(scratch, image), size, scratch, mode=mode)
    whole = functional.interpolate(image, size, mode=mode, align_corners=False)
    torch.testing.assert_close(found, whole, rtol=1e-12, atol=1e-12)
    assert torch.equal(enlarged(image, size, InMemory(), mode=mode), whole)


def test_pages_leave_memory(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, block_bytes=4 << 20)
    array, process = scratch.zeros((64 << 20,), torch.float32), psutil.Process()
    before, most = process.memory_info().rss, 0
    for rows in scratch.rows(array):
        array[rows] = 1.0
        most = max(most, process.memory_info().rss - before)
    assert float(array[::4096].sum()) == len(array) / 4096
    assert most < 16 << 20


def test_nothing_is_left_whatever_ends_the_program(tmp_path: Path) -> None:
    code = (
        "import os, sys, torch; from pathlib import Path;"
        "from napari_nst.core.store.scratch import Scratch;"
        "kept = Scratch(Path(sys.argv[1])).zeros((1 << 20,), torch.float32); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert os.listdir(tmp_path) == []


def test_room_is_taken_at_the_start_and_given_back(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    with pytest.raises(ScratchError, match=r"cannot be written to .*Choose a folder"):
        scratch.zeros((1 << 50,), torch.float32)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory here")
def test_a_folder_in_memory_is_refused() -> None:
    with pytest.raises(ScratchError, match="not on a disk but in memory"):
        Scratch(Path("/dev/shm"))


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match="No such file"):
        Scratch(tmp_path / "gone")


@given(values=st.integers(1, 5000))
@settings(deadline=None, max_examples=30)
def test_noise_is_the_same_in_files(scratch: Scratch, values: int) -> None:
    drawn = torch.randn(values, generator=torch.Generator().manual_seed(4))
    for store in (scratch, InMemory()):
        assert torch.equal(normal_noise((values,), 4, store), drawn)
