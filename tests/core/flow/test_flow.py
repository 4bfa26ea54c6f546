"""Flow of pictures under known motion, and what warping and reliability make of exact flows."""

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from napari_nst.core.flow.optical import LONGEST_PX, Flow, optical_flow
from napari_nst.core.flow.warping import reliable, warp, warping_error


def frame(size: int = 96, *, moved: tuple[int, int] = (0, 0)) -> Tensor:
    """Cut a square out of a photograph, moved by some rows and columns."""
    top, left = 100 - moved[0], 180 - moved[1]
    cut = data.astronaut()[top : top + size, left : left + size]
    return torch.from_numpy(cut.copy()).permute(2, 0, 1)[None] / 255


def constant(rows: float, columns: float, size: int = 96) -> Flow:
    return np.stack([np.full((size, size), each, np.float32) for each in (rows, columns)])


def test_a_shift_is_found() -> None:
    first, second = frame(), frame(moved=(2, -3))
    flow = optical_flow(second, first)
    inside = flow[:, 8:-8, 8:-8] - np.reshape((-2, 3), (2, 1, 1))
    assert np.hypot(*inside).mean() < 0.15


def test_flow_of_large_frames_is_in_their_own_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_nst.core.flow.optical.LONGEST_PX", 48)
    flow = optical_flow(frame(moved=(4, 0)), frame())
    assert flow.shape == (2, 96, 96)
    assert np.median(flow[0, 16:-16, 16:-16]) == pytest.approx(-4, abs=0.3)
    assert LONGEST_PX == 512


def test_warping_along_an_exact_flow_gives_the_other_frame() -> None:
    first, second = frame(), frame(moved=(2, -3))
    warped = warp(first, constant(-2, 3))
    torch.testing.assert_close(warped[..., 4:-4, 4:-4], second[..., 4:-4, 4:-4])
    assert warping_error(second, first, constant(-2, 3), np.ones((96, 96), bool)) < 1e-2
    inside = np.zeros((96, 96), bool)
    inside[4:-4, 4:-4] = True
    assert warping_error(second, first, constant(-2, 3), inside) < 1e-10
    assert warping_error(second, first, constant(0, 0), inside) > 1e-3


def test_flows_that_undo_each_other_are_reliable_but_for_what_left_the_frame() -> None:
    found = reliable(constant(-5, 0), constant(5, 0))
    assert found[5:].all()
    assert not found[:5].any()


def test_pixels_hidden_in_the_other_frame_are_unreliable() -> None:
    there, back = constant(0, 0), constant(0, 0)
    back[1, :, 40:50] = 8.0  # an object is there and moves on; here the ground behind it is seen
    found = reliable(there, back)
    assert not found[:, 42:48].any()
    assert found[:, :36].all()
    assert found[:, 54:].all()


def test_motion_edges_are_unreliable() -> None:
    there = constant(0, 0)
    there[1, :, 48:] = 4.0
    found = reliable(there, -there)
    assert not found[:, 47:49].any()
    assert found[:, :40].all()


def test_a_still_frame_is_reliable_everywhere() -> None:
    assert reliable(constant(0, 0), constant(0, 0)).all()
