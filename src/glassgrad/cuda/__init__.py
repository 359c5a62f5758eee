"""`cuda` as a CPU build answers: there is none."""

from typing import Any


def is_available() -> bool:
    """Whether a CUDA device can be used: never here.

    >>> import glassgrad as gg
    >>> gg.cuda.is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of CUDA devices: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the CUDA generator: there is none, so nothing happens, as in a CPU build."""


def manual_seed_all(seed: int) -> None:
    """Seeds all CUDA generators: there are none."""


def is_initialized() -> bool:
    """Whether CUDA has been started: never here."""
    return False


def empty_cache() -> None:
    """Frees what a CUDA allocator keeps: there is none."""


def memory_allocated(device: Any = None) -> int:
    """Bytes of CUDA memory in use: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes of CUDA memory kept: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes of CUDA memory that were in use: 0."""
    return 0


def _absent(*args: Any, **kwargs: Any) -> Any:
    """What needs a device raises, as in a CPU build."""
    raise AssertionError("Torch not compiled with CUDA enabled")


current_device = get_device_name = get_device_properties = get_device_capability = set_device = synchronize = current_stream = init = _absent


def __getattr__(name: str) -> Any:
    if name == "amp":  # stands on more than this room
        import importlib

        return importlib.import_module(".amp", __name__)
    raise AttributeError(f"module 'glassgrad.cuda' has no attribute {name!r}")
