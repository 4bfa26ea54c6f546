"""What lies on disk: pictures, presets, caches; safe names and whole files. No torch, no Qt."""
