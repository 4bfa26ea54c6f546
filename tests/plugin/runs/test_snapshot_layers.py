"""Histories and pinned moments in a real napari, with the engine replaced by fakes."""

import numpy as np
import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def painted(docked, pictures, engine, finished):
    """Run once more, keeping every step: painted()."""

    def run():
        engine(4)
        docked.session.snapshot_every = 1
        docked.run()
        finished(docked)
        return docked.session.runs[-1]

    return run


@pytest.fixture
def first(painted):
    """A run that has ended."""
    return painted()


@pytest.fixture
def caption(viewer):
    """What the overlay says; empty if it is hidden: caption()."""
    overlay = viewer.canvas.overlays.text
    return lambda: overlay.text if overlay.visible else ""


def stack_of(run):
    return next(moment.layer for moment in run.snapshot_layers if moment.is_stack)


@pytest.mark.parametrize("button", ["show_stack", "pin", "best"])
def test_the_buttons_stay_offered_for_the_layer_that_one_of_them_added(
    docked, first, viewer, button
):
    live = first.live.layer
    data, metadata = np.array(live.data), dict(live.metadata)
    viewer.add_image(data, name="reopened", rgb=True, metadata=metadata)
    assert docked.session.runs[-1] is not first, "the newest has no history"
    viewer.layers.selection = {live}
    form = docked.snapshots_form
    getattr(form, button).click()
    assert live not in viewer.layers.selection
    assert all(each.isEnabled() for each in (form.show_stack, form.pin, form.best))


def test_the_caption_is_there_while_no_picture_covers_the_history(
    docked, first, painted, viewer, caption
):
    docked.snapshots_form.show_stack.click()
    assert caption().startswith("Step ")
    second = painted()
    assert caption() == "", "the newer result covers it"
    second.live.layer.visible = False
    assert caption().startswith("Step ")
    second.live.layer.visible = True
    layers = viewer.layers
    layers.move(layers.index(stack_of(first)), len(layers))
    assert caption().startswith("Step ")
    layers.move(layers.index(second.live.layer), len(layers))
    assert caption() == ""
    layers.remove(second.live.layer)
    assert caption().startswith("Step ")


def test_a_picture_beside_the_history_does_not_take_its_caption(docked, first, viewer, caption):
    docked.snapshots_form.show_stack.click()
    viewer.add_image(np.zeros((5, 5, 3), np.uint8), name="beside", translate=(9000, 9000))
    viewer.add_points(np.zeros((1, 2)))
    assert caption().startswith("Step ")


def test_the_slider_goes_on_to_show_after_pinning(docked, first, viewer, caption):
    docked.snapshots_form.show_stack.click()
    for step in (1, 2):
        viewer.dims.set_current_step(0, step)
        docked.snapshots_form.pin.click()
    assert viewer.layers[-1] == stack_of(first)
    assert [moment.steps for moment in first.snapshot_layers[1:]] == [(2,), (3,)]
    viewer.dims.set_current_step(0, 0)
    assert caption().startswith("Step 1 ")


def test_scrubbing_again_brings_a_covered_history_to_the_top(
    docked, first, painted, viewer, caption
):
    docked.snapshots_form.show_stack.click()
    painted()
    assert caption() == ""
    viewer.layers.selection = {first.live.layer}
    docked.snapshots_form.show_stack.click()
    assert viewer.layers[-1] == stack_of(first)
    assert caption().startswith("Step ")
