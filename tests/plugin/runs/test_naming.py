"""Names of runs in layers and in the list: as asked, as steered, and of a preview."""

import pytest

from tests.plugin.rest import stand_still

pytestmark = pytest.mark.gui


@pytest.fixture
def steer(docked, pictures, engine, qtbot, finished, took):
    """Run with style strength 1, steer it, stop it: steer(value, before=...) returns the run."""
    docked.form.set_weights("auto")

    def run(value, before=lambda run: None):
        engine(100_000, wait_s=0.005)
        docked.form.basic["style_strength"].value = 1
        docked.run()
        qtbot.waitUntil(lambda: bool(docked.current.points))
        mine = docked.current
        before(mine)
        docked.panel.steer.setChecked(True)
        docked.form.basic["style_strength"].native.setValue(value)
        docked.steering.flush()
        took(mine, "style_strength")
        mine.stop()
        finished(docked)
        return mine

    return run


def test_a_steered_runs_name_tells_what_it_ended_with_in_layer_and_list(docked, steer, finished):
    while_steered = []
    mine = steer(6, lambda run: run.changed.connect(lambda: while_steered.append(run.name)))
    name = "harbour × waves · default · style strength 6"
    assert while_steered[-1] == mine.name == mine.live.layer.name == name
    assert docked.runs_list.row(mine).name.text() == name
    again = steer(6)
    assert again.name == again.live.layer.name == f"{name} [1]"
    docked.actions_of_runs.again([mine])
    assert docked.session.runs[-1].name == "harbour × waves · default"


def test_the_name_that_the_user_gave_is_left_alone(steer):
    mine = steer(6, lambda run: setattr(run.live.layer, "name", "my best"))
    assert mine.name == mine.live.layer.name == "my best"


def test_steering_that_no_step_took_is_not_in_the_name(docked, pictures, engine, qtbot, finished):
    engine(100_000, wait_s=0.005)
    docked.form.set_weights("auto")
    docked.form.basic["style_strength"].value = 1
    docked.run()
    mine = docked.current
    qtbot.waitUntil(lambda: bool(mine.points))
    mine.pause()
    stand_still(lambda: mine.points[-1].iteration, qtbot)
    mine.steer(style_strength=6.0)
    assert mine.name.endswith("style strength 6")
    mine.stop()
    finished(docked)
    assert mine.record.ending.style_strength == 1
    assert mine.name == mine.live.layer.name == "harbour × waves · default"


def test_runs_that_wait_have_names_of_their_own(docked, pictures, engine):
    engine(100_000, wait_s=0.005)
    docked.form.set_weights("auto")
    for _ in range(3):
        docked.run()
    names = [run.name for run in docked.session.runs]
    assert names == [f"harbour × waves · default{number}" for number in ("", " [1]", " [2]")]


def test_the_full_size_of_a_steered_preview_is_named_as_steered(
    docked, pictures, engine, qtbot, finished
):
    engine(100_000, wait_s=0.005)
    docked.form.set_weights("auto")
    docked.panel.preview.click()
    qtbot.waitUntil(lambda: bool(docked.current.points))
    docked.current.steer(style_strength=6.0)
    docked.panel.full.click()
    full = docked.session.runs[-1]
    assert full.name == "harbour × waves · default · style strength 6"
    assert full.plan.name.settings == "default · style strength 6"
