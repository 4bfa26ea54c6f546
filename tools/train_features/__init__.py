"""Train VGG-19 features on generated pictures alone, and pack them for the wheel.

``python -m tools.train_features --minutes 95 --out DIR`` generates the pictures,
trains, folds, calibrates, packs and draws the progress; see ``docs/features.md``.
"""
