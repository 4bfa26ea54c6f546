"""Contact sheets of a folder run: a page of HTML, and one picture.

The page holds its thumbnails and its styles, and asks for nothing from elsewhere: it opens from
disk, without a network and without scripts (its policy forbids them). Only its links to the full
pictures lead out of it, into its own folder. Every name is escaped.
"""

import io
import os
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any
from unicodedata import combining, normalize
from urllib.parse import quote

import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from napari_nst import __version__
from napari_nst.files.depth import as_uint8
from napari_nst.runs.naming import counted, shortened

THUMBNAIL_PX = 320
_QUALITY = 82

_CELL_PX, _LEAST_CELL_PX = 240, 24
_SHEET_LONGEST_PX = 8000
_GAP_PX, _LABEL_PX, _FONT_PX = 12, 22, 14
_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "arial.ttf",
    "Helvetica.ttc",
)
_PAPER, _INK = (246, 244, 240), (60, 56, 52)

_STYLES = """
:root { color-scheme: light dark; --paper: #f6f4f0; --ink: #2b2926; --quiet: #68625b;
  --edge: #dcd7cf }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1c1b1a; --ink: #ece8e2; --quiet: #a8a29a; --edge: #3a3835 }
}
* { box-sizing: border-box }
body { margin: 0; padding: 2rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.6rem; font-weight: 600 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { margin: .3rem 0 1.2rem; color: var(--quiet) }
a { color: inherit }
table { border-collapse: separate; border-spacing: 10px; margin: 0 -10px }
th, td { padding: 0; vertical-align: top; font-weight: 400; text-align: left; width: 220px;
  min-width: 160px }
thead th { position: sticky; top: 0; background: var(--paper); vertical-align: bottom; z-index: 1 }
tbody th { position: sticky; left: 0; background: var(--paper) }
thead td { position: sticky; top: 0; left: 0; background: var(--paper); z-index: 2;
  vertical-align: bottom; color: var(--quiet) }
thead img { max-height: 130px; width: auto; max-width: 100% }
img { display: block; width: 100%; height: auto; border-radius: 4px }
td a { display: block; border-radius: 4px }
td a:hover img { outline: 3px solid var(--edge) }
a:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px }
.name { display: block; margin-top: .3rem; overflow-wrap: anywhere; font-weight: 600 }
.note { display: block; margin-top: .2rem; font-size: .85rem; color: var(--quiet);
  overflow-wrap: anywhere }
.none { display: grid; place-content: center; min-height: 110px; padding: .8rem; font-size: .85rem;
  color: var(--quiet); border: 1px dashed var(--edge); border-radius: 4px; overflow-wrap: anywhere }
details { margin: 1.5rem 0; color: var(--quiet) }
summary { cursor: pointer }
pre { white-space: pre-wrap; font-size: .8rem }
"""


@dataclass(frozen=True)
class Face:
    """A content or a style: its name, and its thumbnail as JPEG."""

    name: str
    thumbnail: bytes


@dataclass(frozen=True)
class Cell:
    """The place of one pair.

    Parameters
    ----------
    file
        Name of the result's file in the sheet's folder.
    thumbnail
        JPEG, or None where there is no result.
    note
        Time or size; or why there is no result.
    """

    file: str
    thumbnail: bytes | None
    note: str


@dataclass(frozen=True)
class Sheet:
    """All that a contact sheet shows.

    Parameters
    ----------
    summary
        A line under the title.
    contents, styles
        Down and across; those that could be read.
    cells
        A row for each content, in it a cell for each style.
    settings
        Of the run, as JSON.
    faults
        A line for each file or pair that failed.
    """

    summary: str
    contents: Sequence[Face]
    styles: Sequence[Face]
    cells: Sequence[Sequence[Cell]]
    settings: str
    faults: Sequence[str] = ()


def make_thumbnail(picture: npt.NDArray[Any]) -> bytes:
    """Encode a small copy of a picture as JPEG.

    Parameters
    ----------
    picture : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, or floating in [0, 1]; opacity is laid on white.
    """
    # Every nth pixel first: of a photograph of 50 megapixels a copy in 8 bits is slow to make.
    step = max(1, min(picture.shape[:2]) // (2 * THUMBNAIL_PX))
    small = Image.fromarray(as_uint8(picture[::step, ::step]))
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small)
    small = small.convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def sheet_html(sheet: Sheet) -> bytes:
    """Write a contact sheet as a page of HTML, in UTF-8."""
    title = f"{counted(len(sheet.contents), 'content')} in {counted(len(sheet.styles), 'style')}"
    heads = "".join(f'<th scope="col">{_face(style, "style")}</th>' for style in sheet.styles)
    rows = "\n".join(map(_row, [sheet] * len(sheet.contents), range(len(sheet.contents))))
    faults = "".join(f"<li>{_bdi(fault)}</li>" for fault in sheet.faults)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="napari-nst {__version__}">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · napari-nst</title>
<style>{_STYLES}</style>
</head>
<body>
<h1>{title}</h1>
<p>{escape(sheet.summary)} · <a href="contact-sheet.png">as one picture</a></p>
<table aria-label="Every content in every style">
<thead><tr><td>content ↓ &nbsp; style →</td>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
{f"<h2>Not done</h2><ul>{faults}</ul>" if faults else ""}
<details><summary>Settings</summary><pre>{escape(sheet.settings)}</pre></details>
</body>
</html>
"""
    return page.encode("utf-8", "backslashreplace")  # a file's name may hold bytes that are no text


def sheet_png(sheet: Sheet) -> bytes:
    """Draw a contact sheet as one picture; cells shrink where there are many."""
    grid: list[list[tuple[bytes | None, str]]] = [
        [(None, ""), *((style.thumbnail, style.name) for style in sheet.styles)],
        *(
            [(content.thumbnail, content.name), *map(_labelled, cells)]
            for content, cells in zip(sheet.contents, sheet.cells, strict=True)
        ),
    ]
    room_px = _SHEET_LONGEST_PX // max(len(grid), len(grid[0])) - _GAP_PX - _LABEL_PX
    cell_px = max(_LEAST_CELL_PX, min(_CELL_PX, room_px))
    strips = [_strip(row, cell_px) for row in grid]
    page = Image.new("RGB", (strips[0].width, sum(each.height for each in strips)), _PAPER)
    top = 0
    for strip in strips:
        page.paste(strip, (0, top))
        top += strip.height
    buffer, maker = io.BytesIO(), PngInfo()
    maker.add_text("Software", f"napari-nst {__version__}")
    page.save(buffer, "PNG", pnginfo=maker)
    return buffer.getvalue()


def _strip(row: Sequence[tuple[bytes | None, str]], cell_px: int) -> Image.Image:
    """Draw one row of thumbnails with the names under them, as high as the highest."""
    fitted = [None if jpeg is None else _fitted(jpeg, cell_px) for jpeg, _ in row]
    height = max((each.height for each in fitted if each), default=0)
    width = len(row) * (cell_px + _GAP_PX) + _GAP_PX
    strip = Image.new("RGB", (width, height + _LABEL_PX + _GAP_PX), _PAPER)
    draw, (font, is_plain) = ImageDraw.Draw(strip), _font()
    for column, (picture, (_, name)) in enumerate(zip(fitted, row, strict=True)):
        left = _GAP_PX + column * (cell_px + _GAP_PX)
        if picture is not None:
            place = left + (cell_px - picture.width) // 2, _GAP_PX + (height - picture.height) // 2
            strip.paste(picture, place)
        text = shortened(_on_one_line(name), max(3, cell_px // 8))
        text = _in_ascii(text) if is_plain else text
        shift = max(0.0, (cell_px - draw.textlength(text, font)) / 2)
        draw.text((left + shift, _GAP_PX + height + 2), text, _INK, font)
    return strip


def _fitted(jpeg: bytes, side_px: int) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return ImageOps.contain(picture, (side_px, side_px), Image.Resampling.LANCZOS)


def _labelled(cell: Cell) -> tuple[bytes | None, str]:
    """Return a cell's thumbnail, or why there is none."""
    return cell.thumbnail, "" if cell.thumbnail else cell.note


@cache
def _font() -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, bool]:
    """Return a font of this machine, and whether it is Pillow's own, which has ASCII only."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _FONT_PX), False
        except OSError:
            continue
    return ImageFont.load_default(_FONT_PX), True


def _on_one_line(text: str) -> str:
    """Replace what cannot be drawn in a line: line breaks, control characters, odd bytes."""
    letters = text.encode("utf-8", "replace").decode()
    return "".join(each if each.isprintable() else "?" for each in letters)


def _in_ascii(text: str) -> str:
    """Write a text without accents; what has no plain letter becomes a question mark."""
    letters = (each for each in normalize("NFKD", text) if not combining(each))
    return "".join(letters).encode("ascii", "replace").decode()


def _row(sheet: Sheet, index: int) -> str:
    content = sheet.contents[index]
    cells = zip(sheet.cells[index], sheet.styles, strict=True)
    done = "".join(f"<td>{_cell(cell, content, style)}</td>" for cell, style in cells)
    return f'<tr><th scope="row">{_face(content, "content")}</th>{done}</tr>'


def _cell(cell: Cell, content: Face, style: Face) -> str:
    if cell.thumbnail is None:
        return f'<span class="none">{_bdi(cell.note)}</span>'
    link = quote(os.fsencode(cell.file))
    picture = _img(cell.thumbnail, f"{content.name} in the style of {style.name}")
    return f'<a href="{link}">{picture}</a><span class="note">{escape(cell.note)}</span>'


def _face(face: Face, role: str) -> str:
    name = f'<span class="name">{_bdi(face.name)}</span>'
    return _img(face.thumbnail, f"The {role} {face.name}") + name


def _img(jpeg: bytes, text: str) -> str:
    with Image.open(io.BytesIO(jpeg)) as picture:
        width, height = picture.size
    data = b64encode(jpeg).decode()
    size = f'width="{width}" height="{height}"'
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(text)}" {size}>'


def _bdi(text: str) -> str:
    """Escape a text and keep letters in it that turn the writing's direction from the rest."""
    return f"<bdi>{escape(text)}</bdi>"
