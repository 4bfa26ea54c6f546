import os
import subprocess
import sys

RUN = """
import sys

def refuse(event, args):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise SystemExit(f"touched the network: {event} {args}")

sys.addaudithook(refuse)
import numpy as np
from napari_nst import StyleConfig, stylize

rng = np.random.default_rng(0)
content, style = (rng.integers(0, 255, (48, 48, 3), dtype=np.uint8) for _ in range(2))
result = stylize(content, style, StyleConfig.preset("gatys", size=48, steps=2), weights="auto")
print(result.record.weights, result.reason, (result.image != content).any())
"""


def test_a_run_with_auto_weights_opens_no_socket_where_nothing_was_fetched(tmp_path):
    empty = {
        name: str(tmp_path)
        for name in ("NAPARI_NST_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        capture_output=True, text=True, check=False, env=os.environ | empty,
    )  # fmt: skip
    assert done.stdout.split() == ["builtin", "finished", "True"], done.stderr
