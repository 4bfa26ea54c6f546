import numpy as np
import pytest

from napari_nst.errors import ImageError
from napari_nst.plugin.layers.visible_picture import placement_of
from napari_nst.plugin.masks.label_image import label_reader, present_labels

pytestmark = pytest.mark.gui

CORNER = np.zeros((60, 80), np.uint8)
CORNER[10:30, 20:50] = 3


def place_of(layer, viewer):
    return placement_of(layer, viewer.dims)


def labels_over(layer, content, viewer):
    return label_reader(layer, place_of(content, viewer), viewer.dims)()


@pytest.fixture
def content(viewer):
    return viewer.add_image(
        np.zeros((60, 80, 3), np.uint8), scale=(2, 3), translate=(5, 7), rotate=20, rgb=True
    )


def test_labels_with_the_content_s_transform_are_read_as_they_are(content, viewer):
    layer = viewer.add_labels(CORNER, **place_of(content, viewer).arguments((60, 80)))
    np.testing.assert_array_equal(labels_over(layer, content, viewer), CORNER)
    assert present_labels(layer, viewer.dims) == [3]


def test_coarser_labels_over_the_same_place_are_read_in_the_content_s_pixels(content, viewer):
    coarse = CORNER[5::10, 5::10]
    layer = viewer.add_labels(coarse, **place_of(content, viewer).arguments(coarse.shape))
    np.testing.assert_array_equal(labels_over(layer, content, viewer), CORNER)


def test_labels_that_were_moved_in_the_world_are_moved_in_the_content(content, viewer):
    place = place_of(content, viewer)
    layer = viewer.add_labels(CORNER, **place.arguments((60, 80)))
    step = np.diff(place.to_world(np.array([(0.0, 0.0), (10.0, -20.0)])), axis=0)[0]
    layer.translate = np.asarray(layer.translate) + step
    np.testing.assert_array_equal(
        labels_over(layer, content, viewer)[20:40, 0:30], CORNER[10:30, 20:50]
    )


def test_a_stroke_after_the_reading_began_does_not_count(content, viewer):
    place = place_of(content, viewer)
    layer = viewer.add_labels(CORNER.copy(), **place.arguments((60, 80)))
    read = label_reader(layer, place, viewer.dims)
    layer.data[:] = 7
    np.testing.assert_array_equal(read(), CORNER)


@pytest.mark.parametrize("kind", ["rectangle", "polygon"])
def test_shapes_are_filled_in_the_content_s_pixels(content, viewer, kind):
    pixels = np.array([(9.5, 19.5), (9.5, 49.5), (29.5, 49.5), (29.5, 19.5)])
    world = place_of(content, viewer).to_world(pixels)
    layer = viewer.add_shapes([world], shape_type=kind)  # its own coordinates are the world's
    np.testing.assert_array_equal(labels_over(layer, content, viewer), CORNER > 0)


def test_an_ellipse_is_round(content, viewer):
    frame = np.array([(9.5, 19.5), (9.5, 49.5), (29.5, 49.5), (29.5, 19.5)])
    place = place_of(content, viewer)
    layer = viewer.add_shapes([frame], shape_type="ellipse", **place.arguments((60, 80)))
    labels = labels_over(layer, content, viewer)
    assert labels[20, 35] == 1
    assert labels[11, 21] == 0
    assert labels.sum() == pytest.approx(np.pi * 10 * 15, rel=0.03)


def test_of_overlapping_shapes_the_upper_one_is_seen_and_lines_are_none(content, viewer):
    low = np.array([(0, 0), (0, 40), (40, 40), (40, 0)])
    place = place_of(content, viewer)
    layer = viewer.add_shapes(
        [low, low[[0, 2]], low + 20],
        shape_type=["rectangle", "line", "rectangle"],
        **place.arguments((60, 80)),
    )
    labels = labels_over(layer, content, viewer)
    assert (labels[5, 5], labels[30, 30], labels[50, 50]) == (1, 3, 3)
    assert present_labels(layer, viewer.dims) == [1, 3]


def test_labels_over_one_slice_of_a_stack_are_of_that_slice(viewer):
    content = viewer.add_image(np.zeros((4, 60, 80)))
    layer = viewer.add_labels(np.stack([CORNER * 0, CORNER, CORNER * 0, CORNER * 2]))
    viewer.dims.set_point(0, 3)
    assert present_labels(layer, viewer.dims) == [6]
    np.testing.assert_array_equal(labels_over(layer, content, viewer), CORNER * 2)
    viewer.dims.set_point(0, 0)
    assert present_labels(layer, viewer.dims) == []


def test_labels_beyond_255_are_refused_in_words(viewer):
    layer = viewer.add_labels(CORNER.astype(np.int32) * 1000)
    with pytest.raises(ImageError, match="0 to 3000; regions are the labels 1 to 255"):
        present_labels(layer, viewer.dims)
