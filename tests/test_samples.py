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
def test_a_style_is_512_px_has_contrast_grain_and_no_empty_corner(name):
    picture = samples.style(name)
    assert picture.shape == (512, 512, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.writeable
    assert picture.std() > 30
    grey = picture.mean(axis=-1)
    assert np.abs(np.diff(grey, axis=1)).mean() > 4
    for block in (grey[:128, :128], grey[:128, -128:], grey[-128:, :128], grey[-128:, -128:]):
        assert block.std() > 5


def test_the_styles_take_well_under_a_megabyte_of_the_wheel():
    assert sum(samples.style_path(name).stat().st_size for name in samples.STYLES) < 750_000


def test_samples_load_neither_qt_nor_torch():
    code = "import sys, napari_nst.samples; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "qtpy", "napari"} & set(out.stdout.split())
