"""``napari-nst`` and ``python -m napari_nst``: the command line."""

import sys

_INTERRUPTED = 130  # as in `cli.signals`, which is not loaded yet when this is needed


def main() -> int:
    """Run the command line; Ctrl-C while it is being loaded ends it without a traceback."""
    try:
        from napari_nst.cli.app import main as run

        return run()
    except KeyboardInterrupt:
        print("napari-nst: stopped before the start", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
