"""One neuron learnt from data that outgrows memory or a machine: CSV and Parquet read in blocks, merged summaries, threads or a Dask cluster.

The names load when they are first used: the command line reads its options here and needs nothing else for other commands.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import DataError
    from .learn import Fit, fit
    from .model import load_model, predict, save_model

__all__ = ["DataError", "Fit", "fit", "load_model", "predict", "save_model"]
HOMES = {"DataError": "faults", "Fit": "learn", "fit": "learn", "load_model": "model", "predict": "model", "save_model": "model"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{HOMES[name]}", __name__), name)
