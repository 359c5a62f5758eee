"""`accelerator` as a CPU build answers: there is none."""

from typing import Any


def is_available() -> bool:
    """Whether an accelerator can be used: never here.

    >>> import glassgrad as gg
    >>> gg.accelerator.current_accelerator().type if gg.accelerator.is_available() else "cpu"
    'cpu'
    """
    return False


def device_count() -> int:
    """The number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The device of the accelerator: None, as there is none."""


def _absent(*args: Any, **kwargs: Any) -> Any:
    """What needs a device raises, as in a CPU build."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = current_device_idx = set_device_index = set_device_idx = current_stream = set_stream = synchronize = empty_cache = _absent
memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = memory_stats = _absent
