"""Judge presets on pairs of pictures: tables, contact sheets, and a blind comparison."""
