"""What may go wrong in a thread, as an error that the user can be shown."""

import logging
import traceback

from napari_nst.errors import DeviceError, DeviceMemoryError, NstError, is_out_of_memory

logger = logging.getLogger(__name__)


def translated(error: Exception) -> NstError:
    """Turn any exception into one of the project's, freed of the run's tensors.

    A RuntimeError would be swallowed by napari's threads; and an exception's traceback holds
    the frames that raised it, whose locals are the tensors that did not fit.
    """
    if not isinstance(error, NstError):
        logger.error("a run failed", exc_info=error)
    own = error if isinstance(error, NstError) else _own(error)
    _free(error)
    return own.with_traceback(None)


def _free(error: BaseException | None) -> None:
    """Clear the locals of all frames that an error and its causes keep alive."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _own(error: Exception) -> NstError:
    text = str(error)
    if is_out_of_memory(error):
        return DeviceMemoryError(
            "The run does not fit into the device's memory. Choose a smaller size, or under "
            "Advanced the optimizer adam, which needs far less than lbfgs."
        )
    if isinstance(error, (ImportError, OSError)) and "torch" in (text + repr(error)).lower():
        return DeviceError(
            f"PyTorch could not be loaded ({text}). Close napari and start it with the command "
            "`napari-nst gui`, which loads PyTorch first; if that fails too, reinstall torch."
        )
    return NstError(
        f"The run failed: {type(error).__name__}: {text}. The log has the details; please "
        "report it if you cannot explain it."
    )
