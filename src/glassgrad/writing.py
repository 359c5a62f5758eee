"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def in_place_of(path: Any, suffix: str = ".tmp") -> Iterator[str]:
    """The name of a new file beside `path`, which takes its place at the end; if the block raises, it goes, and `path` is as it was."""
    target = os.path.abspath(os.fspath(path))
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".glassgrad-", suffix=suffix)
    os.close(descriptor)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def write_atomically(path: Any, text: str) -> None:
    """Writes a text into a file, whole or not at all."""
    with in_place_of(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
