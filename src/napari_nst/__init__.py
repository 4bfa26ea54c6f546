"""Neural style transfer in napari: paint one picture in the manner of another.

The headless API is re-exported lazily: importing this package imports neither torch nor Qt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_nst.api import (
        Checkpoints,
        FrameResult,
        SequenceOptions,
        Step,
        StyleResult,
        Stylizer,
        iter_stylize,
        iter_stylize_sequence,
        stylize,
        stylize_sequence,
    )
    from napari_nst.core.control import RunControl
    from napari_nst.errors import NstError
    from napari_nst.planning.estimate import Estimate, estimate, largest_fitting_size
    from napari_nst.runs.batch.run import PairResult, stylize_folder
    from napari_nst.settings.config import StyleConfig
    from napari_nst.settings.record import RunRecord

__version__ = "0.1.0"

__all__ = [
    "Checkpoints",
    "Estimate",
    "FrameResult",
    "NstError",
    "PairResult",
    "Regions",
    "RunControl",
    "RunRecord",
    "SequenceOptions",
    "Step",
    "StyleConfig",
    "StyleResult",
    "Stylizer",
    "estimate",
    "iter_stylize",
    "iter_stylize_sequence",
    "largest_fitting_size",
    "stylize",
    "stylize_folder",
    "stylize_sequence",
]

_HOMES = {
    "Checkpoints": "api",
    "Estimate": "planning.estimate",
    "FrameResult": "api",
    "NstError": "errors",
    "PairResult": "runs.batch.run",
    "Regions": "settings.regions",
    "RunControl": "core.control",
    "RunRecord": "settings.record",
    "SequenceOptions": "api",
    "Step": "api",
    "StyleConfig": "settings.config",
    "StyleResult": "api",
    "Stylizer": "api",
    "estimate": "planning.estimate",
    "iter_stylize": "api",
    "iter_stylize_sequence": "api",
    "largest_fitting_size": "planning.estimate",
    "stylize": "api",
    "stylize_folder": "runs.batch.run",
    "stylize_sequence": "api",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
