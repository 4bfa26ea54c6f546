"""Import torch into a process that already draws.

torch's CUDA wheels for Linux bring triton, which torch.optim imports by way of torch._dynamo.
triton carries its own LLVM; where Mesa draws in software (no GPU, a virtual display, a remote
desktop) the system's LLVM is in the process already, the two meet, and importing triton is a
segmentation fault (seen with triton of torch 2.15 and LLVM 15). torch does without triton, and
so does this package, which compiles nothing.
"""

import logging
import sys
from pathlib import Path

logger = logging.getLogger(__name__)

_MAPS = Path("/proc/self/maps")


def import_torch() -> None:
    """Import torch, keeping triton out where importing it would end the process."""
    if "triton" not in sys.modules and _has_system_llvm():
        logger.info("triton is left out: Mesa's LLVM is in this process")
        # None makes "import triton" an ImportError, which torch expects on most machines.
        sys.modules["triton"] = None  # type: ignore[assignment]
    import torch  # noqa: F401 - the import is the purpose


def _has_system_llvm() -> bool:
    try:
        return "libLLVM" in _MAPS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
