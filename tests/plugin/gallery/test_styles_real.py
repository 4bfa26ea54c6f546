"""Styles by file, by drop and from the gallery, in a real napari."""

import os

import numpy as np
import pytest
from napari.settings import get_settings
from napari.utils.notifications import notification_manager
from PIL import Image, ImageCms
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit

from napari_nst.files.images import read_picture, write_picture
from napari_nst.plugin.common import preferences
from napari_nst.plugin.form.layer_pickers import CONTENT_HINT
from napari_nst.plugin.gallery.shelf import Shelf, Style, change_shelf, read_shelf

pytestmark = pytest.mark.gui


@pytest.fixture
def told():
    """The notifications of a test."""
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    yield seen
    notification_manager.notification_ready.disconnect(seen.append)


@pytest.fixture
def painting(tmp_path):
    path = tmp_path / "painting.png"
    write_picture(path, np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    return path


@pytest.fixture
def gallery(docked, qtbot):
    """Open the gallery with these recent files and favourites."""

    def opened(recent=(), favourites=()):
        shelf = Shelf(tuple(map(str, recent)), tuple(map(str, favourites)))
        change_shelf(preferences.styles_file(), lambda _: shelf)
        docked.form.styles.gallery_button.click()
        popup = docked.form.styles.popup
        qtbot.waitUntil(lambda: not popup._timer.isActive(), timeout=20_000)
        return popup

    yield opened
    docked.form.styles.popup.hide()


def tile_of(popup, title):
    (tile,) = [tile for tile in popup.tiles if tile.shows.title == title]
    return tile


def style_of_form(docked):
    return docked.form.pickers.style.value


def events_of(*urls, text="", kind=QDropEvent):
    data = QMimeData()
    data.setUrls([QUrl(url) for url in urls])
    if text:
        data.setText(text)
    at = QPointF(3, 3) if kind is QDropEvent else QPointF(3, 3).toPoint()
    arguments = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton)
    return kind(at, *arguments, Qt.KeyboardModifier.NoModifier), data


def drop(widget, qtbot, *urls, text=""):
    """Drag URLs over a widget and let go, as Qt does; returns whether they were taken."""
    enter, data = events_of(*urls, text=text, kind=QDragEnterEvent)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    fall, kept = events_of(*urls, text=text)
    fall.ignore()
    QApplication.sendEvent(widget, fall)
    qtbot.wait(30)
    del data, kept
    return enter.isAccepted() and fall.isAccepted()


def test_a_file_browsed_for_is_the_style(docked, pictures, viewer, painting, monkeypatch):
    asked = []

    def answer(parent, title, folder, filters):
        asked.append((folder, filters))
        return str(painting), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
    get_settings().application.open_history = [str(painting.parent.parent)]
    docked.form.styles.browse_button.click()
    layer = style_of_form(docked)
    np.testing.assert_array_equal(layer.data, read_picture(painting))
    assert layer.name == "painting"
    assert docked.form.pickers.content.value == pictures[0]
    assert asked[0][0] == str(painting.parent.parent), "where napari opened the last file"
    assert get_settings().application.open_history[0] == str(painting.parent)
    for suffix in ("png", "jpg", "tif", "webp", "avif", "gif", "bmp"):
        assert f"*.{suffix} " in asked[0][1]
    assert viewer.layers[0] == layer, "below what is looked at"


def test_nothing_happens_when_no_file_is_chosen(docked, pictures, viewer, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    docked.form.styles.browse_button.click()
    assert style_of_form(docked) == pictures[1]
    assert len(viewer.layers) == 2


@pytest.mark.parametrize(
    "part",
    [
        lambda dock: dock,
        lambda dock: dock.form.pickers.style.native,
        lambda dock: dock.form.basic["steps"].native.findChild(QLineEdit),
        lambda dock: dock.form.advanced["style_layers"].native,
        lambda dock: dock.panel.run,
        lambda dock: dock.runs_list.list.viewport(),
        lambda dock: dock.sweep_panel.settings.values[0],
    ],
    ids=["dock", "style", "number", "list", "button", "runs", "sweep"],
)
def test_a_file_dropped_anywhere_on_the_dock_is_the_style(docked, pictures, painting, part, qtbot):
    url = painting.as_uri()
    widget = part(docked)
    while not widget.acceptDrops():  # Qt asks the parents of a widget that takes no drops
        widget = widget.parentWidget()
    text = widget.text() if isinstance(widget, QLineEdit) else ""
    assert drop(widget, qtbot, url, text=url)
    assert style_of_form(docked).name == "painting"
    if isinstance(widget, QLineEdit):
        assert widget.text() == text, "the path is not pasted"


def test_a_file_dropped_on_the_field_of_weights_is_not_the_style(docked, pictures, qtbot):
    (field,) = docked.form.weights_file.native.findChildren(QLineEdit)
    drop(field, qtbot, "file:///vgg19.pth", text="/vgg19.pth")
    assert style_of_form(docked) == pictures[1]


def test_links_and_text_are_not_taken(docked, pictures, qtbot):
    assert not drop(docked, qtbot, "https://example.org/a.png")
    field = docked.form.advanced["style_layers"].native
    field.setText("")
    assert drop(field, qtbot, text="relu1_1")
    assert field.text() == "relu1_1"
    assert style_of_form(docked) == pictures[1]


def test_several_files_are_several_styles(docked, pictures, viewer, painting, told, qtbot):
    second = painting.with_name("second.png")
    second.write_bytes(painting.read_bytes())
    drop(docked, qtbot, painting.as_uri(), second.as_uri(), "file:///third.png")
    assert [each.name for each in docked.form.pickers.styles] == ["painting", "second"]
    assert len(viewer.layers) == 4
    assert [str(each.message) for each in told] == ["/third.png does not exist"]


def test_a_file_dropped_on_the_list_is_one_more_style(docked, pictures, viewer, painting, qtbot):
    docked.form.pickers.add_style(viewer.add_image(np.zeros((8, 8)), name="third"))
    drop(docked.form.style_list, qtbot, painting.as_uri())
    styles = docked.form.pickers.styles
    assert [each.name for each in styles] == ["waves", "third", "painting"]


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("notes.txt", b"no picture at all", "cannot be read as a picture"),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "cannot be read as a picture"),
        ("page.pdf", b"%PDF-1.7", "it is a PDF document"),
        ("gone.png", None, "does not exist"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_by_a_sentence(
    docked, pictures, viewer, tmp_path, told, qtbot, name, data, sentence
):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    drop(docked, qtbot, (tmp_path / name).as_uri())
    assert sentence in str(told[-1].message)
    assert name in str(told[-1].message)
    assert style_of_form(docked) == pictures[1]
    assert len(viewer.layers) == 2


def test_a_folder_is_refused_too(docked, pictures, tmp_path, told, qtbot):
    drop(docked, qtbot, tmp_path.as_uri())
    assert told
    assert style_of_form(docked) == pictures[1]


def test_one_file_is_opened_once_whoever_opened_it(docked, pictures, viewer, painting, tmp_path):
    (layer,) = viewer.open(str(painting), plugin="napari")
    docked.form.styles.pick(Style.of_file(painting))
    assert style_of_form(docked) == layer
    other = tmp_path / "other.png"
    write_picture(other, np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "link.png").symlink_to(other)
    for name in ("other.png", "link.png", "other.png"):
        docked.form.styles.pick(Style.of_file(tmp_path / name))
        assert style_of_form(docked).name == "other"
    assert len(viewer.layers) == 4


@pytest.mark.parametrize("how", ["dock first", "menu first", "pair first"])
def test_one_sample_is_opened_once_whoever_opened_it(docked, viewer, how):
    sample = Style("sample", "brush strokes")
    if how == "menu first":
        viewer.open_sample("napari-nst", "style-brush-strokes")
    elif how == "pair first":
        viewer.open_sample("napari-nst", "sample-pair")
    for _ in range(2):
        docked.form.styles.pick(sample)
    assert [layer.name for layer in viewer.layers].count("brush strokes") == 1
    assert style_of_form(docked).name == "brush strokes"


def test_a_style_that_comes_first_stays_the_style(docked, viewer, painting):
    docked.form.styles.pick(Style.of_file(painting))
    pickers = docked.form.pickers
    assert (pickers.style.value.name, pickers.content.value) == ("painting", None)
    assert pickers.problem() == CONTENT_HINT
    assert not docked.panel.run.isEnabled()
    content = viewer.add_image(np.zeros((8, 8, 3), np.uint8), name="harbour")
    assert pickers.content.value == content
    assert pickers.style.value.name == "painting"
    assert docked.panel.run.isEnabled()


def test_a_colour_profile_counts_and_what_is_damaged_is_told(
    docked, pictures, tmp_path, told, qtbot
):
    path = tmp_path / "profiled.png"
    Image.new("RGB", (9, 9), (10, 200, 30)).save(path, icc_profile=b"no profile")
    docked.form.styles.pick(Style.of_file(path))
    assert "profiled.png" in str(told[-1].message)
    assert style_of_form(docked).name == "profiled"
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    Image.new("RGB", (9, 9), (10, 200, 30)).save(tmp_path / "xyz.png", icc_profile=lab)
    docked.form.styles.pick(Style.of_file(tmp_path / "xyz.png"))
    expected = read_picture(tmp_path / "xyz.png")
    np.testing.assert_array_equal(style_of_form(docked).data, expected)


def test_pictures_of_16_bits_grey_and_alpha_are_shown_as_they_are(docked, pictures, tmp_path):
    for name, shape, rgb in (("grey", (9, 8), False), ("alpha", (9, 8, 4), True)):
        write_picture(tmp_path / f"{name}.png", np.full(shape, 1000, np.uint16))
        docked.form.styles.pick(Style.of_file(tmp_path / f"{name}.png"))
        layer = style_of_form(docked)
        assert (layer.name, layer.rgb) == (name, rgb)
        assert tuple(layer.contrast_limits) == (0, 65535)


def test_one_click_in_the_gallery_picks_a_sample(docked, pictures, gallery):
    popup = gallery()
    assert [tile.shows.kind for tile in popup.tiles] == ["sample"] * 4
    assert popup.isVisible()
    tile = tile_of(popup, "mosaic")
    assert tile.star.isHidden()
    tile.click()
    assert style_of_form(docked).name == "mosaic"
    assert not popup.isVisible()


def test_styles_used_in_runs_are_recent_the_newest_first(
    docked, pictures, painting, tmp_path, engine, finished
):
    engine(2)
    other = tmp_path / "other.png"
    write_picture(other, np.zeros((9, 9, 3), np.uint8))
    for path in (painting, other, painting):
        docked.form.styles.pick(Style.of_file(path))
        assert read_shelf(preferences.styles_file()).recent[:1] != (str(path),), "no run as yet"
        docked.panel.run.click()
        finished(docked)
    assert read_shelf(preferences.styles_file()).recent == (str(painting), str(other))
    docked.form.pickers.style.value = pictures[1]
    docked.panel.preview.click()
    finished(docked)
    assert len(read_shelf(preferences.styles_file()).recent) == 2, "a layer of no file is none"


def test_a_star_keeps_a_file_and_is_taken_off_again(docked, pictures, gallery, painting):
    popup = gallery(recent=[painting])
    tile_of(popup, "painting").star.click()
    assert read_shelf(preferences.styles_file()).favourites == (str(painting),)
    assert popup.isVisible(), "only a choice closes it"
    assert popup.tiles[0].shows == Style.of_file(painting), "listed once, and first"
    popup.tiles[0].star.click()
    assert read_shelf(preferences.styles_file()) == Shelf(recent=(str(painting),))
    assert tile_of(popup, "painting")


def test_what_is_missing_or_broken_says_so_and_can_be_removed(
    docked, pictures, gallery, tmp_path, painting
):
    deep = tmp_path / "a_very_long_name_of_a_folder_that_no_line_of_the_gallery_can_hold"
    deep.mkdir()
    (deep / "broken.png").write_text("no picture")
    popup = gallery([deep / "gone.png", deep / "broken.png"], [painting])
    for name, sentence in (("gone", "does not exist"), ("broken", "cannot be read as a picture")):
        tile = tile_of(popup, name)
        tile.click()
        assert sentence in popup.message.text()
        assert popup.message.minimumSizeHint().width() < popup.width(), "long paths are wrapped"
        assert sentence in tile.accessibleDescription()
        assert popup.isVisible()
        assert style_of_form(docked) == pictures[1]
        tile.cross.click()
    assert read_shelf(preferences.styles_file()) == Shelf((), (str(painting),))
    assert tile_of(popup, "painting").cross.isHidden()
    tile_of(popup, "painting").click()
    assert style_of_form(docked).name == "painting"


def test_the_gallery_is_reached_by_keys(docked, pictures, gallery, painting, qtbot):
    popup = gallery(favourites=[painting])
    qtbot.waitUntil(popup.isActiveWindow, timeout=2000)
    favourite, *samples = popup.tiles
    favourite.setFocus()
    QTest.keyClick(favourite, Qt.Key.Key_Down)
    assert popup.focusWidget() is samples[0]
    QTest.keyClick(samples[0], Qt.Key.Key_Right)
    assert popup.focusWidget() is samples[1]
    QTest.keyClick(samples[1], Qt.Key.Key_Left)
    QTest.keyClick(samples[0], Qt.Key.Key_Up)
    assert popup.focusWidget() is favourite
    QTest.keyClick(favourite, Qt.Key.Key_Tab)
    assert popup.focusWidget() is favourite.star
    QTest.keyClick(favourite.star, Qt.Key.Key_Down)
    assert popup.focusWidget() is samples[0]
    QTest.keyClick(samples[0], Qt.Key.Key_Escape)
    assert not popup.isVisible()
    docked.form.styles.gallery_button.click()
    QTest.keyClick(popup.tiles[0], Qt.Key.Key_Return)
    assert style_of_form(docked).name == "painting"


def test_every_button_has_a_name_for_screen_readers(docked, gallery, painting):
    popup = gallery(favourites=[painting])
    buttons = [docked.form.styles.browse_button, docked.form.styles.gallery_button]
    for tile in popup.tiles:
        buttons += [tile, tile.star, tile.cross]
    for button in buttons:
        assert button.accessibleName()
        assert button.toolTip()
    assert popup.tiles[0].accessibleDescription() == str(painting)


def test_no_field_is_cut_off_beside_the_scroll_bar(docked, pictures, engine, qtbot, settled):
    docked.window().resize(900, 500)
    docked.window().show()
    engine(100_000, wait_s=0.01)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: bool(docked.current.points))
    docked.panel.pause.click()  # so that its texts come to rest
    docked.panel.steer.setChecked(True)  # the marks make labels longer
    settled(docked)
    sections = docked.sections
    assert sections.verticalScrollBar().isVisible()
    assert sections.widget().width() <= sections.viewport().width()


def test_many_styles_fit_the_screen_and_a_narrow_dock(docked, gallery, tmp_path):
    paths = [tmp_path / f"a rather long name of a picture {number}.png" for number in range(24)]
    popup = gallery(recent=paths)
    screen = popup.screen().availableGeometry()
    assert screen.contains(popup.frameGeometry())
    assert popup.width() <= 320
    for tile in popup.tiles:
        assert tile.fontMetrics().horizontalAdvance(tile.text()) <= tile.width()


def test_a_file_that_changed_has_another_thumbnail(docked, gallery, painting, qtbot):
    popup = gallery(recent=[painting])
    before = tile_of(popup, "painting").icon().pixmap(56).toImage()
    popup.hide()
    write_picture(painting, np.full((40, 50, 3), 255, np.uint8))
    os.utime(painting, ns=(5, 5))
    docked.form.styles.open_gallery()
    qtbot.waitUntil(
        lambda: tile_of(popup, "painting").icon().pixmap(56).toImage() != before, timeout=10_000
    )


def test_a_damaged_list_of_styles_disturbs_nobody(
    docked, pictures, gallery, painting, engine, told
):
    preferences.styles_file().write_text('{"recent": [7')
    docked.form.styles.open_gallery()
    assert [tile.shows.kind for tile in docked.form.styles.popup.tiles] == ["sample"] * 4
    docked.form.styles.pick(Style.of_file(painting))
    engine(2)
    docked.panel.run.click()
    assert read_shelf(preferences.styles_file()).recent == (str(painting),)
    assert not told
