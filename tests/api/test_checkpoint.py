"""A run that goes on from a checkpoint ends in the picture of one that was never interrupted."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from napari_nst import Checkpoints, RunControl, StyleConfig, iter_stylize, stylize
from napari_nst.api import checkpoint as api_checkpoint
from napari_nst.api.results import StyleResult
from napari_nst.core.store.scratch import Scratch
from napari_nst.errors import CheckpointError
from napari_nst.files import checkpoints as files
from napari_nst.files.checkpoints import read_checkpoint
from napari_nst.settings.record import SteeringEvent
from napari_nst.weights import Weights
from tests.api.settings import shallow

SCALES = {"pyramid": "down_to", "min_scale": 28, "scale_ratio": 2.0, "scale_steps": (4, 4)}
EVENTS = (SteeringEvent(2, "style_strength", 3.0), SteeringEvent(6, "content_weight", 2.0))
STEPS = 8


def scaled(**changes: object) -> StyleConfig:
    return shallow(**({"steps": None} | SCALES | changes))


RUNS = {
    "lbfgs": scaled(),
    "adam, averaged": scaled(optimizer="adam", learning_rate=0.02, averaging=0.9),
    "lbfgs in bfloat16": scaled(precision="bfloat16", lbfgs_preconditioner="binomial"),
    "line search": scaled(line_search="strong_wolfe"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.png.checkpoint"


def killed_after(step: int, *run: object, path: Path, **options: object) -> None:
    """Let a run write a checkpoint after each step, and leave it without its end."""
    steps = iter_stylize(*run, checkpoints=Checkpoints(path, every_s=0), **options)
    for each in steps:
        if each.iteration == step:
            break
    steps.close()


def assert_same(resumed: StyleResult, whole: StyleResult) -> None:
    np.testing.assert_array_equal(resumed.painted, whole.painted)
    np.testing.assert_array_equal(resumed.image, whole.image)
    assert [(p.iteration, p.scale, p.loss, p.terms) for p in resumed.history] == [
        (p.iteration, p.scale, p.loss, p.terms) for p in whole.history
    ]
    assert resumed.record.to_json() == whole.record.to_json()
    times = [point.seconds for point in resumed.history]
    assert times == sorted(times)


@pytest.mark.parametrize("config", RUNS.values(), ids=RUNS)
def test_a_resumed_run_ends_in_the_same_picture_and_record(
    content: np.ndarray, style: np.ndarray, weights: Weights, path: Path, config: StyleConfig
) -> None:
    run = content, style, config
    whole = stylize(*run, weights=weights, device="cpu", events=EVENTS)
    assert whole.record.steps_done == STEPS
    for step in (1, 4, 5, STEPS):  # the first, both sides of the change of scale, the last
        killed_after(step, *run, path=path, weights=weights, device="cpu", events=EVENTS)
        assert read_checkpoint(path).record.steps_done == step
        assert_same(stylize(content, style, weights=weights, resume=path), whole)


def test_everything_that_was_auto_comes_from_the_checkpoint(
    content: np.ndarray, style: np.ndarray, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = scaled(precision="auto", balance="auto", scale_steps=(2, 2))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    torch.set_num_threads(1)
    options = {"weights": "builtin", "path": path}
    whole = stylize(content, style, config, weights="builtin")
    assert whole.record.resolved["precision"] == "bfloat16"
    killed_after(2, content, style, config, **options)
    # Another machine, where more would be chosen otherwise.
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    monkeypatch.setattr("napari_nst.api.stylizer.balance_of", None)
    monkeypatch.setattr("napari_nst.api.stylizer.suited", None)
    used = []
    try:
        torch.set_num_threads(2)
        run = iter_stylize(content, style, resume=path)
        while True:
            try:
                next(run)
                used.append(torch.get_num_threads())
            except StopIteration as end:
                assert_same(end.value, whole)
                break
        assert (used, torch.get_num_threads()) == ([1, 1], 2)
    finally:
        torch.set_num_threads(1)


def test_a_stopped_run_leaves_a_checkpoint_of_its_last_step(
    content: np.ndarray, style: np.ndarray, weights: Weights, path: Path
) -> None:
    control = RunControl()
    options = {"weights": weights, "control": control, "checkpoints": Checkpoints(path)}
    for step in iter_stylize(content, style, scaled(), **options):
        if step.iteration == 3:
            control.stop()
    assert read_checkpoint(path).record.steps_done == 3
    assert read_checkpoint(path).total == STEPS
    whole = stylize(content, style, scaled(), weights=weights)
    assert_same(stylize(content, style, weights=weights, resume=path), whole)


def test_a_stop_within_a_line_search_keeps_the_checkpoint_before_it(
    content: np.ndarray, style: np.ndarray, weights: Weights, path: Path
) -> None:
    class Impatient(RunControl):
        """Stops at the third evaluation after the second step."""

        left = 10**9

        def raise_if_stopped(self) -> None:
            self.left -= 1
            if self.left == 0:
                self.stop()
            super().raise_if_stopped()

    control, config = Impatient(), RUNS["line search"]
    checkpoints = Checkpoints(path, every_s=0)
    for step in iter_stylize(
        content, style, config, weights=weights, control=control, checkpoints=checkpoints
    ):
        if step.iteration == 2:
            kept, control.left = path.read_bytes(), 2
    assert path.read_bytes() == kept
    whole = stylize(content, style, config, weights=weights)
    assert_same(stylize(content, style, weights=weights, resume=path), whole)


def test_a_run_of_many_checkpoints_keeps_one_and_writes_it_by_the_clock(
    content: np.ndarray, style: np.ndarray, weights: Weights, path: Path
) -> None:
    stylize(
        content, style, shallow(), weights=weights, checkpoints=Checkpoints(str(path), every_s=3600)
    )
    assert not path.exists()
    checkpoints = Checkpoints(str(path), every_s=0)
    stylize(content, style, shallow(), weights=weights, checkpoints=checkpoints)
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def kept(content: np.ndarray, style: np.ndarray, weights: Weights, path: Path) -> Path:
    """A checkpoint after three steps of six."""
    killed_after(3, content, style, shallow(), path=path, weights=weights, init=content)
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"content": 1}, "another content"),
        ({"style": 1}, "another style"),
        ({"init": None}, "another picture to start from"),
        ({"config": shallow(steps=9)}, "steps 6, and 9 was asked for"),
        ({"device": "mps"}, "a run on cpu, and mps was asked for"),
        ({"weights": "builtin"}, "other weights"),
        ({"events": EVENTS}, "steering from the checkpoint"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_checkpoint_of_another_run_is_refused_with_what_differs(
    content: np.ndarray, style: np.ndarray, kept: Path, change: dict[str, object], named: str
) -> None:
    given = {"content": content, "style": style, "init": content, "weights": "untrained"}
    changed = {name: given[name][::2] if value == 1 else value for name, value in change.items()}
    before = kept.read_bytes()
    with pytest.raises(CheckpointError, match=named):
        stylize(**(given | changed), resume=kept)
    assert kept.read_bytes() == before


def test_a_checkpoint_that_is_not_there_or_no_checkpoint_is_a_sentence(
    content: np.ndarray, style: np.ndarray, tmp_path: Path
) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "foreign")
    (tmp_path / "empty").write_bytes(b"")
    for name, said in [("none", "does not exist"), ("foreign", "not a check"), ("empty", "not a")]:
        with pytest.raises(CheckpointError, match=said):
            stylize(content, style, resume=tmp_path / name)


def test_a_newer_checkpoint_asks_for_an_update(
    content: np.ndarray, style: np.ndarray, weights: Weights, path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(files, "FORMAT", 2)
    killed_after(2, content, style, shallow(), path=path, weights=weights)
    monkeypatch.setattr(files, "FORMAT", 1)
    with pytest.raises(CheckpointError, match="reads up to 1; update napari-nst"):
        stylize(content, style, weights=weights, resume=path)


DAMAGE = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(1, 255)),
    st.tuples(st.just("flip"), st.floats(0, 0.05), st.integers(1, 255)),  # in the header
    st.tuples(st.just("cut"), st.floats(0, 1, exclude_max=True), st.just(0)),
    st.tuples(st.just("append"), st.just(0.0), st.integers(0, 255)),
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=DAMAGE)
def test_any_damage_is_a_sentence_and_the_file_stays(
    content: np.ndarray,
    style: np.ndarray,
    weights: Weights,
    kept: Path,
    damage: tuple[str, float, int],
) -> None:
    kind, share, bits = damage
    whole = kept.with_name("whole")
    if not whole.exists():
        whole.write_bytes(kept.read_bytes())
    data = bytearray(whole.read_bytes())
    at = int(share * len(data))
    if kind == "flip":
        data[at] ^= bits
    elif kind == "cut":
        del data[at:]
    else:
        data.append(bits)
    kept.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"damaged|not a checkpoint") as told:
        stylize(content, style, weights=weights, init=content, resume=kept)
    assert "\n" not in str(told.value)
    assert kept.read_bytes() == data


def test_the_file_is_one_that_safetensors_reads_with_aligned_data(kept: Path) -> None:
    with safe_open(kept, framework="pt") as file:
        assert all(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
        assert file.get_tensor("preview").shape == (40, 56, 3)
    assert int.from_bytes(kept.read_bytes()[:8], "little") % 8 == 0


@pytest.mark.parametrize("dtype", api_checkpoint._DTYPES, ids=str)
def test_tensors_of_any_dtype_and_layout_come_back_by_pieces(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_checkpoint, "PIECE_BYTES", 64)
    grid = torch.arange(3 * 5 * 7).to(dtype).view(3, 5, 7)
    for tensor in (grid, grid.transpose(0, 2), grid[:, 1:, ::2], grid[0, 0, 0], grid[:0]):
        pieces = [bytes(piece) for piece in api_checkpoint._pieces(tensor)]
        assert all(len(piece) <= 64 for piece in pieces)
        plain = tensor.contiguous().view(-1)
        assert b"".join(pieces) == plain.view(torch.uint8).numpy().tobytes()


@pytest.fixture
def full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Files may grow to 100 kB, less than a checkpoint takes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield path
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_a_warning_and_neither_the_run_nor_the_last_checkpoint(
    content: np.ndarray,
    style: np.ndarray,
    weights: Weights,
    full_disk: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    full_disk.write_bytes(b"the last good one")
    whole = stylize(content, style, shallow(), weights=weights)
    checkpoints = Checkpoints(full_disk, every_s=0)
    with caplog.at_level(logging.WARNING):
        result = stylize(content, style, shallow(), weights=weights, checkpoints=checkpoints)
    assert_same(result, whole)
    assert list(full_disk.parent.iterdir()) == [full_disk]
    assert full_disk.read_bytes() == b"the last good one"
    (said,) = [record.getMessage() for record in caplog.records]
    assert "cannot be written: File too large" in said
    assert "The run goes on" in said


def test_a_folder_that_is_gone_costs_a_warning(
    content: np.ndarray, style: np.ndarray, weights: Weights, tmp_path: Path, caplog
) -> None:
    checkpoints = Checkpoints(tmp_path / "gone" / "x.checkpoint", every_s=0)
    result = stylize(content, style, shallow(), weights=weights, checkpoints=checkpoints)
    assert result.reason == "finished"
    assert len([each for each in caplog.records if each.levelno >= logging.WARNING]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_arrays_in_files_do_not_stay_in_memory_while_they_are_written(tmp_path: Path) -> None:
    store = Scratch(tmp_path)
    array = store.zeros((1, 1, 10_000, 4_000), torch.float32)  # 160 MB
    for rows in store.rows(array):
        array[..., rows, :] = 1
    store.breathe()
    before, seen = _file_pages_bytes(), []

    def breathe() -> None:
        seen.append(_file_pages_bytes())
        store.breathe()

    entry = api_checkpoint._entry("array", array, breathe)
    with (tmp_path / "written").open("wb") as file:
        for piece in entry.pieces:
            file.write(piece)
    assert (tmp_path / "written").stat().st_size == array.nbytes
    assert max(seen) - before < 40e6


def _file_pages_bytes() -> int:
    (line,) = (
        each for each in Path("/proc/self/status").read_text().splitlines() if "RssFile" in each
    )
    return 1024 * int(line.split()[1])
