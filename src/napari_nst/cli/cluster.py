"""The command line's --cluster: connect for a run, say to what, and leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from napari_nst.cli.streams import say
from napari_nst.errors import ClusterError
from napari_nst.runs.naming import counted

if TYPE_CHECKING:
    from napari_nst.distributed.executor import DaskExecutor

CLUSTER_WAIT_S = 60.0
"""How long a run waits where no worker is left, by default."""

Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Compute on a Dask cluster: local:4 starts four processes here, tcp://host:8786 or "
        "scheduler.json is one that is running.",
    ),
]
ClusterWait = Annotated[
    float,
    typer.Option(
        min=1,
        metavar="SECONDS",
        help="How long to wait for workers of the cluster where there is none.",
    ),
]


@contextmanager
def on_cluster(where: str | None, wait_s: float) -> Iterator["DaskExecutor | None"]:
    """Yield an executor on the cluster, or None where none is asked for; leave it at the end.

    Raises
    ------
    ClusterError
        If Dask is not installed, there is no such cluster, or its workers cannot do the work.
    """
    if where is None:
        yield None
        return
    try:
        from napari_nst.distributed.connect import connect
    except ImportError as error:
        raise ClusterError(
            f"--cluster needs Dask ({error}). Run: pip install 'napari-nst[distributed]'"
        ) from error
    say(f"napari-nst: connecting to the cluster {where}")
    executor = connect(where, wait_s=wait_s)
    try:
        count, devices = len(executor.reports), executor.description["devices"]
        kinds = ", ".join(f"{devices.count(kind)} {kind}" for kind in sorted(set(devices)))
        say(f"napari-nst: {counted(count, 'worker')} ({kinds}), precision {executor.precision}")
        yield executor
    finally:
        executor.close()
