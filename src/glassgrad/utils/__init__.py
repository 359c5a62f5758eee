"""PyTorch's `utils`: `checkpoint`, and `data`, which loads when it is asked for."""

from __future__ import annotations

from typing import Any

from . import checkpoint

__all__ = ["checkpoint", "data"]


def __getattr__(name: str) -> Any:
    if name == "data":
        import importlib

        return importlib.import_module(".data", __name__)
    raise AttributeError(f"module 'glassgrad.utils' has no attribute {name!r}; here are {', '.join(__all__)}")
