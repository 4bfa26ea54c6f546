"""Files on disk: pictures, presets, caches; safe names and atomic writes. No torch, no Qt."""
