"""The state of a run on disk, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from typing import Any

import numpy as np

from ..writing import in_place_of


class Saved:
    """A file that holds a run: written at most every `seconds`, whole or not at all. `mark` says which run it is, `settings` names what is in it."""

    def __init__(self, path: Any, seconds: float, *mark: Any, settings: str = "start, learning rate or tolerance"):
        self.path, self.seconds, self.settings = os.path.abspath(os.fspath(path)), seconds, settings
        self.mark = hashlib.sha256(repr([m.tobytes() if isinstance(m, np.ndarray) else m for m in mark]).encode()).hexdigest()
        self.last = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays of the run so far; None if there is no file. Raises ValueError if it is another run's, or damaged."""
        if not os.path.exists(self.path):
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
            raise ValueError(f"{self.path} is no saved run, or is damaged ({error}): take it away to start again") from None
        if "mark" not in found or str(found.pop("mark")) != self.mark:
            raise ValueError(f"{self.path} belongs to a run with another {self.settings}: name another file, or take it away")
        return found

    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self.last >= self.seconds

    def save(self, **arrays: Any) -> None:
        """Writes the arrays in place of what was there."""
        with in_place_of(self.path, ".npz") as temporary, open(temporary, "wb") as file:
            np.savez(file, mark=np.array(self.mark), **arrays)
            file.flush()
            os.fsync(file.fileno())
        self.last = time.monotonic()
