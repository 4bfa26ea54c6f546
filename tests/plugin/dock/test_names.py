"""Names of runs: what differs, and what the user makes of them."""

import pytest

from napari_nst.plugin.runs.plan import weights_word

pytestmark = pytest.mark.gui


@pytest.fixture
def automatic(docked, pictures, monkeypatch):
    """The dock with weights chosen automatically; the engine is a fake all the same."""
    docked.form.set_weights("auto")
    return docked


def run(docked, engine, finished, **settings):
    engine(2)
    for name, value in settings.items():
        docked.form.basic[name].value = value
    docked.panel.run.click()
    finished(docked)
    return docked.session.runs[-1]


def test_a_name_says_what_differs_from_the_last_run(automatic, engine, finished):
    names = [
        run(automatic, engine, finished, **settings).name
        for settings in (
            {},
            {"style_strength": 8},
            {"style_strength": 8, "seed": 3},
            {"style_strength": 2, "seed": 4, "steps": 7, "size": 99},
        )
    ]
    assert names == [
        "harbour × waves · default",
        "harbour × waves · style strength 8",
        "harbour × waves · seed 3",
        "harbour × waves · size 99 · steps 7 · 2 more",
    ]
    automatic.form.preset.setCurrentText("gatys")
    assert run(automatic, engine, finished).name == "harbour × waves · gatys"


def test_long_names_of_pictures_are_shortened_in_the_middle(automatic, engine, finished, viewer):
    viewer.layers["harbour"].name = "a harbour in the evening, from the north"
    name = run(automatic, engine, finished).name
    assert name == "a harbour…he north × waves · default"


def test_only_a_preview_and_other_pictures_do_not_count_as_the_last(
    automatic, engine, finished, viewer
):
    engine(2)
    automatic.panel.preview.click()
    finished(automatic)
    assert run(automatic, engine, finished).name == "harbour × waves · default"
    pickers = automatic.form.pickers
    pickers.content.value, pickers.style.value = viewer.layers["waves"], viewer.layers["harbour"]
    assert run(automatic, engine, finished).name == "waves × harbour · default"


def test_the_same_again_is_numbered_in_layer_and_list_alike(automatic, engine, finished, viewer):
    for _ in range(2):
        last = run(automatic, engine, finished)
    assert last.name == last.live.layer.name == "harbour × waves · default [1]"
    assert automatic.runs_list.row(last).name.text() == last.name


def test_the_same_again_is_named_as_the_run_before_it(automatic, engine, finished):
    names = [
        run(automatic, engine, finished, style_strength=strength).name
        for strength in (1, 8, 8, 8, 1)
    ]
    assert names == [
        "harbour × waves · default",
        "harbour × waves · style strength 8",
        "harbour × waves · style strength 8 [1]",
        "harbour × waves · style strength 8 [2]",
        "harbour × waves · style strength 1",
    ]


def test_weights_are_named_only_if_they_are_not_the_automatic_choice(automatic, engine, finished):
    assert "·" in run(automatic, engine, finished).name
    automatic.form.set_weights(weights_word("auto"))
    assert weights_word("auto") not in run(automatic, engine, finished).name
    automatic.form.set_weights("untrained")
    assert run(automatic, engine, finished).name.endswith(" · untrained")


def test_a_renamed_layer_renames_its_run(automatic, engine, finished, viewer, qtbot, tmp_path):
    mine = run(automatic, engine, finished)
    mine.live.layer.name = "my best"
    assert mine.name == "my best"
    assert automatic.runs_list.row(mine).name.text() == "my best"
    automatic.actions_of_runs.export_to(tmp_path, [mine])
    qtbot.waitUntil(lambda: [path.name for path in tmp_path.iterdir()] == ["my best"])
    viewer.layers.remove("my best")
    mine.show_result()
    assert mine.live.layer.name == "my best"
    automatic.actions_of_runs.again([mine])
    finished(automatic)
    assert automatic.session.runs[-1].name.startswith("my best")


def test_a_result_of_an_earlier_session_is_renamed_too(automatic, engine, finished, viewer):
    mine = run(automatic, engine, finished)
    data, metadata = mine.live.layer.data, dict(mine.live.layer.metadata)
    old = viewer.add_image(data, name="old", metadata=metadata)
    adopted = automatic.session.run_of(old)
    old.name = "older"
    assert automatic.runs_list.row(adopted).name.text() == "older"


def test_buttons_of_the_history_act_on_the_active_layers_run_else_on_the_newest(
    automatic, engine, finished, viewer
):
    automatic.session.snapshot_every = 1
    first, second = (run(automatic, engine, finished, seed=seed) for seed in (1, 2))
    automatic.runs_list.select(first)
    viewer.layers.selection.active = second.live.layer
    automatic.snapshots_form.pin.click()
    assert [len(each.snapshot_layers) for each in (first, second)] == [0, 1]
    viewer.layers.selection.active = first.live.layer
    automatic.snapshots_form.show_stack.click()
    assert [len(each.snapshot_layers) for each in (first, second)] == [1, 1]
    viewer.layers.selection.active = viewer.layers["harbour"]
    automatic.snapshots_form.best.click()
    assert [len(each.snapshot_layers) for each in (first, second)] == [1, 2]
    automatic.runs_list.select(second)
    automatic.runs_list.select(first)
    automatic.snapshots_form.best.click()
    assert [len(each.snapshot_layers) for each in (first, second)] == [2, 2], (
        "all its layers are selected"
    )


def test_a_previews_name_says_only_settings_that_it_has(automatic, engine, finished):
    run(automatic, engine, finished, style_strength=1)
    names = []
    for settings in ({"size": 300}, {"style_strength": 2, "seed": 3, "steps": 90}, {"size": 99}):
        for name, value in settings.items():
            automatic.form.basic[name].value = value
        automatic.panel.preview.click()
        finished(automatic)
        names.append(automatic.current.name)
        assert "size" in automatic.current.plan.full.name.text, "at full size it is said"
    assert names == [
        "harbour × waves · preview",
        "harbour × waves · style strength 2 · seed 3 · preview",
        "harbour × waves · size 99 · style strength 2 · 1 more · preview",
    ]
