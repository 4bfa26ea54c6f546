"""Runs by windows and in files: the picture is the one of a run in memory."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_nst import Checkpoints, StyleConfig, StyleResult, stylize
from napari_nst.core.control import RunControl
from napari_nst.errors import ScratchError
from napari_nst.planning import layout as layout_module
from napari_nst.planning.layout import LayoutPlan

LAYERS = {
    "content_layers": ("relu2_2",),
    "style_layers": ("relu1_1", "relu2_1", "relu3_1"),
    "content_layer_weights": (),
    "style_layer_weights": (),
}
SCALES = {"pyramid": "down_to", "min_scale": 48, "scale_ratio": 2.0, "scale_steps": (2, 3)}


def noise(height: int, width: int, seed: int, channels: int = 3) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(seed).integers(0, 255, (height // 4, width // 4, channels))
    return blocks.repeat(4, 0).repeat(4, 1).astype(np.uint8)


CONTENT, STYLE = noise(88, 120, 1), noise(96, 96, 2)


def config(**changes: Any) -> StyleConfig:
    plain = {"size": None, "precision": "float64"} | LAYERS | SCALES
    return StyleConfig.preset("default", **(plain | changes))


def run(settings: StyleConfig, content: NDArray[np.uint8] = CONTENT, **options: Any) -> StyleResult:
    return stylize(content, STYLE, settings, weights="untrained", device="cpu", **options)


@pytest.fixture
def in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs by windows have their arrays in files, by blocks of a few rows."""
    genuine = layout_module._by_windows
    monkeypatch.setattr(
        layout_module,
        "_by_windows",
        lambda plan, tile_px, **_: genuine(plan, tile_px, in_files=True),
    )
    original = layout_module.Scratch
    monkeypatch.setattr(layout_module, "Scratch", lambda folder: original(folder, block_bytes=5000))


ADAM = {"optimizer": "adam", "learning_rate": 5.0, "averaging": 0.9, "clamp": "step"}


HALF_NOISE = {"init": "noise", "init_blend": 0.5, "noise_std": 40.0}


@pytest.mark.parametrize("changes", [{}, ADAM, HALF_NOISE], ids=["lbfgs", "adam", "noise"])
def test_a_run_by_windows_paints_the_same_picture(changes: dict[str, Any]) -> None:
    whole, tiled = run(config(**changes)), run(config(tile=64, **changes))
    assert tiled.record.resolved["tile"] == 64
    assert whole.record.resolved["tile"] is None
    assert tiled.history[-1].loss == pytest.approx(whole.history[-1].loss, rel=1e-6)
    np.testing.assert_allclose(tiled.painted, whole.painted, atol=1e-5)
    assert np.abs(tiled.image.astype(int) - whole.image).max() <= 1


@pytest.mark.parametrize("colors", ["style", "none"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("changes", [{}, ADAM], ids=["lbfgs", "adam"])
@pytest.mark.usefixtures("in_files")
def test_a_run_in_files_paints_the_same_picture(
    changes: dict[str, Any], channels: int, colors: str, tmp_path: Path
) -> None:
    content = noise(88, 120, 1, channels)
    whole = run(config(colors=colors, **changes), content)
    filed = run(config(colors=colors, tile=64, **changes), content, scratch=tmp_path)
    assert filed.record.resolved["in_files"]
    assert not whole.record.resolved["in_files"]
    assert filed.image.shape == content.shape
    np.testing.assert_allclose(filed.painted, whole.painted, atol=1e-5)
    assert np.abs(filed.image.astype(int) - whole.image).max() <= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("colors", ["palette", "histogram", "luminance"])
@pytest.mark.usefixtures("in_files")
def test_colours_that_need_more_than_their_pixel_are_the_same_in_files(
    colors: str, tmp_path: Path
) -> None:
    content = noise(88, 120, 1, 4)
    whole = run(config(colors=colors, color_strength=0.8), content)
    filed = run(config(colors=colors, color_strength=0.8, tile=64), content, scratch=tmp_path)
    assert filed.record.resolved["in_files"]
    np.testing.assert_array_equal(filed.image[..., 3], content[..., 3])
    assert np.abs(filed.image.astype(int) - whole.image).max() <= 2


@pytest.mark.usefixtures("in_files")
def test_a_run_in_files_goes_on_from_its_checkpoint_bit_for_bit(tmp_path: Path) -> None:
    settings, place = config(tile=64), tmp_path / "state"
    whole = run(settings, scratch=tmp_path)
    control = RunControl()

    class StopsAfterThree(Checkpoints):
        def write(self, *state: Any) -> None:
            super().write(*state)
            if state[0].done == 3:
                control.stop()

    run(settings, checkpoints=StopsAfterThree(place, every_s=0), control=control, scratch=tmp_path)
    again = run(settings, resume=place, scratch=tmp_path)
    np.testing.assert_array_equal(again.image, whole.image)
    assert again.record.resolved == whole.record.resolved


def test_there_is_no_seam_where_windows_meet() -> None:
    """Steps over the borders of windows have the distribution of those elsewhere."""
    plain = config(pyramid="single", scale_steps=(8,), tile=32)
    image = run(plain, noise(128, 192, 5)).image.astype(float)
    steps = np.abs(np.diff(image, axis=1)).mean(axis=(0, 2))
    beside = steps.reshape(-1)[3::4]  # between the blocks that the content has
    at_windows = steps[31::32]
    assert at_windows.mean() == pytest.approx(beside.mean(), abs=3 * beside.std())


def test_a_disk_without_room_is_named_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(
        layout_module,
        "_by_windows",
        lambda plan, tile_px, **_: LayoutPlan(tile_px, True, 1, disk_bytes=10**9),
    )
    with pytest.raises(ScratchError, match=r"needs 1.0 GB for scratch files in .* choose another"):
        run(config(tile=64), scratch=tmp_path)
