"""Will it fit, and how long will it take: asked before a run. No Qt."""
