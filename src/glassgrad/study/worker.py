"""The other process: algebra with SymPy. Reads one question sheet, writes answers as they come, may be killed at any time."""

from __future__ import annotations

import pickle
import sys
from typing import Any


def main() -> None:
    """Reads a pickled sheet from stdin; writes pickled (name, answer) pairs to stdout, most wanted first."""
    sheet = pickle.load(sys.stdin.buffer)
    try:
        import resource

        limit = sheet["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, ValueError, OSError):
        pass
    out = sys.stdout.buffer

    def answer(name: str, value: Any) -> None:
        pickle.dump((name, value), out)
        out.flush()

    try:
        from .symbolic import answers

        for name, value in answers(sheet):
            answer(name, value)
    except ImportError as error:
        answer("missing", str(error))
    except (Exception, MemoryError) as error:  # noqa: BLE001 - whatever SymPy raises, the numbers stand
        answer("failed", f"{type(error).__name__}: {error}"[:300])
    answer("end", None)


if __name__ == "__main__":
    main()
