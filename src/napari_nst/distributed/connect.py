"""Connect to a Dask cluster, or start one here, and check that its workers can do the work."""

import json
import os
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster
from distributed.security import Security

from napari_nst.distributed.executor import DaskExecutor
from napari_nst.distributed.worker import WorkerReport, python_version, report
from napari_nst.errors import ClusterError, ConfigError, shown

CONNECT_S = 4.0
"""How long a scheduler may take to answer."""

WAIT_S = 60.0
"""How long a run waits where no worker is left, by default."""

_LOCAL = re.compile(r"local:([1-9][0-9]{0,3})")
_ADDRESS = re.compile(r"[a-z]+://.+|(?!local:)[^/\\:\s]+:[0-9]+")
_SAME = ("napari-nst", "torch", "numpy")
"""Packages that must have one version everywhere: they decide what is computed."""

_WAYS = "local:4, tcp://host:8786, tls://host:8786 or a scheduler's .json file"


class _OwnClient(Client):
    """A client that is closed where it cannot connect.

    Dask leaves it to the garbage collector, which waits for ever if it comes while the next client
    starts its loop: both take the same lock.
    """

    def __init__(self, *args: object, **options: Any) -> None:  # noqa: ANN401 - Dask's
        try:
            super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        except BaseException:
            Client.close(self)
            raise


def connect(
    where: str, *, wait_s: float = WAIT_S, security: Security | None = None
) -> DaskExecutor:
    """Return an executor on a cluster; close it after the last run.

    Parameters
    ----------
    where
        "local:4" starts four processes here, which only this computer can reach; "tcp://host:8786"
        or "scheduler.json" is a cluster that is running.
    wait_s
        How long to wait, now and during a run, where there is no worker.
    security
        Certificates for TLS; those of Dask's configuration by default.

    Raises
    ------
    ClusterError
        If there is no such cluster, it has no worker, or one of them cannot do the work.
    ConfigError
        If `where` is neither of these.
    """
    local = _LOCAL.fullmatch(where)
    if local is not None:
        return _on(*_start_here(int(local[1])), wait_s)
    options: dict[str, Any] = {"timeout": CONNECT_S, "security": security, "set_as_default": False}
    if where.endswith(".json"):
        options["address"] = _address_in(Path(where))
    elif _ADDRESS.fullmatch(where):
        options["address"] = where
    else:
        raise ConfigError(f"a cluster is {_WAYS}; got {shown(where)}")
    try:
        client: Client = _OwnClient(**options)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no scheduler answers at {where} ({_reason(error)}). Check the address, and that it "
            "is running and can be reached; over tls:// that both have certificates."
        ) from error
    return _on(client, client.close, wait_s)


def _address_in(file: Path) -> str:
    """Return the address in a scheduler's file, which Dask itself would read without checks."""
    try:
        address = json.loads(file.read_text())["address"]
    except OSError as error:
        raise ClusterError(
            f"there is no file {file}; a scheduler that was started with --scheduler-file writes it"
        ) from error
    except (ValueError, KeyError, TypeError):  # also of half a file, while it is being written
        address = None
    if not isinstance(address, str):
        raise ClusterError(
            f"{file} has no address of a scheduler; name the file that dask scheduler "
            "--scheduler-file wrote"
        )
    return address


def _start_here(count: int) -> tuple[Client, Callable[[], None]]:
    """Start worker processes that share this computer's threads."""
    threads = max(1, (os.cpu_count() or 1) // count)
    try:
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=40,  # of logging: errors only; that a worker ended is told otherwise
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise ClusterError(
            f"{count} worker processes cannot be started here ({_reason(error)}). Choose fewer."
        ) from error
    client: Client = _OwnClient(cluster, set_as_default=False)

    def close() -> None:
        client.close()
        cluster.close()

    return client, close


def _on(client: Client, close: Callable[[], None], wait_s: float) -> DaskExecutor:
    """Return an executor whose workers are checked; leave the cluster if they do not fit."""
    try:
        try:
            client.wait_for_workers(1, timeout=wait_s)
        except TimeoutError as error:
            raise ClusterError(
                f"the cluster has had no worker for {wait_s:g} s. Start some, or wait longer with "
                "--cluster-wait."
            ) from error
        reports = _checked(client)
    except BaseException:
        close()
        raise
    return DaskExecutor(client, reports, wait_s=wait_s, close=close)


def _checked(client: Client) -> dict[str, WorkerReport]:
    """Return what the workers have; raises ClusterError where versions differ.

    The questions are functions of the standard library, which a worker without napari-nst knows.
    """
    for package in _SAME:
        _compare(client, f"{package} {version(package)}", version, package)
    _compare(client, f"Python {python_version()}", python_version)
    reports: dict[str, WorkerReport] = {}
    for address, found in client.run(report, on_error="return").items():
        if not isinstance(found, WorkerReport):
            raise ClusterError(f"the worker {address} cannot compute: {_reason(found)}")
        reports[address] = found
    return reports


def _compare(client: Client, here: str, question: Callable[..., str], *about: str) -> None:
    name, _, own = here.partition(" ")
    for address, found in client.run(question, *about, on_error="return").items():
        if isinstance(found, Exception):
            raise ClusterError(
                f"the worker {address} has no {name}. Install {here} there, with "
                "pip install 'napari-nst[distributed]'."
            )
        if found != own:
            raise ClusterError(
                f"the worker {address} has {name} {found}, and this computer {own}. Install the "
                "same on both."
            )


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
