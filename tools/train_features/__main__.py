"""Entry of ``python -m tools.train_features``."""

from tools.train_features.cli import main

if __name__ == "__main__":
    main()
