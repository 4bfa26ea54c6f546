"""A network that serves many runs does what a network of each run's own does."""

import numpy as np
import pytest

from napari_nst import StyleConfig, Stylizer, iter_stylize, stylize
from napari_nst.core.loss import targets
from napari_nst.core.network import encoder as encoder_module
from napari_nst.core.store.pixels import Pixels
from napari_nst.errors import ImageError, WeightsError
from napari_nst.planning.estimate import plan_of
from napari_nst.weights import Weights
from tests.api.settings import shallow


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Collect the encoders that are created."""
    genuine, encoders = encoder_module.Encoder, []

    def create(*args: object, **settings: object) -> object:
        encoders.append(genuine(*args, **settings))
        return encoders[-1]

    monkeypatch.setattr(encoder_module, "Encoder", create)
    return encoders


def _same(stylizer: Stylizer, pair: tuple[np.ndarray, np.ndarray], config: StyleConfig) -> None:
    alone = stylize(*pair, config, weights="untrained", device="cpu")
    shared = stylizer.stylize(*pair, config)
    np.testing.assert_array_equal(shared.image, alone.image)
    assert [p.loss for p in shared.history] == [p.loss for p in alone.history]
    assert shared.record == alone.record


def test_runs_on_one_network_equal_runs_of_their_own_and_make_it_once(
    content: np.ndarray, style: np.ndarray, made: list[object]
) -> None:
    stylizer = Stylizer(weights="untrained", device="cpu")
    _same(stylizer, (content, style), shallow(steps=3))
    assert len(made) == 2
    _same(stylizer, (style, content[:32]), shallow(steps=2, style_strength=3.0, size=40))
    _same(stylizer, (content, style), shallow(steps=2, optimizer="adam", colors="content"))
    assert len(made) == 4, "each lone run made one, the stylizer none any more"


@pytest.mark.parametrize(
    "change",
    [
        {"style_layers": ("relu1_2",)},
        {"content_layers": ("relu1_2",)},
        {"pooling": "average"},
        {"padding": "replicate"},
        {"precision": "float64"},
    ],
)
def test_settings_that_the_network_depends_on_make_another(
    content: np.ndarray, style: np.ndarray, made: list[object], change: dict[str, object]
) -> None:
    stylizer = Stylizer(weights="untrained", device="cpu")
    stylizer.stylize(content, style, shallow(steps=1))
    _same(stylizer, (content, style), shallow(steps=2, **change))
    assert len(made) == 3


def test_a_run_that_is_left_or_fails_leaves_the_network_usable(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    stylizer = Stylizer(weights=weights, device="cpu")
    early = stylizer.iter_stylize(content, style, shallow())
    next(early)
    early.close()
    with pytest.raises(ImageError):
        stylizer.stylize(content[:1], style, shallow())
    _same(stylizer, (content, style), shallow(steps=2))


def test_weights_are_loaded_by_the_first_run(content: np.ndarray, style: np.ndarray) -> None:
    run = Stylizer(weights="none.pth").iter_stylize(content, style, shallow())
    with pytest.raises(WeightsError):
        next(run)


def test_a_run_on_a_ready_network_is_expected_to_take_less_work() -> None:
    plan = plan_of(shallow(), (40, 56), [(48, 48)], "cpu")
    fresh, ready = (plan.work_of([6], is_ready=each) for each in (False, True))
    assert 0 < ready.multiplications < fresh.multiplications


def test_two_runs_on_one_network_may_take_turns(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    stylizer = Stylizer(weights=weights, device="cpu")
    pairs = (content, style), (style, content)
    alone = [[s.loss for s in iter_stylize(*p, shallow(), weights=weights)] for p in pairs]
    both = [stylizer.iter_stylize(*pair, shallow()) for pair in pairs]
    taken = [[one.loss, two.loss] for one, two in zip(*both, strict=True)]
    assert [list(losses) for losses in zip(*taken, strict=True)] == alone


def test_a_style_is_measured_once_for_contents_of_one_size(
    content: np.ndarray, style: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, sizes = targets.measured, []

    def counting(encoder: object, picture: Pixels, *rest: object) -> object:
        sizes.append(picture.size)
        return genuine(encoder, picture, *rest)

    monkeypatch.setattr(targets, "measured", counting)
    stylizer = Stylizer(weights="untrained", device="cpu")
    results = [
        stylizer.stylize(each, style, shallow(steps=2)).image for each in (content, content[::-1])
    ]
    assert len(sizes) == len(set(sizes)) > 0
    alone = stylize(content[::-1], style, shallow(steps=2), weights="untrained", device="cpu")
    np.testing.assert_array_equal(results[1], alone.image)
    before = len(sizes)
    stylizer.stylize(content, style[::-1], shallow(steps=2))
    assert len(sizes) > before, "another style of the same size is measured"
