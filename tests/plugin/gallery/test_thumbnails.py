"""Small pictures of styles, without Qt."""

import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_nst import samples
from napari_nst.files.images import write_picture
from napari_nst.plugin.gallery import thumbnails as module
from napari_nst.plugin.gallery.shelf import Style
from napari_nst.plugin.gallery.thumbnails import SIDE_PX, Thumbnails, shrunk, thumbnail_of

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (3,), (4,)])).map(
    lambda shape: (*shape[:2], *shape[2])
)
PICTURES = SHAPES.flatmap(
    lambda shape: st.sampled_from(["uint8", "uint16", "float32", "float64"]).flatmap(
        lambda dtype: arrays.arrays(dtype, shape)
    )
)


@given(PICTURES)
def test_any_picture_becomes_a_small_square(picture):
    small = shrunk(picture)
    assert small.shape == (SIDE_PX, SIDE_PX, 3)
    assert small.dtype == np.uint8


@pytest.mark.parametrize("shape", [(2000, 3000), (30, 4000), (5, 5)])
def test_a_flat_colour_stays_it(shape):
    colour = np.array([200, 30, 90], np.uint8)
    assert (shrunk(np.broadcast_to(colour, (*shape, 3))) == colour).all()


def test_the_middle_is_shown_upright():
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:50, 100:200] = 255
    small = shrunk(picture).astype(int)
    assert small[: SIDE_PX // 3].mean() > 250
    assert small[-SIDE_PX // 3 :].mean() < 5


@pytest.mark.parametrize("name", samples.STYLES)
def test_every_sample_has_one(name):
    thumbnail = thumbnail_of(Style("sample", name))
    assert thumbnail.pixels.shape == (SIDE_PX, SIDE_PX, 3)
    assert not thumbnail.problem


def picture(path, value):
    write_picture(path, np.full((20, 30, 3), value, np.uint8))
    return Style.of_file(path)


def wait(thumbnails):
    until = time.monotonic() + 20
    while thumbnails.is_working and time.monotonic() < until:
        time.sleep(0.01)
    assert not thumbnails.is_working


def test_files_get_theirs_in_a_thread_and_bad_ones_a_sentence(tmp_path):
    good = picture(tmp_path / "good.png", 9)
    (tmp_path / "bad.png").write_text("no picture")
    bad, folder = Style.of_file(tmp_path / "bad.png"), Style.of_file(tmp_path)
    missing = Style.of_file(tmp_path / "gone.png")
    thumbnails = Thumbnails()
    thumbnails.ask([missing, bad, folder, good])
    wait(thumbnails)
    assert (thumbnails.get(good).pixels == 9).all()
    assert "gone.png does not exist" in thumbnails.get(missing).problem
    assert "cannot be read as a picture" in thumbnails.get(bad).problem
    assert thumbnails.get(folder).problem


def test_only_a_changed_file_is_read_again(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        module, "thumbnail_of", lambda style: read.append(style) or thumbnail_of(style)
    )
    style, thumbnails = picture(tmp_path / "a.png", 1), Thumbnails()
    for _ in range(3):
        thumbnails.ask([style])
        wait(thumbnails)
    assert len(read) == 1
    picture(tmp_path / "a.png", 2)
    os.utime(style.name, ns=(1, 1))
    thumbnails.ask([style])
    wait(thumbnails)
    assert (thumbnails.get(style).pixels == 2).all()
    os.remove(style.name)
    thumbnails.ask([style])
    wait(thumbnails)
    assert thumbnails.get(style).problem
    picture(tmp_path / "a.png", 3)
    thumbnails.ask([style])
    wait(thumbnails)
    assert (thumbnails.get(style).pixels == 3).all()


def test_the_cache_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 5)
    styles = [picture(tmp_path / f"{number}.png", number) for number in range(9)]
    thumbnails = Thumbnails()
    thumbnails.ask(styles)
    wait(thumbnails)
    assert [style for style in styles if thumbnails.get(style)] == styles[-5:]


def test_what_is_dropped_is_not_made(tmp_path):
    styles = [picture(tmp_path / f"{number}.png", number) for number in range(50)]
    thumbnails = Thumbnails()
    thumbnails.ask(styles)
    thumbnails.drop()
    wait(thumbnails)
    assert sum(thumbnails.get(style) is not None for style in styles) < 50
