"""``python -m napari_nst`` is the command line."""

import sys

from napari_nst.cli import main

sys.exit(main())
