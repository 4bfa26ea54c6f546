import numpy as np

from napari_nst.plugin.writers import write_png
from napari_nst.runs.export import export_run, save_result
from napari_nst.runs.saved import is_saved, note_saved
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord, SteeringEvent

PICTURE = np.zeros((4, 5, 3), np.uint8)


def record(content):
    event = SteeringEvent(3, "style_layer_weights", (1.0, 2.0, 3.0, 4.0, 5.0))
    return RunRecord(StyleConfig(), {}, {"content": content}, "untrained", (event,), 5, "finished")


def test_a_result_is_saved_by_autosave_export_or_napari(tmp_path):
    by_autosave, by_export, by_napari = (record(f"{tmp_path}{name}") for name in "aen")
    assert not any(map(is_saved, (by_autosave, by_export, by_napari)))
    save_result(tmp_path, "a", PICTURE, by_autosave)
    export_run(tmp_path, "e", PICTURE, by_export)
    meta = {"rgb": True, "metadata": {METADATA_KEY: by_napari.to_dict()}}
    write_png(str(tmp_path / "n.png"), PICTURE, meta)
    assert all(map(is_saved, (by_autosave, by_export, by_napari)))


def test_a_picture_without_a_record_is_no_result():
    note_saved(None)
