"""Runs that do not fit: refused before they start, or ended cleanly in the middle."""

import gc
import weakref

import numpy as np
import pytest
import torch

from napari_nst import StyleConfig, iter_stylize, stylize
from napari_nst.cli import app as cli
from napari_nst.core.network.encoder import Encoder
from napari_nst.errors import DeviceMemoryError, TooLargeError
from napari_nst.planning import layout as layout_module
from napari_nst.planning import remedies as remedies_module
from napari_nst.planning.text import duration_words, memory_words
from napari_nst.weights import Weights, load

SHALLOW = {"style_layers": ("relu1_1", "relu2_1"), "content_layers": ("relu2_2",)}
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
STYLE = PICTURE[::-1, ::-1]
FAULTS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
    MemoryError(),
]


def config(**changes: object) -> StyleConfig:
    return StyleConfig(**({"size": 64, "steps": 8, "precision": "float32"} | SHALLOW | changes))


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load("untrained")


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave 200 MB free, of which a run may take 60 %: less than the smallest windows need."""
    for module in (layout_module, remedies_module):
        monkeypatch.setattr(module, "free_bytes", lambda _: 200_000_000)


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch):
    """Let memory run out in the network's Nth forward pass: fault(error, at=...).

    Returns what keeps watch over the tensors that the passes before left.
    """
    kept: list[weakref.ref[torch.Tensor]] = []
    honest = Encoder.forward

    def put(error: BaseException, *, at: int) -> "list[weakref.ref[torch.Tensor]]":
        def forward(self, picture, *rest):
            if picture.is_meta:
                return honest(self, picture, *rest)
            if len(kept) >= at:
                raise error
            tape = honest(self, picture, *rest)
            kept.append(weakref.ref(next(iter(tape.outputs.values()))))
            kept.append(weakref.ref(picture))
            return tape

        monkeypatch.setattr(Encoder, "forward", forward)
        return kept

    yield put
    monkeypatch.undo()


@pytest.mark.usefixtures("little")
def test_a_run_that_does_not_fit_is_refused_before_its_weights_are_read() -> None:
    with pytest.raises(TooLargeError, match=r"even in windows of \d+ px, and 0\.1 GB may be used"):
        stylize(PICTURE, STYLE, config(size=2048), weights="/no/such/file.pth")


@pytest.mark.usefixtures("little")
def test_who_knows_better_may_start_it_all_the_same(weights: Weights) -> None:
    run = iter_stylize(
        PICTURE, STYLE, config(size=320), weights=weights, device="cpu", check_memory=False
    )
    assert next(run).iteration == 1
    run.close()


@pytest.mark.parametrize("error", FAULTS, ids=["cuda", "host", "python"])
def test_memory_that_runs_out_in_the_middle_is_free_again(error, fault, weights: Weights) -> None:
    kept = fault(error, at=6)
    run = iter_stylize(PICTURE, STYLE, config(), weights=weights, device="cpu")
    next(run)
    with pytest.raises(DeviceMemoryError, match="memory ran out during the run of 64x48"):
        for _ in run:
            pass
    error.__traceback__ = None  # the parameter outlives the test; a real error is the run's own
    gc.collect()
    assert kept
    assert not [held for held in kept if held() is not None]


def test_after_memory_ran_out_the_next_run_works(fault, monkeypatch, weights: Weights) -> None:
    fault(torch.OutOfMemoryError("CUDA out of memory"), at=2)
    with pytest.raises(DeviceMemoryError):
        stylize(PICTURE, STYLE, config(), weights=weights, device="cpu")
    monkeypatch.undo()
    assert stylize(PICTURE, STYLE, config(), weights=weights, device="cpu").reason == "finished"


def test_other_runtime_errors_are_left_as_they_are(fault, weights: Weights) -> None:
    fault(RuntimeError("the sky fell"), at=0)
    with pytest.raises(RuntimeError, match="the sky fell"):
        stylize(PICTURE, STYLE, config(), weights=weights, device="cpu")


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """Call the command line where c.png lies: shell("--size", "64") -> (code, out, err)."""
    from PIL import Image

    Image.fromarray(PICTURE).save(tmp_path / "c.png")
    Image.fromarray(PICTURE[::-1]).save(tmp_path / "s.png")
    monkeypatch.chdir(tmp_path)

    def call(*more: str):
        arguments = ["stylize", "c.png", "s.png", "-o", "out.png", "--weights", "untrained", *more]
        code = cli.main(arguments)
        return (code, *capsys.readouterr())

    return call


def test_a_dry_run_says_time_and_memory_and_writes_nothing(shell, tmp_path) -> None:
    code, out, err = shell("--size", "64", "--steps", "5", "--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith("64x48 px, 5 steps: about ")
    assert "MB, " in out
    assert " may be used;" in out
    assert not (tmp_path / "out.png").exists()


@pytest.mark.usefixtures("little")
def test_a_dry_run_of_what_does_not_fit_names_what_does_and_fails(shell) -> None:
    code, out, _ = shell("--size", "4096", "--dry-run")
    assert code == 2
    assert "in windows of " in out
    assert "that does not fit" in out


@pytest.mark.usefixtures("little")
def test_the_command_line_refuses_with_exit_code_2_and_the_way_around(shell, tmp_path) -> None:
    code, _, err = shell("--size", "4096")
    assert code == 2
    assert "What would fit" in err or "No size fits" in err
    assert "--ignore-memory" in err
    assert not (tmp_path / "out.png").exists()


def test_a_run_from_the_shell_says_first_what_it_will_take(shell) -> None:
    layers = ("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1")
    code, _, err = shell("--size", "32", "--steps", "1", *layers)
    assert code == 0
    assert "32x24 px, 1 steps: about " in err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (54, "54 s"),
        (59, "1 min"),
        (125, "2 min"),
        (3570, "1 h"),
        (4900, "1 h 20 min"),
        (90_000, "1 day"),
        (200_000, "2 days"),
    ],
)
def test_durations_are_said_as_roughly_as_they_are_known(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_memory_is_said_in_decimal_units() -> None:
    assert (memory_words(354_000_000), memory_words(1_440_000_000)) == ("350 MB", "1.4 GB")
