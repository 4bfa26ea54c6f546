"""A cluster of two worker processes computes what this process does, whatever becomes of them."""

import gc
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from distributed import Client, LocalCluster
from distributed.security import Security
from torch import Tensor

from napari_nst import Checkpoints, RunControl, iter_stylize, stylize
from napari_nst.cli.app import main
from napari_nst.core.tiling.layout import Layout
from napari_nst.distributed.connect import connect
from napari_nst.distributed.executor import DaskExecutor
from napari_nst.errors import ClusterError, ConfigError
from napari_nst.files.images import read_settings, write_picture
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.regions import BLEND, Regions
from tests.api.settings import shallow
from tests.core.textbook import thin_vgg
from tests.core.tiling.test_exactness import difference, evaluated

SIZE = 96, 130


def helpers_left_out(processes: set[psutil.Process]) -> list[psutil.Process]:
    """Leave out what Python keeps for all processes that it spawns."""
    found = []
    for each in processes:
        with suppress(psutil.Error):
            if "resource_tracker" not in " ".join(each.cmdline()):
                found.append(each)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskExecutor]:
    before = set(psutil.Process().children(recursive=True))
    executor = connect("local:2", wait_s=60)
    yield executor
    own = helpers_left_out(set(psutil.Process().children(recursive=True)) - before)
    executor.close()
    _, left = psutil.wait_procs(own, timeout=20)
    assert own
    assert not left


@pytest.fixture(scope="module")
def tiny_tensors() -> dict[str, Tensor]:
    return thin_vgg(16)


def pictures() -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(0)
    content, style = (drawn.integers(0, 256, (*size, 3), np.uint8) for size in ((70, 90), (48, 48)))
    return content, style


def halves() -> Regions:
    labels = np.ones(SIZE, np.uint8)
    labels[:, 61:] = 2
    levels = np.linspace(0, 255, SIZE[1]).astype(np.uint8)[None].repeat(SIZE[0], 0)
    return Regions(labels, {1: 1, 2: BLEND}, feather_px=5.0, content_mask=levels)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize(
    "changes",
    [
        {"style_loss": "local_wasserstein", "tv_weight": 1e-3},
        {"padding": "circular"},
        {"style_loss": "gram_moments", "moments_weight": 10.0, "pooling": "average"},
    ],
    ids=["local", "circular", "moments"],
)
def test_the_gradient_is_that_of_the_whole_picture(
    cluster: DaskExecutor,
    tiny_tensors: Mapping[str, Tensor],
    changes: dict[str, Any],
    dtype: torch.dtype,
    limit: float,
) -> None:
    size = (96, 128) if "padding" in changes else SIZE
    regions = None if "padding" in changes else halves()
    what = tiny_tensors, StyleConfig(**changes), size
    whole = evaluated(*what, Layout(), dtype, 2, regions)
    found = evaluated(*what, Layout(48, executor=cluster), dtype, 2, regions)
    assert found.terms == pytest.approx(whole.terms, rel=10 * limit)
    assert difference(found, whole) < limit


def test_a_run_repeats_and_its_record_says_where_it_was(cluster: DaskExecutor) -> None:
    config = shallow(tile=48, steps=3)
    first, second = (
        stylize(*pictures(), config, weights="untrained", executor=cluster) for _ in range(2)
    )
    assert np.array_equal(first.painted, second.painted)
    assert first.record.resolved["cluster"] == {"workers": 2, "devices": ["cpu", "cpu"]}
    here = stylize(*pictures(), config, weights="untrained")
    assert first.history[0].loss == pytest.approx(here.history[0].loss, rel=1e-5)
    assert "cluster" not in here.record.resolved


def test_a_stop_acts_within_a_step(cluster: DaskExecutor) -> None:
    control = RunControl()
    config = shallow(tile=48, steps=1000)
    run = iter_stylize(*pictures(), config, weights="untrained", executor=cluster, control=control)
    next(run)
    stop = threading.Thread(target=control.stop)
    stop.start()
    records = [step.record() for step in run]
    stop.join()
    assert len(records) < 999


def test_the_command_line_runs_on_a_cluster(cluster: DaskExecutor, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("content.png", "style.png", "painted.png")]
    for place, picture in zip(places, pictures(), strict=False):
        write_picture(place, picture)
    options = ["--preset", "gatys", "--steps", "2", "--size", "90", "--weights", "untrained"]
    options += ["--set", "style_layers=relu1_1,relu2_1", "--set", "content_layers=relu2_2"]
    where = ["--output", str(places[2]), "--cluster", cluster.address]
    assert main(["stylize", *map(str, places[:2]), *where, *options]) == 0
    folder = ["--output", str(tmp_path / "many"), "--cluster", cluster.address]
    contents = ["batch", str(places[0]), str(places[1])]
    assert main([*contents, *folder, *options]) == 0
    for file in (places[2], tmp_path / "many" / "content-x-style.png"):
        _, record = read_settings(file)
        assert record is not None
        assert record.resolved["cluster"]["workers"] == 2


def test_a_dead_worker_s_windows_are_computed_by_others(cluster: DaskExecutor) -> None:
    """Its nanny starts another one in its place, which gets windows too."""
    config = shallow(tile=48, steps=6)
    whole = stylize(*pictures(), config, weights="untrained", executor=cluster)
    run = iter_stylize(*pictures(), config, weights="untrained", executor=cluster)
    losses = [next(run).loss]
    with Client(cluster.address, set_as_default=False) as client:
        psutil.Process(min(client.run(os.getpid).values())).kill()
    losses += [step.loss for step in run]
    assert losses == [point.loss for point in whole.history[:6]]


@pytest.fixture
def one_thread() -> Iterator[LocalCluster]:
    """Start a cluster in this process, quickly, which is spoken to as one elsewhere."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as started:
        yield started


def test_without_workers_a_run_ends_with_a_sentence_and_a_checkpoint(
    one_thread: LocalCluster, tmp_path: Path
) -> None:
    file = tmp_path / "scheduler.json"
    with Client(one_thread, set_as_default=False) as client:
        client.write_scheduler_file(str(file))
        executor = connect(str(file), wait_s=1)
        kept, config = Checkpoints(tmp_path / "run.ckpt", every_s=1e6), shallow(tile=48)
        run = iter_stylize(
            *pictures(), config, weights="untrained", executor=executor, checkpoints=kept
        )
        next(run)
        one_thread.sync(one_thread.workers[0].close)
        with pytest.raises(ClusterError, match="no worker for 1 s"):
            list(run)
        executor.close()
    assert kept.is_written
    done = stylize(*pictures(), weights="untrained", resume=kept.path)
    assert done.record.steps_done == config.steps


def test_after_a_run_nothing_of_it_is_on_the_cluster(one_thread: LocalCluster) -> None:
    executor = connect(one_thread.scheduler_address)
    run = iter_stylize(*pictures(), shallow(tile=48), weights="untrained", executor=executor)
    for _ in run:
        # Of its four windows: what they are compared with, and the last pixels.
        until_at_most(one_thread, 8)
    executor.close()
    until_at_most(one_thread, 0)


def until_at_most(cluster: LocalCluster, count: int) -> None:
    """Wait, for what is released is told to the scheduler later; time out where it never is."""
    ends_at = time.monotonic() + 20
    while len(cluster.scheduler.tasks) > count and time.monotonic() < ends_at:
        time.sleep(0.01)
    assert len(cluster.scheduler.tasks) <= count


def listening(processes: list[psutil.Process]) -> set[str]:
    return {
        each.laddr.ip
        for process in processes
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


def test_a_cluster_started_here_listens_at_loopback_alone(cluster: DaskExecutor) -> None:
    assert cluster.address.startswith("tcp://127.0.0.1:")
    here = psutil.Process()
    assert listening([here, *here.children(recursive=True)]) == {"127.0.0.1"}


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """Make a CA, and a certificate that it has signed, as docs/cluster.md says."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    guide = Path(__file__).parents[2] / "docs" / "cluster.md"
    block = re.search(
        r"<!-- certificates -->\n```sh\n(.*?)```", guide.read_text("utf-8"), re.DOTALL
    )
    assert block is not None
    for line in block[1].replace("\\\n", "").splitlines():
        subprocess.run(shlex.split(line), check=True, cwd=tmp_path, capture_output=True)
    names = {"tls_ca_file": "ca.pem"}
    for role in ("scheduler", "worker", "client"):
        names |= {f"tls_{role}_cert": "node.pem", f"tls_{role}_key": "node.key"}
    return {name: str(tmp_path / file) for name, file in names.items()}


def test_tls_with_certificates_of_its_own(certificates: dict[str, str]) -> None:
    security = Security(require_encryption=True, **certificates)
    with LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tls",
        security=security,
        host="127.0.0.1",
        dashboard_address=None,
    ) as started:
        where = started.scheduler_address
        assert where.startswith("tls://")
        with pytest.raises(ClusterError, match="certificates"):
            connect(where)
        executor = connect(where, security=security)
        run = iter_stylize(*pictures(), shallow(tile=48), weights="untrained", executor=executor)
        assert next(run).loss > 0
        run.close()
        executor.close()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9"),
        ("scheduler.json", "there is no file scheduler.json"),
    ],
)
def test_what_is_no_cluster_is_a_sentence(where: str, expected: str) -> None:
    with pytest.raises(ClusterError, match=expected):
        connect(where)


def test_a_client_that_cannot_connect_is_not_left_to_the_garbage_collector() -> None:
    with pytest.raises(ClusterError) as raised:
        connect("tls://127.0.0.1:9")  # without certificates Dask does not close it
    left = {each.status for each in gc.get_objects() if isinstance(each, Client)}
    assert left <= {"closed", "running"}, "it waits for ever in the start of another"
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("where", ["local:0", "my cluster", ""])
def test_what_names_no_cluster_is_bad_input(where: str) -> None:
    with pytest.raises(ConfigError, match="a cluster is local:4"):
        connect(where)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b'{"address": 5}', b"\xff\xfe"])
def test_a_file_that_no_scheduler_wrote_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "scheduler.json").write_bytes(content)
    with pytest.raises(ClusterError, match=r"scheduler\.json has no address of a scheduler"):
        connect(str(tmp_path / "scheduler.json"))
