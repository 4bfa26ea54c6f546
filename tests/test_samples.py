import socket
import subprocess
import sys

import numpy as np
import pytest

from napari_nst import samples


@pytest.mark.parametrize("name", samples.CONTENTS)
def test_photographs_need_no_network(name, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sample reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    picture = samples.photograph(name)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


@pytest.mark.parametrize("name", samples.STYLES)
def test_a_style_is_the_same_for_the_same_seed_and_another_for_another(name):
    paint = samples.STYLES[name]
    first, again, other = paint(96, seed=5), paint(96, seed=5), paint(96, seed=6)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 2


@pytest.mark.parametrize("name", samples.STYLES)
def test_a_style_has_contrast_grain_and_no_empty_corner(name):
    picture = samples.STYLES[name](128).astype(float)
    assert picture.std() > 30
    grey = picture.mean(axis=-1)
    assert np.abs(np.diff(grey, axis=1)).mean() > 4
    for block in (grey[:32, :32], grey[:32, -32:], grey[-32:, :32], grey[-32:, -32:]):
        assert block.std() > 5


def test_samples_load_neither_qt_nor_torch():
    code = "import sys, napari_nst.samples; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "qtpy", "napari"} & set(out.stdout.split())
