"""`backends.cudnn` as a CPU build answers: there is none, and its switches are remembered without a use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

enabled, deterministic, benchmark, benchmark_limit, allow_tf32 = True, False, False, None, True


def is_available() -> bool:
    """Whether cuDNN can be used: never here."""
    return False


def version() -> int | None:
    """The version of cuDNN: None, as there is none."""
    return None


@contextlib.contextmanager
def flags(enabled: bool = False, benchmark: bool = False, benchmark_limit: Any = 10, deterministic: bool = False, allow_tf32: bool = True) -> Iterator[None]:
    """A context in which the switches stand as given.

    >>> import glassgrad as gg
    >>> with gg.backends.cudnn.flags(deterministic=True):
    ...     print(gg.backends.cudnn.deterministic)
    True
    """
    before = {name: globals()[name] for name in ("enabled", "deterministic", "benchmark", "allow_tf32")}
    globals().update(enabled=enabled, deterministic=deterministic, benchmark=benchmark, allow_tf32=allow_tf32)
    try:
        yield
    finally:
        globals().update(before)
