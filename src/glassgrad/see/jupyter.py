"""For notebooks: `%load_ext glassgrad.see.jupyter` explains exceptions under their traceback, and adds `%why`, `%draw` and `%%record`.

Cells are recorded while the extension is loaded, so that lines and cuts are known; `%see off` and `%see on` switch that.
"""

from __future__ import annotations

from typing import Any

from .draw import draw
from .record import record
from .why import why

EXPLAINED = (RuntimeError, ValueError, TypeError, IndexError)
MARKS = ("grad", "backward", "inplace", "in-place", "leaf", "Leaf", "numpy()", "differentiat", "graph")


class Extension:
    """What is hooked into a shell."""

    def __init__(self, shell: Any):
        self.shell, self.on = shell, True
        self.open: Any = None

    def before(self, *args: Any) -> None:
        """Opens a recording for the cell."""
        if self.on:
            self.open = record()
            self.open.__enter__()

    def after(self, *args: Any) -> None:
        """Closes it."""
        if self.open is not None:
            self.open.__exit__(None, None, None)
            self.open = None

    def raised(self, shell: Any, kind: Any, error: BaseException, tb: Any, tb_offset: Any = None) -> None:
        """Shows the traceback as always, and the answer under it, if the error is about gradients."""
        shell.showtraceback((kind, error, tb), tb_offset=tb_offset)
        if any(m in str(error) for m in MARKS):
            try:
                print(why(error))
            except Exception as failed:  # noqa: BLE001 - an explanation that fails must not hide the error
                print(f"(glassgrad could not explain it: {failed})")

    def why(self, line: str) -> Any:
        """`%why x`"""
        return why(self.shell.ev(line), names=self._names())

    def draw(self, line: str) -> Any:
        """`%draw loss`"""
        return draw(self.shell.ev(line), names=self._names())

    def see(self, line: str) -> None:
        """`%see on`, `%see off`"""
        if line.strip() not in ("on", "off"):
            print("%see on, or %see off")
            return
        self.on = line.strip() == "on"

    def cell(self, line: str, cell: str) -> Any:
        """`%%record`: the cell's recording is what it returns."""
        with record() as r:
            self.shell.run_cell(cell)
        return r

    def _names(self) -> dict[str, Any]:
        return {n: v for n, v in self.shell.user_ns.items() if not n.startswith("_")}


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext`."""
    e = shell._glassgrad = Extension(shell)
    shell.set_custom_exc(EXPLAINED, e.raised)
    shell.events.register("pre_run_cell", e.before)
    shell.events.register("post_run_cell", e.after)
    for name in ("why", "draw", "see"):
        shell.register_magic_function(getattr(e, name), "line", name)
    shell.register_magic_function(e.cell, "cell", "record")


def unload_ipython_extension(shell: Any) -> None:
    """Called by `%unload_ext`."""
    e = shell.__dict__.pop("_glassgrad", None)
    if e is not None:
        e.after()
        shell.set_custom_exc((), None)
        shell.events.unregister("pre_run_cell", e.before)
        shell.events.unregister("post_run_cell", e.after)
