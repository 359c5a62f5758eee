"""The other process: algebra with SymPy. Reads one question sheet, writes answers as they come, may be killed at any time."""

from __future__ import annotations

import pickle
import sys
from typing import Any

from .symbolic import LATE


def main() -> None:
    """Reads a pickled sheet from stdin; writes pickled (name, answer) pairs to stdout, the most wanted first.

    Each question has a third of the time left; one that takes longer, or that SymPy cannot do, is named under "skipped".
    """
    sheet = pickle.load(sys.stdin.buffer)
    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing but answers goes that way
    _limit_memory(sheet["memory"])

    def answer(name: str, value: Any) -> None:
        pickle.dump((name, value), out)
        out.flush()

    try:
        from .algebra import QUESTIONS, Algebra, TimeUp, within
    except ImportError as error:
        answer("missing", str(error))
        return
    skipped = []
    try:
        with within(sheet["timeout"]):
            algebra = Algebra(sheet)
            for question in QUESTIONS:
                name = question.__name__.replace("_", " ")
                try:
                    with within(sheet["timeout"] / 3):
                        for found in question(algebra):
                            answer(*found)
                except TimeUp:
                    skipped.append((name, LATE))
                except Exception as error:  # noqa: BLE001 - whatever SymPy raises, the other answers and the numbers stand
                    skipped.append((name, f"{type(error).__name__}: {error}"[:200]))
    except TimeUp:
        skipped.append(("the rest", LATE))
    except (Exception, MemoryError) as error:  # noqa: BLE001
        answer("failed", f"{type(error).__name__}: {error}"[:300])
    answer("skipped", skipped)
    answer("end", None)


def _limit_memory(size: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (ImportError, ValueError, OSError):
        pass  # not every system has such limits; the time limit holds anywhere


if __name__ == "__main__":
    main()
