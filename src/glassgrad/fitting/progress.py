"""How far a pass over the data is: a bar where a person watches and rich is installed, else a plain line every few seconds."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

PAUSE = 5.0  # seconds between plain lines


class Progress:
    """Says nothing: what `fit` uses unless another is given. `begin` starts a pass over `total` bytes, `advance` counts, `close` ends."""

    def begin(self, what: str, total: int) -> None:
        """A pass begins."""

    def advance(self, size: int) -> None:
        """So many bytes more are done."""

    def close(self) -> None:
        """Nothing more will come."""


class Lines(Progress):
    """Plain lines on stderr, none in the first seconds."""

    def __init__(self) -> None:
        self.said, self.what, self.total, self.done = time.monotonic(), "", 1, 0

    def begin(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, max(total, 1), 0

    def advance(self, size: int) -> None:
        self.done += size
        if time.monotonic() - self.said >= PAUSE:
            self.said = time.monotonic()
            print(f"{self.what}: {self.done / self.total:.0%} of {self.total / 1e6:.0f} MB", file=sys.stderr, flush=True)


class Bar(Progress):
    """rich's bar on stderr, which leaves nothing behind."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Shown

        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        self.shown = Shown(*columns, console=Console(stderr=True), transient=True)
        self.shown.start()
        self.task: Any = None

    def begin(self, what: str, total: int) -> None:
        if self.task is None:
            self.task = self.shown.add_task(what, total=total)
        else:
            self.shown.reset(self.task, description=what, total=total)

    def advance(self, size: int) -> None:
        self.shown.advance(self.task, size)

    def close(self) -> None:
        self.shown.stop()


def watched() -> Progress:
    """What suits stderr as it is now."""
    with contextlib.suppress(ImportError):
        if sys.stderr is not None and sys.stderr.isatty():
            return Bar()
    return Lines()
