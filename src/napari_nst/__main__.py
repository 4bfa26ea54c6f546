"""``python -m napari_nst`` is the command line."""

import sys

from napari_nst.cli.app import main

sys.exit(main())
