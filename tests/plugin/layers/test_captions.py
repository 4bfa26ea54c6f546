"""Names broken into lines."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_nst.plugin.layers.captions import (
    SEPARATOR,
    caption,
    full_name,
    put_caption,
    take_caption_off,
)
from napari_nst.plugin.layers.live_layer import LiveLayer
from napari_nst.plugin.layers.placement import Placement

parts = st.lists(st.text("ab 1", min_size=1, max_size=30).map(str.strip).filter(bool), min_size=1)


@given(parts, st.integers(2, 80))
def test_no_line_is_longer_and_each_part_keeps_its_end(parts, letters):
    lines = caption(SEPARATOR.join(parts), letters).split("\n")
    assert max(map(len, lines)) <= letters
    shown = [part for line in lines for part in line.split(SEPARATOR)]
    assert len(shown) == len(parts)
    for part, seen in zip(parts, shown, strict=True):
        assert seen == part or (seen[0] == "…" and part.endswith(seen[1:]))


@given(parts)
def test_what_fits_stays_as_it_is(parts):
    name = SEPARATOR.join(parts)
    assert caption(name, len(name)) == name


def test_a_caption_renames_no_run_and_the_user_does():
    viewer = ViewerModel()
    pixels = np.zeros((8, 10, 3), np.uint8)
    content = viewer.add_image(pixels, rgb=True)
    live = LiveLayer(
        viewer, "harbour · seed 1", Placement.of(content, (slice(None), slice(None)), (8, 10))
    )
    told = []
    live.renamed.connect(told.append)
    live.show(pixels)
    viewer.add_image(pixels, name="…rbour\nseed 1")  # the caption is another layer's name
    put_caption(live.layer, 6)
    assert live.layer.name == "…rbour\nseed 1 [1]"
    assert full_name(live.layer) == "harbour · seed 1"
    take_caption_off(live.layer)
    assert live.layer.name == "harbour · seed 1"
    assert told == []
    put_caption(live.layer, 6)
    live.layer.name = "mine"
    take_caption_off(live.layer)
    assert live.layer.name == "mine"
    assert told == ["mine"]
