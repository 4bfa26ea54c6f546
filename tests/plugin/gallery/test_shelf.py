"""Recent styles and favourites, without Qt."""

import json
import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_nst.plugin.gallery.shelf import (
    MOST_FAVOURITES,
    MOST_RECENT,
    Shelf,
    Style,
    change_shelf,
    read_shelf,
)

ROOT = os.path.abspath(os.sep)
PATHS = st.text(string.ascii_letters + "é画 ._", min_size=1, max_size=12).map(lambda n: ROOT + n)
ANY_NAMES = st.one_of(PATHS, st.text().map(lambda name: ROOT + name), st.text())
CHANGES = st.lists(st.tuples(st.sampled_from(["used", "star", "unstar", "forget"]), ANY_NAMES))


def changed(shelf, change, path):
    match change:
        case "used":
            return shelf.used(path)
        case "forget":
            return shelf.without(path)
        case _:
            return shelf.starred(path, on=change == "star")


@given(CHANGES)
def test_a_shelf_has_limits_and_no_repetition_whatever_happens(changes):
    shelf = Shelf()
    for change, path in changes:
        shelf = changed(shelf, change, path)
        assert len(set(shelf.recent)) == len(shelf.recent) <= MOST_RECENT
        assert len(set(shelf.favourites)) == len(shelf.favourites) <= MOST_FAVOURITES


@given(CHANGES)
def test_what_is_kept_is_what_is_read_again(tmp_path_factory, changes):
    file = tmp_path_factory.mktemp("shelf") / "deep" / "styles.json"
    shelf = Shelf()
    for change, path in changes:
        shelf = changed(shelf, change, path)
        kept = change_shelf(file, lambda old, change=change, path=path: changed(old, change, path))
        assert kept == shelf == read_shelf(file)


@given(st.lists(PATHS, unique=True, min_size=MOST_RECENT + 1, max_size=MOST_RECENT + 6))
def test_the_newest_stay_and_come_first(paths):
    shelf = Shelf()
    for path in paths:
        shelf = shelf.used(path)
    assert shelf.recent == tuple(reversed(paths))[:MOST_RECENT]
    again = shelf.used(shelf.recent[-1])
    assert again.recent[0] == shelf.recent[-1]
    assert set(again.recent) == set(shelf.recent)


@given(PATHS, PATHS)
def test_a_star_taken_off_leaves_the_file_among_the_recent(first, second):
    shelf = Shelf(recent=(second,)).starred(first, on=True)
    assert shelf.favourites == (first,)
    assert shelf.starred(first, on=False) == Shelf(recent=tuple(dict.fromkeys((first, second))))
    assert first not in shelf.without(first).favourites


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"recent": 7, "favourites": {"a": 1}}',
        '{"recent": [7, null, ["/a"], {"a": 1}, true]}',
        '{"recent": ["\\ud800"]}',
        "[" * 100_000,
        '{"recent": [' + "9" * 10_000 + "]}",
        '{"recent": ["relative.png"], "favourites": ["a\\u0000b"]}',
    ],
)
def test_a_damaged_file_is_an_empty_shelf_and_is_made_anew(tmp_path, text):
    file = tmp_path / "styles.json"
    file.write_text(text)
    assert read_shelf(file) == Shelf()
    path = str(tmp_path / "a.png")
    assert change_shelf(file, lambda shelf: shelf.used(path)) == Shelf(recent=(path,))
    assert json.loads(file.read_text())["recent"] == [path]


def test_of_a_file_with_too_many_paths_the_first_are_taken(tmp_path):
    file = tmp_path / "styles.json"
    paths = [str(tmp_path / str(number)) for number in range(1000)]
    file.write_text(json.dumps({"recent": paths, "favourites": paths}))
    assert read_shelf(file) == Shelf(tuple(paths[:MOST_RECENT]), tuple(paths[:MOST_FAVOURITES]))


def test_a_disk_that_refuses_disturbs_nobody(tmp_path):
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "a.png")
    shelf = change_shelf(tmp_path / "file" / "styles.json", lambda shelf: shelf.used(path))
    assert shelf.recent == (path,)
    assert change_shelf(None, lambda shelf: shelf.used(path)).recent == (path,)


def test_a_file_is_known_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Style.of_file("a.b.png") == Style("file", str(tmp_path / "a.b.png"))
    assert Style.of_file("a.b.png").title == "a.b"
    assert Style("sample", "mosaic").title == "mosaic"
