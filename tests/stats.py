"""How large the house is: lines an op, a layer, an optimizer; and which rooms take longest to import. `make stats`."""

from __future__ import annotations

import inspect
import pathlib
import subprocess
import sys

import glassgrad as gg

ROOT = pathlib.Path(gg.__file__).parent


def lines(*paths: pathlib.Path) -> int:
    """Lines of code: without blank ones and comments."""
    return sum(1 for p in paths for line in p.read_text().splitlines() if line.strip() and not line.strip().startswith("#"))


def files(folder: str) -> list[pathlib.Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def count() -> dict[str, tuple[int, int]]:
    """What there is of each kind, and in how many lines."""
    for room in gg.ops.later.ROOMS:
        gg.ops.later.load(room)
    gg.nn.Linear, gg.linalg
    machinery = {"declare", "build", "runtime", "levels", "op", "blocks", "docs", "methods", "later", "numpy_protocol", "legacy", "copies", "__init__"}
    families = [p for p in files("ops") if p.stem not in machinery]
    functions = {n for owner in (gg, gg.Tensor, gg.nn.functional, gg.linalg, gg.special, gg.fft, gg.signal.windows) for n in dir(owner) if not n.startswith("_") and callable(getattr(owner, n))}
    layers = [c for c in vars(gg.nn).values() if inspect.isclass(c) and issubclass(c, gg.nn.Module)]
    optimizers = [c for c in vars(gg.optim).values() if inspect.isclass(c) and issubclass(c, gg.optim.Optimizer) and c is not gg.optim.Optimizer]
    base = gg.optim.lr_scheduler.LRScheduler
    schedulers = {c for c in vars(gg.optim.lr_scheduler).values() if inspect.isclass(c) and issubclass(c, base) and c is not base}
    of_schedulers = [p for p in files("optim") if "lr_" in p.stem or p.stem == "scheduler"]
    return {
        "declared ops": (len(gg.ops.op.OPS), lines(*families)), "functions and methods": (len(functions), lines(*families)),
        "layers": (len(layers), lines(*files("nn"))), "optimizers": (len(optimizers), lines(*(p for p in files("optim") if p not in of_schedulers))),
        "schedulers": (len(schedulers), lines(*of_schedulers)),
    }  # fmt: skip


def imports(n: int = 10) -> list[tuple[float, str]]:
    """The modules of ours that take longest by themselves when glassgrad is imported, in milliseconds."""
    shown = subprocess.run([sys.executable, "-X", "importtime", "-c", "import glassgrad"], capture_output=True, text=True, check=True).stderr
    found = []
    for line in shown.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if name.strip().startswith("glassgrad"):
            found.append((int(own) / 1000, name.strip()))
    return sorted(found, reverse=True)[:n]


def report() -> str:
    text = [f"{what:22} {many:5}  in {size:6,} lines: {size / many:5.1f} each" for what, (many, size) in count().items()]
    everything = files("")
    text += [f"the whole house: {lines(*everything):,} lines in {len(everything)} files, the longest of {max(len(p.read_text().splitlines()) for p in everything)}"]
    return "\n".join([*text, "slowest to import (ms, by themselves):", *[f"  {ms:6.1f}  {name}" for ms, name in imports()]])


if __name__ == "__main__":
    print(report())
