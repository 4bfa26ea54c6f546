"""A run may hold the heap; what it held goes back to the system behind it."""

import sys

import psutil
import pytest
import torch

from napari_nst.core.memory import give_memory_back, held_heap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")


def test_a_held_heap_serves_a_block_again_and_is_given_back_at_the_end():
    process = psutil.Process()
    give_memory_back()
    before = process.memory_info().rss
    with held_heap():
        blocks = [torch.ones(1 << 20) for _ in range(64)]  # 256 MB
        del blocks
        held = process.memory_info().rss
    assert held > before + (200 << 20)
    assert process.memory_info().rss < before + (50 << 20)
