"""Pickers of image layers that follow the viewer's layer list."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from psygnal import Signal

from napari_nst.errors import ImageError
from napari_nst.plugin.layers.canvas import (
    CANVAS,
    CANVAS_TITLE,
    canvas_picture,
    canvas_size,
    drawn_images,
)
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.visible_picture import (
    PASSING,
    LayerPicture,
    is_painted,
    picture_of,
    picture_size,
    placement_of,
)

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

START_CONTENT, START_NOISE = "content", "noise"

EMPTY_HINT = (
    "Open two pictures: one to paint, one to paint like. "
    "File > Open Sample > Neural Style Transfer has a ready pair."
)
CONTENT_HINT = "Open the picture to paint: the content. The style is chosen already."
ONE_HINT = "Open a second picture: the style needs a layer of its own."
SAME_HINT = "Content and style are the same layer. Choose another one for the style."
GONE_HINTS = {
    "content": "The content's layer is gone. Choose another content.",
    "style": "The style's layer is gone. Choose another style.",
    "init": "The layer to start from is gone. Choose another start.",
}
BARE_HINT = (
    "The canvas shows nothing but the style and results. Make the content's layers visible (the "
    "eye in the layer list)."
)


class LayerPickers:
    """Content, style and start-from, each a combo box of the viewer's image layers.

    More styles can stand behind the one that is picked.

    Signals: `styles_changed` when there are other styles, or the same in another order.

    Parameters
    ----------
    viewer
        Its image layers are the choices.
    """

    styles_changed = Signal()

    def __init__(self, viewer: "Viewer") -> None:
        self._viewer = viewer
        self._more_styles: list[Image] = []
        self._first_style: Image | None = None
        self._gone: set[str] = set()
        self.content = ComboBox(
            name="content",
            label="Content",
            choices=self._contents,
            nullable=True,
            tooltip=f"<p>The picture to paint anew: its shapes stay. “{CANVAS_TITLE}” is all "
            "visible layers together, channels blended; results and the style do not count.</p>",
        )
        self.style = ComboBox(
            name="style",
            label="Style",
            choices=self._choices,
            nullable=True,
            tooltip="<p>The picture to paint like: its colours and strokes are taken.</p>",
        )
        self.start = ComboBox(
            name="init",
            label="Start from",
            choices=self._starts,
            value=START_CONTENT,
            tooltip="<p>The picture that the run starts from: the content, noise, or any layer, "
            "such as an earlier result to go on with.</p>",
        )
        self.all = (self.content, self.style, self.start)
        for picker in self.all:
            picker.changed.connect(partial(self._on_chosen, picker.name))
        self.style.changed.connect(self._on_style)
        self._suggest()

    @property
    def styles(self) -> "tuple[Image, ...]":
        """The layers to paint like: the one that is picked, then those that were added."""
        first = self.style.value
        return () if first is None else (first, *self._more_styles)

    @styles.setter
    def styles(self, layers: "Sequence[Image]") -> None:
        self._first_style, *self._more_styles = layers
        if self.style.value == self._first_style:
            self.styles_changed.emit()
        else:
            self.style.value = self._first_style

    def add_style(self, layer: "Image") -> None:
        """Let a layer be one more style, unless it is one already."""
        if layer not in self.styles:
            self.styles = (*self.styles, layer)

    def reset_choices(self) -> None:
        """Follow the layer list: keep what is chosen, through renames, and fill what never was."""
        self._more_styles = [each for each in self._more_styles if each in self.images()]
        with self._keeping():
            for picker in self.all:
                picker.reset_choices()
        if self.style.value is None and self._more_styles:
            self.styles = list(self._more_styles)
        self._suggest()

    def problem(self) -> str:
        """Say in one sentence why no run can start; empty if one can."""
        if self.images() and self._gone:
            return next(hint for name, hint in GONE_HINTS.items() if name in self._gone)
        if self.content.value is None and self.style.value is not None:
            return CONTENT_HINT
        if self.content.value is None or self.style.value is None:
            return EMPTY_HINT if len(self.images()) == 0 else ONE_HINT
        if self.content.value == CANVAS and not drawn_images(self._viewer, *self.styles):
            return BARE_HINT
        return SAME_HINT if self.content.value in self.styles else ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no picture to pick."""
        return not self.images()

    def content_layer(self) -> "Image | None":
        """Return the layer that is the content; None where it is none, or all of the canvas."""
        return None if isinstance(self.content.value, str) else self.content.value

    def content_picture(self, *, least_px: int | None = None) -> LayerPicture:
        """Take the content as it is shown; of a multiscale layer as `picture_of` does.

        Raises
        ------
        ImageError
            If it cannot be seen.
        """
        layer = self.content_layer()
        if layer is not None:
            return picture_of(layer, self._viewer.dims, least_px=least_px)
        combo = self.content.native
        if not combo.window().isVisible():
            raise ImageError(
                "the viewer's window is not shown, so nothing is drawn on its canvas. Show it, "
                "or choose a layer for the content."
            )
        ratio = combo.devicePixelRatioF()
        return canvas_picture(self._viewer, *self.styles, pixel_ratio=ratio)

    def content_placement(self) -> Placement:
        """Return where the content is; raises ImageError if it cannot be seen."""
        layer = self.content_layer()
        if layer is None:
            return self.content_picture().placement
        return placement_of(layer, self._viewer.dims)

    def content_size(self) -> tuple[int, int]:
        """Return height and width of the content; raises ImageError if it cannot be seen."""
        layer = self.content_layer()
        if layer is not None:
            return picture_size(layer, self._viewer.dims)
        return canvas_size(self._viewer, *self.styles)

    def start_layer(self) -> "Image | None":
        """Return the layer to start from; None where the start is content or noise."""
        return None if isinstance(self.start.value, str) else self.start.value

    def images(self) -> "list[Image]":
        """Return the viewer's image layers, the lowest first."""
        from napari.layers import Image

        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and PASSING not in layer.metadata
        ]

    def _contents(self, _: Any = None) -> list[tuple[str, Any]]:  # noqa: ANN401 - magicgui's widget
        layers = [(full_name(layer), layer) for layer in self.images()]
        # First, for magicgui appends layers that come later behind all that is there.
        return [(CANVAS_TITLE, CANVAS), *layers] if layers else []

    def _choices(self, _: Any = None) -> "list[Image]":  # noqa: ANN401 - magicgui's widget
        return self.images()

    def _starts(self, _: Any = None) -> list[tuple[str, Any]]:  # noqa: ANN401 - magicgui's widget
        fixed = [("Content", START_CONTENT), ("Noise", START_NOISE)]
        return [*fixed, *((full_name(layer), layer) for layer in self.images())]

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Bring back each choice that still exists; magicgui loses it with its old name."""
        chosen = [picker.value for picker in self.all]
        with ExitStack() as stack:
            for picker in self.all:
                stack.enter_context(picker.changed.blocked())
            yield
            for picker, value in zip(self.all, chosen, strict=True):
                if value is not None and value in picker.choices:
                    picker.value = value
                    continue
                if value is not None:
                    self._gone.add(picker.name)
                # Not by `value`: the start's box has no entry for "nothing".
                picker.native.setCurrentIndex(picker.native.findData(None))
        for picker in self.all:
            picker.changed.emit(picker.value)

    def _on_chosen(self, name: str, value: object) -> None:
        if value is not None:
            self._gone.discard(name)

    def _on_style(self, layer: "Image | None") -> None:
        """Let a style that is picked and was added before change places with the one before."""
        before, self._first_style = self._first_style, layer
        if layer in self._more_styles:
            place = self._more_styles.index(layer)
            self._more_styles[place : place + 1] = [] if before is None else [before]
        self.styles_changed.emit()

    def _suggest(self) -> None:
        """Fill pickers in the order in which pictures were opened, results last.

        One whose layer is gone waits for the user: another picture in its place would be painted
        unnoticed. Without any picture all begin anew.
        """
        pictures = sorted(self.images(), key=is_painted)
        if not pictures:
            self._gone.clear()
            if self.start.value is None:
                self.start.value = START_CONTENT
        unused = [layer for layer in pictures if layer not in self.styles]
        if self.content.value is None and unused and self.content.name not in self._gone:
            self.content.value = unused[0]
        others = [layer for layer in pictures if layer != self.content.value]
        if self.style.value is None and others and self.style.name not in self._gone:
            self.style.value = others[0]
