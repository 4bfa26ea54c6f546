"""A sequence's frames, stylized one after another into files: plan, run and report."""
