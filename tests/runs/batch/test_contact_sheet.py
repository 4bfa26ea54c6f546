import io
import re
from base64 import b64decode
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from PIL import Image

from napari_nst.runs.batch.contact_sheet import (
    Cell,
    Face,
    Sheet,
    make_thumbnail,
    sheet_html,
    sheet_png,
)

EVIL = "<script>alert('1')</script>&\"x\".png"
SMALL = make_thumbnail(np.full((30, 40, 3), 200, np.uint8))


class _Page(HTMLParser):
    """Collects tags, their attributes, and the text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def _sheet(contents: list[str], styles: list[str], **more: object) -> Sheet:
    cells = [[Cell(f"{c}-x-{s}.png", SMALL, "8 s") for s in styles] for c in contents]
    faces = [[Face(name, SMALL) for name in names] for names in (contents, styles)]
    return Sheet("summary", *faces, cells, "{}", **more)


def test_the_page_has_a_table_of_contents_down_and_styles_across() -> None:
    page = _Page(sheet_html(_sheet(["a", "b"], ["s", "t", "u"])))
    scopes = [attributes["scope"] for attributes in page.of("th")]
    assert (scopes.count("col"), scopes.count("row")) == (3, 2)
    assert len(page.of("td")) == 1 + 6
    assert "2 contents in 3 styles" in page.text
    links = [attributes["href"] for attributes in page.of("a")]
    assert links[1:] == [f"{c}-x-{s}.png" for c in "ab" for s in "stu"]


def test_names_are_escaped_and_every_picture_is_described() -> None:
    page = _Page(sheet_html(_sheet([EVIL], [EVIL], faults=[f"{EVIL} cannot be read"])))
    assert not page.of("script")
    assert f"{EVIL} cannot be read" in page.text
    described = [attributes["alt"] for attributes in page.of("img")]
    assert described[-1] == f"{EVIL} in the style of {EVIL}"
    assert all(described)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    written = sheet_html(_sheet(["http://x.org/a"], ["s"]))
    page = _Page(written)
    for attributes in page.of("img"):
        kind, _, data = str(attributes["src"]).partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(b64decode(data))) as picture:
            assert picture.size == (40, 30)
    assert not page.of("link")
    for attributes in page.of("a"):
        assert not re.match(r"[a-z]+:|/", str(attributes["href"]))
    assert b"default-src 'none'" in written


@pytest.mark.parametrize("name", ["a b#c?.png", "50%.png", "javascript:x", "画.png", "\udcff.png"])
def test_links_lead_to_the_file_whatever_its_name(name: str) -> None:
    sheet = _sheet(["a"], ["s"])
    cell = Cell(name, SMALL, "")
    page = _Page(sheet_html(Sheet("", sheet.contents, sheet.styles, [[cell]], "{}")))
    href = page.of("a")[-1]["href"]
    assert ":" not in str(href)
    assert unquote_to_bytes(str(href)) == name.encode("utf-8", "surrogateescape")
    assert sheet_png(_sheet([name], [name]))


def test_a_pair_without_a_result_says_why() -> None:
    sheet = _sheet(["a"], ["s"])
    cell = Cell("a-x-s.png", None, "too <small>")
    empty = Sheet("", sheet.contents, sheet.styles, [[cell]], "{}")
    page = _Page(sheet_html(empty))
    assert "too <small>" in page.text
    assert len(page.of("img")) == 2
    assert sheet_png(empty)


def test_the_picture_of_a_sheet_grows_with_the_pairs_up_to_a_limit() -> None:
    def size(rows: int, columns: int) -> tuple[int, int]:
        names = [[str(i) for i in range(count)] for count in (rows, columns)]
        with Image.open(io.BytesIO(sheet_png(_sheet(*names)))) as picture:
            assert "napari-nst" in picture.info["Software"]
            return picture.size

    assert size(1, 2)[0] < size(1, 3)[0]
    assert max(size(60, 2)) <= 8000
    assert max(size(2, 60)) <= 8000


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((30, 40), np.uint8),
        np.full((2000, 3000, 3), 65535, np.uint16),
        np.ones((900, 700, 4), np.float32),
        np.zeros((3, 4000, 3), np.uint8),
    ],
)
def test_a_thumbnail_keeps_the_proportions_of_any_picture(picture: np.ndarray) -> None:
    with Image.open(io.BytesIO(make_thumbnail(picture))) as small:
        assert small.mode == "RGB"
        assert max(small.size) <= 320
        height, width = picture.shape[:2]
        assert small.width / small.height == pytest.approx(width / height, rel=0.02) or (
            small.height == 1
        )
        colour = np.asarray(small).mean()
    assert colour == pytest.approx(255 * float(picture.max() > 0), abs=2)
