"""See-through tools: what a gradient is, where it goes, and why."""

from .check import Check, check
from .compare import Comparison, compare
from .draw import Drawing, draw
from .kinks import Kinks, kinks
from .ledger import Entry, Ledger, ledger
from .paths import Path, Paths, paths
from .preflight import Preflight, preflight
from .record import Recording, record
from .verdict import Verdict
from .why import why

__all__ = [
    "Check", "Comparison", "Drawing", "Entry", "Kinks", "Ledger", "Path", "Paths", "Preflight", "Recording", "Verdict", "check", "compare", "draw",
    "kinks", "ledger", "paths", "preflight", "record", "why",
]  # fmt: skip
