"""Masks, regions and blends on the command line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_nst.cli.app import main
from napari_nst.cli.regions import MaskOptions
from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.images import read_picture, read_settings
from napari_nst.settings.regions import BLEND, KEEP, Regions, Target
from tests.api.test_large import noise

HALVES = np.repeat([[0, 255]], 40, 0).repeat(30, 1).astype(np.uint8)
RED_BLUE = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8).repeat(40, 0).repeat(30, 1)
BRIEFLY = ["--preset", "gatys", "--steps", "2", "--size", "original", "--weights", "untrained"]
BRIEFLY += ["--set", "style_layers=relu1_1,relu2_1", "--set", "content_layers=relu2_2"]


def saved(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [
        str(saved(tmp_path / f"{name}.png", noise(40, 60, seed)))
        for seed, name in enumerate(("content", "one", "two"))
    ]


def regions(path: Path, styles: int, *targets: str, style_masks: tuple[Path, ...] = ()) -> Regions:
    found = MaskOptions(path, targets, 0.0, style_masks, None).regions(styles)
    assert found is not None
    return found


def test_white_is_painted_and_black_is_kept(tmp_path: Path, files: list[str]) -> None:
    mask, out = saved(tmp_path / "mask.png", HALVES), tmp_path / "out.png"
    assert main(["stylize", *files[:2], "-o", str(out), "--mask", str(mask), *BRIEFLY]) == 0
    content, result = read_picture(Path(files[0])), read_picture(out)
    np.testing.assert_array_equal(result[:, :30], content[:, :30])
    assert (result[:, 30:] != content[:, 30:]).any()
    record = read_settings(out)[1]
    assert record is not None
    assert record.regions == Regions(HALVES > 0, {1: BLEND}, KEEP)
    again = tmp_path / "again.png"
    assert main(["stylize", *files[:2], "-o", str(again), "--config", str(out), *BRIEFLY[6:8]]) == 0
    np.testing.assert_array_equal(read_picture(again), result)


@pytest.mark.parametrize(
    ("pixels", "styles", "given", "targets", "rest"),
    [
        (HALVES, 2, (), {1: 0}, 1),
        (HALVES > 0, 1, (), {1: BLEND}, KEEP),
        (HALVES // 255 + 1, 2, (), {1: 0, 2: 1}, BLEND),
        (HALVES // 255, 1, (), {1: BLEND}, KEEP),
        (RED_BLUE, 1, (), {1: BLEND}, KEEP),
        (HALVES, 1, ("255=1",), {1: 0}, KEEP),
        (HALVES, 2, ("#fff=1", "rest=2"), {1: 0}, 1),
        (HALVES, 2, ("255=2", "rest=keep"), {1: 1}, KEEP),
        (RED_BLUE, 2, ("#ff0000=1", "#0000FF = blend"), {1: 0, 2: BLEND}, BLEND),
    ],
)
def test_what_labels_get(
    tmp_path: Path,
    pixels: np.ndarray,
    styles: int,
    given: tuple[str, ...],
    targets: dict[int, Target],
    rest: Target,
) -> None:
    found = regions(saved(tmp_path / "mask.png", pixels), styles, *given)
    assert (dict(found.styles), found.rest) == (targets, rest)
    assert found.labels is not None
    assert len(np.unique(found.labels[:, :30])) == 1
    is_one = pixels is RED_BLUE and styles == 1
    assert (found.labels[0, 0] == found.labels[0, -1]) == is_one


def test_labels_over_a_style_are_those_of_the_mask(tmp_path: Path) -> None:
    mask = saved(tmp_path / "mask.png", RED_BLUE)
    over = saved(tmp_path / "over.png", RED_BLUE[:, ::-1])
    found = regions(mask, 2, "#ff0000=1", "#0000ff=2", style_masks=(Path("-"), over))
    assert found.labels is not None
    assert found.style_labels[0] is None
    assert found.style_labels[1] is not None
    np.testing.assert_array_equal(found.style_labels[1], found.labels[:, ::-1])


@pytest.mark.parametrize(
    ("styles", "given", "over", "part"),
    [
        (1, (), HALVES, HALVES > 0),
        (1, (), HALVES // 255, HALVES > 0),
        (1, (), RED_BLUE[:, ::-1], HALVES >= 0),
        (
            1,
            (),
            (np.linspace(0, 255, 60).repeat(40).reshape(60, 40).T).astype(np.uint8),
            HALVES > 0,
        ),
        (2, (), HALVES, HALVES > 0),
        (2, ("255=1", "rest=2"), HALVES[..., None].repeat(3, 2), HALVES > 0),
        (2, ("#fff=1", "#000=2"), HALVES, HALVES > 0),
    ],
)
def test_white_over_a_style_is_the_part_that_white_over_the_content_reads(
    tmp_path: Path, styles: int, given: tuple[str, ...], over: np.ndarray, part: np.ndarray
) -> None:
    mask = saved(tmp_path / "mask.png", HALVES)
    found = regions(mask, styles, *given, style_masks=(saved(tmp_path / "over.png", over),))
    assert found.labels is not None
    assert found.style_labels[0] is not None
    label = found.labels[0, -1]
    assert label
    np.testing.assert_array_equal(found.style_labels[0] == label, part)


def test_a_run_in_black_and_white_reads_the_white_part_of_its_style(
    tmp_path: Path, files: list[str]
) -> None:
    mask, found = saved(tmp_path / "mask.png", HALVES), []
    for over in ("-", str(mask)):
        out = tmp_path / "out.png"
        given = ["--mask", str(mask), "--style-mask", over]
        assert main(["stylize", *files[:2], "-o", str(out), *BRIEFLY, *given]) == 0
        found.append(read_picture(out))
    record = read_settings(out)[1]
    assert record is not None
    assert record.regions == Regions(HALVES > 0, {1: BLEND}, KEEP, style_labels=(HALVES > 0,))
    assert (found[0][:, :30] == found[1][:, :30]).all()
    assert (found[0][:, 30:] != found[1][:, 30:]).any()


def test_a_style_mask_without_a_label_of_the_mask_is_refused(tmp_path: Path) -> None:
    mask = saved(tmp_path / "mask.png", HALVES // 255 + 1)
    over = saved(tmp_path / "over.png", HALVES)
    with pytest.raises(ConfigError, match=r"over.png has no label .* it has 0, 255. Paint it in"):
        regions(mask, 2, style_masks=(over,))


def test_tiffs_keep_their_labels_and_palettes_their_indices(tmp_path: Path) -> None:
    import tifffile

    labels = HALVES.astype(np.int32) // 255 * 300
    tifffile.imwrite(tmp_path / "mask.tif", labels)
    assert regions(tmp_path / "mask.tif", 1, "300=1").present == [(1, 0), (0, KEEP)]
    indexed = Image.fromarray(HALVES // 255 + 1)
    indexed.putpalette([9, 9, 9, 200, 0, 0, 0, 0, 200])
    indexed.save(tmp_path / "indexed.png")
    assert regions(tmp_path / "indexed.png", 2).present == [(1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("7=1",), "has no label 7; it has 0, 255"),
        (("255=3",), "is to get style 3"),
        (("255=keep", "rest=keep"), "every region keeps"),
        (("255",), "--region is LABEL=STYLE"),
        (("255=0",), "the number of a style, from 1"),
        (("red=1",), "a colour such as #ff0000"),
        (("255=1", "255=keep"), "says twice what 255 gets"),
        (("9" * 5000 + "=1",), "--region is LABEL=STYLE"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, given: tuple[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        regions(saved(tmp_path / "mask.png", HALVES), 1, *given)


def test_bad_masks_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"labels #0000ff, #ff0000.*--region LABEL=STYLE"):
        regions(saved(tmp_path / "mask.png", RED_BLUE), 2)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for path in (broken, tmp_path / "missing.png", tmp_path):
        with pytest.raises(ImageError, match=path.name):
            regions(path, 1)


def test_options_that_need_others_are_refused(
    tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    for given, message in (
        (["--feather", "3"], "need a --mask"),
        (["--blend", "1,2,3"], "3 shares, and the run has 2"),
        (["--blend", "0,0"], "share 0"),
    ):
        assert main(["stylize", *files, "-o", str(out), *BRIEFLY, *given]) == 2
        assert message in capsys.readouterr().err
        assert not out.exists()


def test_a_blend_of_nothing_of_the_second_is_the_first(tmp_path: Path, files: list[str]) -> None:
    one, both = tmp_path / "a.png", tmp_path / "b.png"
    assert main(["stylize", *files[:2], "-o", str(one), *BRIEFLY]) == 0
    assert main(["stylize", *files, "-o", str(both), *BRIEFLY, "--blend", "1,0"]) == 0
    np.testing.assert_array_equal(read_picture(one), read_picture(both))


def test_a_content_mask_frees_the_style(tmp_path: Path, files: list[str]) -> None:
    mask = saved(tmp_path / "mask.png", HALVES)
    out = tmp_path / "out.png"
    assert main(["stylize", *files[:2], "-o", str(out), *BRIEFLY, "--content-mask", str(mask)]) == 0
    record = read_settings(out)[1]
    assert record is not None
    assert record.regions == Regions(content_mask=HALVES)


def test_greys_of_a_mask_in_colours_are_named_as_colours(tmp_path: Path) -> None:
    mask = RED_BLUE.copy()
    mask[:10], mask[10:20] = 255, 0
    path = saved(tmp_path / "mask.png", mask)
    found = regions(path, 2, "#ffffff=1", "#000000=keep", "#f00=2", "rest=blend")
    assert found.labels is not None
    assert [int(found.labels[row, 0]) for row in (0, 15, 30)] == [1, 2, 3]
    assert dict(found.styles) == {1: 0, 2: KEEP, 3: 1}


def test_labels_that_nobody_names_are_refused_unless_the_rest_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "mask.png", HALVES // 255 + 1)
    with pytest.raises(ConfigError, match=r"has other labels, too: 2; .*rest=STYLE"):
        regions(path, 2, "1=1")
    assert regions(path, 2, "1=1", "rest=2").present == [(1, 0), (0, 1)]


def test_a_mask_of_soft_edges_is_black_and_white_for_one_style_and_refused_for_two(
    tmp_path: Path,
) -> None:
    ramp = np.linspace(0, 255, 60).astype(np.uint8)[None].repeat(40, 0)
    path = saved(tmp_path / "mask.png", ramp)
    found = regions(path, 1)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, ramp >= 128)
    for given in ((), ("255=1",)):
        with pytest.raises(ConfigError, match="without smoothing"):
            regions(path, 2, *given)


def test_masks_are_turned_upright_as_pictures_are(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(HALVES).save(tmp_path / "mask.png", exif=exif)
    found = regions(tmp_path / "mask.png", 1)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels > 0, np.rot90(HALVES, -1) > 0)


@pytest.mark.parametrize("kind", ["tinted", "wide", "float"])
def test_content_masks_of_other_kinds_are_read_by_their_lightness(
    tmp_path: Path, kind: str
) -> None:
    import tifffile

    path = tmp_path / ("mask.png" if kind == "tinted" else "mask.tif")
    if kind == "tinted":
        saved(path, np.dstack([HALVES, HALVES, HALVES // 2]))
    else:
        tifffile.imwrite(path, HALVES.astype(np.int32) if kind == "wide" else HALVES / 255)
    found = MaskOptions(None, (), 0.0, (), path).regions(1)
    assert found is not None
    assert found.content_mask is not None
    assert found.content_mask[:, :30].max() == 0
    assert found.content_mask[:, 30:].min() > 200


def test_a_region_too_small_for_a_layer_is_told_before_the_run(
    tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    small = np.zeros_like(HALVES)
    small[:3, :3] = 1
    small[20:] = 2
    mask, out = saved(tmp_path / "mask.png", small), tmp_path / "out.png"
    assert main(["stylize", *files, "-o", str(out), *BRIEFLY, "--mask", str(mask)]) == 0
    assert "region 1 is too small for relu2_1; its other layers" in capsys.readouterr().err
