"""Pickers of image layers that follow the viewer's layer list."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox

from napari_nst.plugin.pictures import is_painted

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

START_CONTENT, START_NOISE = "content", "noise"

EMPTY_HINT = (
    "Open two pictures: one to paint, one to paint like. "
    "File > Open Sample > Neural Style Transfer has a ready pair."
)
ONE_HINT = "Open a second picture: the style needs a layer of its own."
SAME_HINT = "Content and style are the same layer. Choose another one for the style."


class LayerPickers:
    """Content, style and start-from, each a combo box of the viewer's image layers.

    Parameters
    ----------
    viewer
        Its image layers are the choices.
    """

    def __init__(self, viewer: "Viewer") -> None:
        self._viewer = viewer
        self.content = ComboBox(
            name="content",
            choices=self._choices,
            nullable=True,
            tooltip="<p>The picture to paint anew: its shapes stay.</p>",
        )
        self.style = ComboBox(
            name="style",
            choices=self._choices,
            nullable=True,
            tooltip="<p>The picture to paint like: its colours and strokes are taken.</p>",
        )
        self.start = ComboBox(
            name="init",
            choices=self._starts,
            value=START_CONTENT,
            tooltip="<p>The picture that the run starts from: the content, noise, or any layer, "
            "such as an earlier result to go on with.</p>",
        )
        self._suggest()

    def reset_choices(self) -> None:
        """Follow the layer list: keep what is chosen, through renames, and fill what is not."""
        with self._keeping():
            for picker in (self.content, self.style, self.start):
                picker.reset_choices()
        self._suggest()

    def problem(self) -> str:
        """Say in one sentence why no run can start; empty if one can."""
        if self.content.value is None or self.style.value is None:
            return EMPTY_HINT if len(self.images()) == 0 else ONE_HINT
        return SAME_HINT if self.content.value == self.style.value else ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no picture to pick."""
        return not self.images()

    def start_layer(self) -> "Image | None":
        """Give the layer to start from; None where the start is content or noise."""
        return None if isinstance(self.start.value, str) else self.start.value

    def images(self) -> "list[Image]":
        """Give the viewer's image layers, the lowest first."""
        from napari.layers import Image

        return [layer for layer in self._viewer.layers if isinstance(layer, Image)]

    def _choices(self, _: Any = None) -> "list[Image]":  # noqa: ANN401 - magicgui's widget
        return self.images()

    def _starts(self, _: Any = None) -> list[tuple[str, Any]]:  # noqa: ANN401 - magicgui's widget
        fixed = [("Content", START_CONTENT), ("Noise", START_NOISE)]
        return [*fixed, *((str(layer.name), layer) for layer in self.images())]

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Bring back each choice that still exists; magicgui loses it with its old name."""
        pickers = (self.content, self.style, self.start)
        chosen = [picker.value for picker in pickers]
        with ExitStack() as stack:
            for picker in pickers:
                stack.enter_context(picker.changed.blocked())
            yield
            for picker, value in zip(pickers, chosen, strict=True):
                if value is not None and value in picker.choices:
                    picker.value = value
                elif picker is self.start:
                    picker.value = START_CONTENT
                else:
                    picker.value = None
        for picker in pickers:
            picker.changed.emit(picker.value)

    def _suggest(self) -> None:
        """Fill empty pickers in the order in which pictures were opened, results last."""
        pictures = sorted(self.images(), key=is_painted)
        if self.content.value is None and pictures:
            self.content.value = next(
                (layer for layer in pictures if layer != self.style.value), pictures[0]
            )
        others = [layer for layer in pictures if layer != self.content.value]
        if self.style.value is None and others:
            self.style.value = others[0]
