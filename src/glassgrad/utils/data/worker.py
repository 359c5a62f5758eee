"""What a worker process does: makes the batches that it is told to, until it is told to end or its parent has gone."""

from __future__ import annotations

import queue
import random
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ops.random import manual_seed

CHECK_SECONDS = 5.0


@dataclass
class WorkerInfo:
    """Which worker of how many this process is, the seed that it started from, and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """About the worker process in which this is called; None in the main process."""
    return _info


class Failure:
    """An exception from a worker, as text and type: to be raised again in the main process."""

    def __init__(self, error: BaseException, where: str):
        self.kind = type(error)
        self.text = f"Caught {self.kind.__name__} {where}.\nOriginal {''.join(traceback.format_exception(error))}"

    def again(self) -> BaseException:
        """The exception with the original traceback as its message; a RuntimeError where its type takes other arguments."""
        text: Any = Shown(self.text) if issubclass(self.kind, KeyError) else self.text
        try:
            return self.kind(text)
        except Exception:  # noqa: BLE001 - any type may refuse a single text
            return RuntimeError(self.text)


class Shown(str):
    """A text that a KeyError shows as it is, not quoted."""

    def __repr__(self) -> str:
        return str(self)


END = "the worker's data has come to its end"


def fetcher(dataset: Any, iterable: bool, auto: bool, collate: Any, drop_last: bool) -> Any:
    """A function from what a sampler gives to a batch; raises StopIteration at the end of an iterable data set."""
    if not iterable:
        if not auto:
            return lambda index: collate(dataset[index])
        several = getattr(dataset, "__getitems__", None)
        return lambda indices: collate(several(indices) if callable(several) else [dataset[i] for i in indices])
    source, ended = iter(dataset), False

    def take(indices: Any) -> Any:
        nonlocal ended
        if not auto:
            return collate(next(source))
        if ended:
            raise StopIteration
        batch = []
        for _ in indices:
            try:
                batch.append(next(source))
            except StopIteration:
                ended = True
                break
        if not batch or drop_last and len(batch) < len(indices):
            raise StopIteration
        return collate(batch)

    return take


def work(tasks: Any, results: Any, setting: tuple[Any, ...], dataset: Any, number: int, many: int, base_seed: int, init: Any) -> None:
    """Takes (epoch, seed, place, indices) from `tasks`, sends (epoch, place, batch, Failure or END) through `results`."""
    global _info
    import multiprocessing
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the main process, which ends its workers
    parent, now, fetch, failed = multiprocessing.parent_process(), -1, None, None
    while True:
        try:
            task = tasks.get(timeout=CHECK_SECONDS)
        except queue.Empty:
            if parent is not None and not parent.is_alive():
                return
            continue
        if task is None:
            return
        epoch, place, indices = task
        try:
            if epoch != now:
                if now == -1:
                    seed = base_seed + number
                    random.seed(seed)
                    manual_seed(seed)
                    np.random.seed(np.random.SeedSequence([number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]).generate_state(4))
                    _info = WorkerInfo(number, many, seed, dataset)
                    if init is not None:
                        init(number)
                now, failed = epoch, None
                fetch = fetcher(dataset, *setting)
            result = failed or (fetch(indices) if fetch is not None else None)
        except StopIteration:
            result = END
        except Exception as error:  # noqa: BLE001 - whatever it is, the main process raises it
            result = Failure(error, f"in DataLoader worker process {number}")
            failed = result if fetch is None else None
        try:
            results.send((epoch, place, result))
        except (BrokenPipeError, EOFError):
            return
        except Exception as error:  # noqa: BLE001 - a batch that can't be sent
            results.send((epoch, place, Failure(error, f"in DataLoader worker process {number}")))
        del result
