"""DataLoader: batches of a data set, made here or by worker processes."""

from __future__ import annotations

import copy
import itertools
import multiprocessing
import multiprocessing.connection
import os
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from ... import errors
from ...ops.random import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, drawn_seed
from .worker import END, Failure, fetcher, work


class _Forever(Sampler[None]):
    """What stands for a sampler where the data set itself says what comes."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader:
    """The examples of a data set in batches.

    `dataset` has `__getitem__` and `__len__`, or is an IterableDataset. A batch is what `collate_fn` makes of `batch_size` examples, in the
    order of `sampler` (or `batch_sampler`, which gives lists of indices); `shuffle` draws an order from `generator`. With `num_workers`,
    processes make the batches ahead, `prefetch_factor` each; they start anew with each iteration unless they are `persistent_workers`.

    >>> import glassgrad as gg
    >>> for batch in gg.utils.data.DataLoader(gg.arange(5), batch_size=2): print(batch)
    tensor([0, 1])
    tensor([2, 3])
    tensor([4])
    """

    __initialized = False

    def __init__(self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None, sampler: Any = None, batch_sampler: Any = None,
                 num_workers: int = 0, collate_fn: Callable[[list[Any]], Any] | None = None, pin_memory: bool = False, drop_last: bool = False,
                 timeout: float = 0, worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
                 generator: Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
                 pin_memory_device: str = "", in_order: bool = True):  # fmt: skip
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise set "
                "prefetch_factor to None."
            )
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if num_workers == 0 and multiprocessing_context is not None:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers=0"
            )
        self.dataset, self.num_workers, self.pin_memory, self.pin_memory_device = dataset, num_workers, pin_memory, pin_memory_device
        self.timeout, self.worker_init_fn, self.generator, self.in_order = timeout, worker_init_fn, generator, in_order
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.multiprocessing_context = _context(multiprocessing_context)
        self.persistent_workers = persistent_workers
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = _Forever() if self._iterable else RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._workers: _Workers | None = None
        if pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.", stacklevel=2
            )
        self.check_worker_number_rationality()
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        object.__setattr__(self, name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    def _setting(self) -> tuple[Any, ...]:
        return self._iterable, self._auto_collation, self.collate_fn, self.drop_last

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _Here(self)
        if not self.persistent_workers:
            return _Workers(self)
        if self._workers is None or self._workers.over:
            self._workers = _Workers(self)
        else:
            self._workers.begin(self)
        return self._workers

    def __len__(self) -> int:
        """How many batches come; of an iterable data set what it says its length is."""
        if not self._iterable:
            return len(self.batch_sampler if self._auto_collation else self.sampler)
        n = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warns of more workers than the machine has processors for."""
        most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.num_workers > most:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number of worker in current system is {most}, "
                "which is smaller than what this DataLoader is going to create. Please be aware that excessive worker creation might get DataLoader running "
                "slow or even freeze, lower the worker number to avoid potential slowness/freeze if necessary.", stacklevel=3,
            )  # fmt: skip


def _context(given: Any) -> Any:
    methods = multiprocessing.get_all_start_methods()
    if isinstance(given, str):
        if given not in methods:
            raise ValueError(f"multiprocessing_context option should specify a valid start method in {methods!r}, but got multiprocessing_context={given!r}")
        return multiprocessing.get_context(given)
    if given is not None and not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError(
            f"multiprocessing_context option should be a valid context object or a string specifying the start method, but got multiprocessing_context={given}"
        )
    return given


class _Batches(Iterator[Any]):
    """One iteration of a loader."""

    def __init__(self, loader: DataLoader):
        self._indices = iter(loader.batch_sampler if loader._auto_collation else loader.sampler)
        self._base_seed = drawn_seed(loader.generator)

    _loader: DataLoader

    def __len__(self) -> int:
        return len(self._loader)


class _Here(_Batches):
    """Batches made in this process."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        self._loader = loader
        self._fetch = fetcher(loader.dataset, *loader._setting())

    def __next__(self) -> Any:
        return self._fetch(next(self._indices))


class _Workers(_Batches):
    """Batches made by processes. Each has a queue of tasks and a pipe for its results; tasks go out round and round, `prefetch_factor` ahead."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        context = loader.multiprocessing_context or multiprocessing.get_context()
        self._tasks, self._pipes, self._processes = [], [], []
        self._epoch, self.over = -1, False
        for number in range(loader.num_workers):
            tasks, (receiver, sender) = context.Queue(), context.Pipe(duplex=False)
            tasks.cancel_join_thread()
            process = context.Process(
                target=work, daemon=True,
                args=(tasks, sender, loader._setting(), loader.dataset, number, loader.num_workers, self._base_seed, loader.worker_init_fn),
            )  # fmt: skip
            process.start()
            sender.close()
            self._tasks.append(tasks)
            self._pipes.append(receiver)
            self._processes.append(process)
        self._end = weakref.finalize(self, _stop, self._tasks, self._pipes, self._processes)
        self._start(loader)

    def begin(self, loader: DataLoader) -> None:
        """Another iteration with the same workers; what was still under way from the last is dropped."""
        _Batches.__init__(self, loader)
        self._start(loader)

    def _start(self, loader: DataLoader) -> None:
        self._loader = copy.copy(loader)  # a loader holds its persistent workers: they hold what it says, not itself
        self._loader._workers = None
        self._epoch += 1
        self._sent = self._given = 0
        self._waiting: dict[int, Any] = {}  # by place: the worker that has it, or (batch,)
        self._finished = [False] * len(self._processes)
        self._turn = itertools.cycle(range(len(self._processes)))
        self._exhausted = False
        for _ in range((loader.prefetch_factor or 0) * len(self._processes) or len(self._processes)):
            self._send()

    def _send(self) -> None:
        """The next task to the next worker that still has data."""
        if self._exhausted:
            return
        for _ in self._processes:
            number = next(self._turn)
            if not self._finished[number]:
                break
        else:
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            self._exhausted = True
            return
        self._tasks[number].put((self._epoch, self._sent, indices))
        self._waiting[self._sent] = number
        self._sent += 1

    def __next__(self) -> Any:
        while True:
            ready = self._ready()
            if ready is not None:
                (result,) = self._waiting.pop(ready)
                self._send()
                if isinstance(result, Failure):
                    raise result.again()
                return result
            if not self._waiting:
                if not self._loader.persistent_workers:
                    self._shut()
                raise StopIteration
            self._receive()

    def _ready(self) -> int | None:
        """The place whose batch comes next, if it is there."""
        if not self._loader.in_order:
            return next((place for place, state in self._waiting.items() if isinstance(state, tuple)), None)
        first = min(self._waiting, default=None)
        return first if first is not None and isinstance(self._waiting[first], tuple) else None

    def _receive(self) -> None:
        """Waits for something to come from a worker; raises when one has died or the time is over."""
        pipes = {self._pipes[n]: n for n in self._waiting.values() if isinstance(n, int)}
        found = multiprocessing.connection.wait([*pipes, *(p.sentinel for p in self._processes)], self._loader.timeout or None)
        if not found:
            self._shut()
            raise RuntimeError(f"DataLoader timed out after {self._loader.timeout} seconds")
        came = False
        for ready in found:
            if isinstance(ready, multiprocessing.connection.Connection):
                try:
                    epoch, place, result = ready.recv()
                except (EOFError, OSError):
                    continue
                came = True
                if epoch == self._epoch:
                    self._arrived(place, result, pipes[ready])
        if not came:
            dead = [p for p in self._processes if not p.is_alive()]
            if dead:
                self._shut()
                raise errors.explain(
                    RuntimeError(f"DataLoader worker (pid(s) {', '.join(str(p.pid) for p in dead)}) exited unexpectedly"),
                    "; ".join(f"worker {self._processes.index(p)} ended with exit code {p.exitcode}" for p in dead),
                    errors.line_of(errors.users_place()), "num_workers=0 shows what the data set does in this process",
                )  # fmt: skip

    def _arrived(self, place: int, result: Any, number: int) -> None:
        if isinstance(result, str) and result == END:
            del self._waiting[place]
            self._finished[number] = True
            self._send()
        else:
            self._waiting[place] = (result,)

    def _shut(self) -> None:
        self.over = True
        self._end()


def _stop(tasks: list[Any], pipes: list[Any], processes: list[Any]) -> None:
    """Tells the workers to end, and ends those that do not."""
    for queue in tasks:
        queue.put(None)
    for pipe in pipes:
        pipe.close()  # a worker that is sending stops
    for process in processes:
        process.join(1.0)
        if process.is_alive():
            process.terminate()
            process.join(5.0)
    for queue in tasks:
        queue.close()
