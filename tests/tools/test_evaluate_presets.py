import json

import numpy as np
import pytest
from PIL import Image
from tools.evaluate_presets import blind, painting
from tools.evaluate_presets.measures import (
    COLUMNS,
    chroma_distance,
    crossing,
    measure,
    oklab,
    smooth_areas,
    tint,
)
from tools.evaluate_presets.painting import Variant, painted
from tools.evaluate_presets.pairs import PAIRS, Pair, read_content, read_style

from napari_nst import StyleConfig

RNG = np.random.default_rng(5)
PICTURE = RNG.integers(0, 255, (96, 128, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(PICTURE).resize((160, 120), Image.Resampling.BICUBIC))


def test_oklab_of_white_grey_and_red_is_as_published():
    lab = oklab(np.array([[[255, 255, 255], [128, 128, 128], [255, 0, 0]]], np.uint8))[0]
    np.testing.assert_allclose(lab[0], [1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(lab[1, 1:], 0, atol=1e-3)
    np.testing.assert_allclose(lab[2], [0.628, 0.225, 0.126], atol=1e-3)


def test_a_picture_is_at_no_distance_from_its_own_colours_wherever_they_lie():
    shuffled = RNG.permutation(PICTURE.reshape(-1, 3)).reshape(PICTURE.shape)
    assert chroma_distance(shuffled, PICTURE) == pytest.approx(0, abs=1e-9)
    assert chroma_distance(PICTURE, PICTURE // 2) > 0.5


def test_grey_has_no_tint():
    grey = np.repeat(PICTURE[..., :1], 3, axis=2)
    assert tint(grey) == 0
    assert tint(PICTURE) > 50


def _grey(values):
    return np.repeat((128 + 60 * values).astype(np.uint8)[..., None], 3, axis=2)


def test_lines_that_cross_are_a_weave_and_lines_that_run_beside_each_other_are_none():
    rows, columns = np.mgrid[:96, :128]
    down, right, broad = (
        np.sin(each * 2 * np.pi / px)
        for each, px in ((rows, 4.5), (columns, 4.5), (rows + columns, 12))
    )
    everywhere = np.ones((96, 128), bool)
    lines, woven = _grey(0.5 * down + 0.5 * broad), _grey(0.25 * (down + right) + 0.5 * broad)
    assert crossing(woven, everywhere) > 4 * crossing(lines, everywhere)


def test_smooth_areas_are_where_the_content_is_flat():
    noise = RNG.integers(0, 255, (96, 128, 1), dtype=np.uint8).repeat(3, axis=2)
    smooth = smooth_areas(np.where(np.arange(128)[:, None] < 64, 128, noise).astype(np.uint8))
    assert smooth[:, :40].all()
    assert not smooth[:, 64:].any()


def test_the_style_itself_is_as_woven_as_itself():
    assert measure(SMOOTH, PICTURE, SMOOTH)["weave"] == pytest.approx(1, rel=0.2)


def test_the_content_itself_is_as_far_from_the_style_as_itself_and_keeps_its_edges():
    found = measure(PICTURE, PICTURE, SMOOTH)
    assert list(found) == list(COLUMNS)
    assert [found[name] for name in ("strokes", "patterns", "patches", "edges")] == [
        pytest.approx(1)
    ] * 4


def test_twelve_pairs_can_be_read_without_the_pictures_that_are_not_ours(tmp_path):
    assert len(set(PAIRS)) == 12
    ours = [pair for pair in PAIRS if " " in pair.style or pair.style == "mosaic"]
    assert len(ours) >= 5
    for pair in ours[:1]:
        assert read_content(pair.content, tmp_path).ndim == 3
        assert read_style(pair.style, tmp_path).ndim == 3


def test_what_was_painted_is_read_and_the_blind_sheets_tell_nothing(tmp_path, monkeypatch):
    calls = []

    def stylize(content, style, config, weights):
        calls.append(config.name)
        shade = 60 if config.name == "default" else 200
        image = (PICTURE // 4 + shade // 2).astype(np.uint8)
        record = type("Record", (), {"to_dict": lambda self: {"config": config.name}})()
        return type("Result", (), {"image": image, "record": record})()

    monkeypatch.setattr(painting, "stylize", stylize)
    for name, picture in {"content-a": SMOOTH, "style-b": PICTURE}.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.jpg")
    pair, variants = Pair("a", "b"), (Variant("gatys", 96, 3), Variant("default", 96))
    assert variants[0].config == StyleConfig.preset("gatys", size=96, steps=3)
    kept = tmp_path / "kept"
    kept.mkdir()
    first = painted(pair, variants[0], tmp_path, kept)
    again = painted(pair, variants[0], tmp_path, kept)
    assert calls == ["gatys"]
    assert again.measures == first.measures
    np.testing.assert_array_equal(again.picture, first.picture)
    blind.draw([pair], variants, tmp_path, kept, tmp_path / "blind")
    key = json.loads((tmp_path / "blind" / "key.json").read_text())
    assert set(key["01"].values()) == {"gatys-96-3-steps", "default-96"}
    assert (tmp_path / "blind" / "01.png").exists()
