"""The same work on every partition, and the summaries merged in one tree: here, in threads, or on a Dask cluster.

A runner has three small parts: `map` gives the summary of each partition in order, `lift` makes of a merge one that takes what `map` gives,
`result` gets what is left at the end. The tree is the same in all three, so the answers are too, bit for bit.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import functools
import os
import socket
import tempfile
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .faults import DataError, short

WIDTH = 8  # summaries that are merged at once


def reduced(
    items: Iterable[Any], merge: Callable[..., Any], width: int = WIDTH, levels: list[list[Any]] | None = None, kept: Callable[..., None] = lambda *_: None
) -> Any:
    """The items merged in a tree, `width` at a time, as they come; no more than `width` of each level are held.

    The shape of the tree depends on the number of items alone. `kept` hears how many have come, and of the levels; given those `levels` again, the
    rest of the items end in the same result.

    >>> reduced("abcdefg", lambda *parts: "(" + "".join(parts) + ")", width=3)
    '((abc)(def)(g))'
    """
    levels = levels or []
    for count, item in enumerate(items, 1):
        for level in levels:
            level.append(item)
            if len(level) < width:
                break
            item = merge(*level)
            level.clear()
        else:
            levels.append([item])
        kept(count, levels)
    rest: list[Any] = []
    for level in levels:
        level += rest
        rest = [merge(*level)] if level else []
    if not rest:
        raise DataError("there is no data to read")
    return rest[0]


class Serial:
    """One partition after the other, in this thread."""

    name = "one thread"
    near = True  # whether what is merged so far is in this process

    def map(self, work: Callable[[Any], Any], parts: Sequence[Any], told: Callable[[Any], None]) -> Iterator[Any]:
        for part in parts:
            yield work(part)
            told(part)

    def lift(self, merge: Callable[..., Any]) -> Callable[..., Any]:
        return merge

    def result(self, merged: Any) -> Any:
        return merged

    def __call__(
        self, work: Callable[[Any], Any], parts: Sequence[Any], merge: Callable[..., Any], told: Callable[[Any], None], levels: list[list[Any]] | None = None,
        kept: Callable[..., None] = lambda *_: None,
    ) -> Any:  # fmt: skip
        """The merged summary of all partitions; `told` hears of each that is done, `levels` and `kept` are as in `reduced`."""
        items = self.map(work, parts, told)
        try:
            return self.result(reduced(items, self.lift(merge), WIDTH, levels, kept if self.near else lambda *_: None))
        finally:
            items.close()  # type: ignore[attr-defined]


class Threads(Serial):
    """Partitions in threads of this process: NumPy and pyarrow let go of the interpreter while they work."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or min(_processors(), 16)
        self.name = f"{self.count} threads"

    def map(self, work: Callable[[Any], Any], parts: Sequence[Any], told: Callable[[Any], None]) -> Iterator[Any]:
        waiting: collections.deque[Any] = collections.deque()
        with _one_thread_each(), concurrent.futures.ThreadPoolExecutor(self.count) as pool:
            try:
                for part in parts:
                    waiting.append((part, pool.submit(work, part)))
                    if len(waiting) > 2 * self.count:
                        yield _finished(waiting, told)
                while waiting:
                    yield _finished(waiting, told)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _finished(waiting: collections.deque[Any], told: Callable[[Any], None]) -> Any:
    part, future = waiting.popleft()
    summary = future.result()
    told(part)
    return summary


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_thread_each() -> Any:
    """BLAS with one thread in each of ours: its own would stand in each other's way."""
    found = _pools()
    return contextlib.nullcontext() if found is None else found.limit(limits=1)


@functools.cache
def _pools() -> Any:
    """What controls the threads of BLAS; looking for it takes milliseconds."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def _alone(work: Callable[[Any], Any], part: Any) -> Any:
    with _one_thread_each():
        return work(part)


class Cluster(Serial):
    """Partitions on the workers of a Dask cluster, which must see the files under the same paths.

    `address` is a scheduler's (tcp://…), or "local" or "local:4" for processes on this machine that live as long as this object. The work of a
    worker that is lost is done again by another.
    """

    near = False

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise DataError('a cluster needs Dask: pip install "glassgrad[cluster]"') from None
        self._open = contextlib.ExitStack()
        kind, _, count = address.partition(":")
        try:
            if kind == "local":
                folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="glassgrad-", ignore_cleanup_errors=True))
                where = self._open.enter_context(distributed.LocalCluster(
                    n_workers=int(count or _processors()), threads_per_worker=1, processes=True, silence_logs=50,
                    host="127.0.0.1", dashboard_address="127.0.0.1:0", local_directory=folder,
                ))  # fmt: skip
            else:
                where = _reachable(address)
            self.client = self._open.enter_context(distributed.Client(where, timeout="10s", set_as_default=False))
            self.client.wait_for_workers(1, timeout=10)
        except (OSError, ValueError, TypeError) as error:
            self._open.close()
            raise DataError(f"there is no cluster at {address!r}: {short(error)}") from None
        workers = len(self.client.nthreads())
        self.name = f"{workers} worker{'s' * (workers != 1)} of a cluster"

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._open.close()

    def map(self, work: Callable[[Any], Any], parts: Sequence[Any], told: Callable[[Any], None]) -> Iterator[Any]:
        futures = self.client.map(functools.partial(_alone, work), parts, pure=False)
        for part, future in zip(parts, futures):
            future.add_done_callback(functools.partial(_heard, told, part))
            yield future

    def lift(self, merge: Callable[..., Any]) -> Callable[..., Any]:
        return functools.partial(self.client.submit, merge, pure=False, priority=1)

    def result(self, merged: Any) -> Any:
        import distributed

        try:
            return merged.result()
        except (distributed.KilledWorker, concurrent.futures.CancelledError, OSError) as error:
            raise DataError(f"the cluster gave up: {short(error)}") from None


def _reachable(address: str) -> str:
    """The address, if something listens there; asked first, since a client that finds nothing complains on stderr when it is dropped."""
    where = urllib.parse.urlsplit(address if "://" in address else "tcp://" + address)
    if not where.hostname or not where.port:
        raise ValueError("an address is tcp://host:port, or local, or local:4")
    socket.create_connection((where.hostname, where.port), timeout=10).close()
    return address


def _heard(told: Callable[[Any], None], part: Any, future: Any) -> None:
    if future.status == "finished":
        told(part)
