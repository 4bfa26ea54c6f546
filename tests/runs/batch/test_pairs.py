import os
import shutil
from pathlib import Path

import pytest

from napari_nst.errors import ImageError
from napari_nst.runs.batch.pairs import check_outputs, find_pictures, pair_up


def test_a_folders_pictures_come_in_natural_order_without_what_is_none(folder: Path) -> None:
    for name in ("frame 10.png", "frame 9.PNG", ".hidden.png", "notes.txt"):
        (folder / "content" / name).write_bytes(b"")
    (folder / "content" / "more.png").mkdir()
    found, left_out = find_pictures([Path("content")], "content")
    assert [path.name for path in found] == ["a.png", "b.jpg", "frame 9.PNG", "frame 10.png"]
    assert [path.name for path in left_out] == ["notes.txt"]


def test_a_named_file_is_taken_whatever_its_name_and_only_once(folder: Path) -> None:
    shutil.copy("content/a.png", "picture")
    places = [Path("picture"), Path("content"), folder / "content" / "a.png"]
    found, _ = find_pictures(places, "content")
    assert [path.name for path in found] == ["picture", "a.png", "b.jpg"]


def test_what_is_missing_or_empty_is_refused(folder: Path) -> None:
    (folder / "none").mkdir()
    with pytest.raises(ImageError, match="the style folder none holds no picture"):
        find_pictures([Path("none")], "style")
    with pytest.raises(ImageError, match=r"x\.png does not exist; name a content"):
        find_pictures([Path("x.png")], "content")


def test_every_content_meets_every_style_content_by_content() -> None:
    pairs = pair_up(
        [Path("a.png"), Path("c/b.jpg")], [Path("s.tif"), Path("t.x.png")], Path("o"), ".jpg"
    )
    names = [str(pair.output.as_posix()) for pair in pairs]
    assert names == ["o/a-x-s.jpg", "o/a-x-t.x.jpg", "o/b-x-s.jpg", "o/b-x-t.x.jpg"]


@pytest.mark.parametrize(
    ("contents", "styles"),
    [
        (["a.png", "a.jpg"], ["s.png"]),
        (["a.png", "A.png"], ["s.png"]),
        (["caf\u00e9.png", "cafe\u0301.png"], ["s.png"]),
        (["a.png", "a-x-b.png"], ["b-x-c.png", "c.png"]),
    ],
)
def test_names_that_collide_are_refused(contents: list[str], styles: list[str]) -> None:
    with pytest.raises(ImageError, match="would both be written as"):
        pair_up(list(map(Path, contents)), list(map(Path, styles)), Path("o"), ".png")


def _check(folder: Path, *, others: tuple[Path, ...] = (), longest_px: int = 64) -> None:
    places = [Path("content"), Path("style")]
    found = [find_pictures([place], str(place))[0] for place in places]
    pairs = pair_up(*found, folder, ".webp" if longest_px > 64 else ".png")
    check_outputs(pairs, folder, places, others, longest_px=longest_px)


def test_a_folder_for_results_that_is_there_or_not_is_taken(folder: Path) -> None:
    _check(Path("out/of/nothing"))
    _check(folder)
    assert not (folder / "out").exists()


def test_folders_that_are_read_and_files_are_refused_for_results(folder: Path) -> None:
    os.symlink("content", "link")
    for name in ("content", "./style", "link"):
        with pytest.raises(ImageError, match="holds the pictures that are read"):
            _check(Path(name))
    with pytest.raises(ImageError, match="is a file; name a folder"):
        _check(Path("content/a.png"))


def test_a_result_never_replaces_what_is_read(folder: Path) -> None:
    (folder / "out").mkdir()
    os.link("content/a.png", "out/a-x-s.png")
    with pytest.raises(ImageError, match=r"a-x-s\.png is a picture that is read"):
        _check(Path("out"))
    os.unlink("out/a-x-s.png")
    with pytest.raises(ImageError, match="is a picture that is read"):
        _check(Path("out"), others=(Path("out/b-x-s.png"),))


def test_what_a_result_cannot_replace_or_hold_is_told_before(folder: Path) -> None:
    (folder / "out" / "a-x-s.png").mkdir(parents=True)
    with pytest.raises(ImageError, match="is a folder"):
        _check(Path("out"))
    with pytest.raises(ImageError, match="WEBP holds at most"):
        _check(Path("new"), longest_px=20000)
    shutil.copy("content/a.png", f"content/{'n' * 250}.png")
    with pytest.raises(ImageError, match="name is too long"):
        _check(Path("new"))


@pytest.mark.parametrize("name", ["index.html", "contact-sheet.png"])
def test_a_page_of_somebody_else_is_not_replaced(folder: Path, name: str) -> None:
    (folder / name).write_text("<html>my own</html>")
    with pytest.raises(ImageError, match="is not of napari-nst"):
        _check(folder)
