"""`backends` and determinism as a CPU build answers: no accelerator, and every algorithm here is deterministic."""

import os
from typing import Any

from ..placement import CPU
from ..placement import device as made
from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
_deterministic = {"enabled": False, "warn_only": False}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for deterministic algorithms: here every operation is one, so that the answer is remembered and nothing else changes.

    >>> import glassgrad as gg
    >>> gg.use_deterministic_algorithms(True)
    >>> gg.are_deterministic_algorithms_enabled()
    True
    >>> gg.use_deterministic_algorithms(False)
    """
    _deterministic.update(enabled=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """Whether deterministic algorithms were asked for."""
    return _deterministic["enabled"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether they were asked for with `warn_only`."""
    return _deterministic["enabled"] and _deterministic["warn_only"]


def get_default_device() -> Any:
    """The device of new tensors: the CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Takes the CPU (or None) for an answer; another device raises as in a CPU build."""
    kind = "cpu" if device is None else made(device).type
    if kind != "cpu":
        raise AssertionError("Torch not compiled with CUDA enabled" if kind == "cuda" else f"glassgrad has one device, the CPU, and not {device!r}")


def get_num_threads() -> int:
    """How many threads an operation may use: as many as NumPy's library takes, which is asked for outside (OMP_NUM_THREADS), or those set here."""
    return _threads.get("count") or os.cpu_count() or 1


def set_num_threads(num: int) -> None:
    """Remembers a number of threads; NumPy's library reads its own from the environment when it is loaded, and nothing else here runs in threads.

    >>> import glassgrad as gg
    >>> gg.set_num_threads(1); gg.get_num_threads()
    1
    """
    if isinstance(num, bool) or not isinstance(num, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _threads["count"] = num


_threads: dict[str, int] = {}
_precision = {"float32": "highest"}


def get_float32_matmul_precision() -> str:
    """How exactly float32 products are computed: always in full here."""
    return _precision["float32"]


def set_float32_matmul_precision(precision: str) -> None:
    """Allows products of float32 to be less exact: nothing here makes use of it."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"{precision} is not one of 'highest', 'high', or 'medium'")
    _precision["float32"] = precision


def compile(model: Any = None, *, fullgraph: bool = False, dynamic: Any = None, backend: Any = "inductor", mode: Any = None, options: Any = None,
            disable: bool = False) -> Any:  # fmt: skip
    """The function or module itself: there is no compiler here, and code that asks for one runs as it is.

    >>> import glassgrad as gg
    >>> f = gg.compile(lambda x: x * 2)
    >>> f(gg.tensor(3))
    tensor(6)
    """
    return (lambda model: model) if model is None else model
