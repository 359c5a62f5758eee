"""Running a user's script under a recording, and what is said at its end or at its exception."""

from __future__ import annotations

import contextlib
import linecache
import os
import re
import runpy
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from . import engines
from .calls import FLAGS, standing
from .names import Names
from .record import record
from .verdict import Verdict
from .why import why

SEE = os.path.dirname(os.path.abspath(__file__))  # frames of the recording are left out of a traceback


class ScriptError(ValueError):
    """A script, or a variable in it, that cannot be used: one line says why."""


class Run:
    """A script or a module that ran: its recording, its variables, and the exception that ended it, if one did; `asked` are results whose .grad it read."""

    def __init__(self, path: str, arguments: Sequence[str] = (), module: bool = False):
        if not module:
            _check(path)
        self.path, self.error = path, None
        self.variables: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.code: int | None = None
        folder = os.getcwd() if module else os.path.dirname(os.path.abspath(path))
        _import_torch_if_used(os.path.join(folder, *path.split(".")) + ".py" if module else path)
        argv = sys.argv
        sys.argv = [path, *arguments]
        sys.path.insert(0, folder)
        try:
            with warnings.catch_warnings(), record() as self.recording:
                warnings.filterwarnings("always", "The .grad attribute of a Tensor that is not a leaf")
                warnings.showwarning = self._warned  # type: ignore[assignment]
                self.variables = runpy.run_module(path, run_name="__main__", alter_sys=True) if module else runpy.run_path(path, run_name="__main__")
        except SystemExit as stop:
            self.code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
            self.variables = _variables(stop)
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever the script raises is explained
            if isinstance(error, SyntaxError) and _own(error.__traceback__) is None:
                raise ScriptError(f"{error.filename or path} is not Python: {error.msg} (line {error.lineno})") from None
            if module and isinstance(error, ImportError) and _own(error.__traceback__) is None:
                raise ScriptError(f"there is no module {path!r} to run from {folder}: {error}") from None
            self.error = error
            self.variables = _variables(error)
        finally:
            sys.argv = argv
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)

    def _warned(self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: str | None = None) -> None:
        """Shows a warning at the user's line, where it was given by what watches; notes which result's .grad was read."""
        frame = engines.users_frame(2)
        if frame is not None and engines.inside(filename):
            filename, lineno = frame.f_code.co_filename, frame.f_lineno
        if frame is not None and "not a leaf Tensor is being accessed" in str(message):
            text, scope = linecache.getline(filename, lineno), {**frame.f_globals, **engines.variables(frame)}
            read: dict[str, Any] = {name: scope.get(name) for name in re.findall(r"(?<![\w.])(\w+)\.grad\b", text)}
            new = {n: t for n, t in read.items() if engines.is_tensor(t) and not t.is_leaf and n not in self.asked}
            if not new:
                return
            self.asked |= new
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    def traceback(self) -> str:
        """The script's own part of the traceback, as Python prints it."""
        if self.error is None:
            return ""
        told: traceback.TracebackException | None = traceback.TracebackException(type(self.error), self.error, _own(self.error.__traceback__))
        text = told
        while told is not None:  # also of those that it came from
            told.stack = traceback.StackSummary.from_list([f for f in told.stack if not f.filename.startswith(SEE)])
            told = told.__cause__ or told.__context__
        return "".join(text.format()).rstrip() if text is not None else ""

    def verdicts(self, name: str | None = None) -> list[Verdict]:
        """What there is to say: of the exception, or of one variable, or of every model and every other leaf that the script has."""
        if name:
            x = self.find(name)
            return [why(x, recording=self.recording, names=self._named())]
        if self.error is not None and not isinstance(self.error, KeyboardInterrupt):
            return [why(self.error, recording=self.recording)]
        found: list[Verdict] = []
        known: set[int] = set()
        for label, t in self.asked.items():
            known.add(id(t))
            found.append(why(t, recording=self.recording, names={**self._named(), label: t}))
        models = dict(self.recording.roots)
        models |= {n: v for n, v in self.variables.items() if engines.is_module(v) and not any(v is m for m in models.values())}
        for name, model in models.items():
            hidden = engines.unregistered(model).values()
            known |= {id(p) for held in (model, *hidden) for p in ([held] if engines.is_tensor(held) else held.parameters())}
            if hidden or any(True for _ in model.parameters()):
                found.append(why(model, recording=self.recording, names={**self._named(), name: model}))
        for label, t in self._leaves():
            if id(t) not in known and len(found) < 20:
                known.add(id(t))
                answer = why(t, recording=self.recording, names={**self._named(), label: t} if label else self._named())
                same = next((v for v in found if v.kind == answer.kind != "fine" and v.where and (v.where, v.fix) == (answer.where, answer.fix)), None)
                if same is not None:
                    same.details.append(f"the same: {answer.headline}")
                elif answer.kind != "root" and (answer.kind != "unused" or label):
                    found.append(answer)
        if not found and self.code is not None:
            found.append(Verdict("none", f"the script stopped, with exit code {self.code}, before any tensor required a gradient."))
        elif not found:
            found.append(Verdict("none", "no tensor in this script requires a gradient.", fix="make a leaf with requires_grad=True, or a model"))
        return found

    def _leaves(self) -> list[tuple[str, Any]]:
        """The leaves that require grad and belong to no model; where a leaf has no name, the variable that was made of it: it was meant to be one."""
        names = Names(self.recording, given=self._named())
        own = [(n, v) for n, v in self.variables.items() if engines.is_tensor(v) and standing(v) == (True, True)]
        users: dict[int, tuple[Any, Any]] = {}
        for call in self.recording.calls:
            for s in call.inputs:
                if s.tracked and s.tensor is not None and standing(s.tensor) == (True, True) and call.name not in FLAGS:
                    users.setdefault(id(s.tensor), (s.tensor, next((r.tensor for r in call.results if r.tensor is not s.tensor), None)))
        held = {id(v): n for n, v in self.variables.items() if engines.is_tensor(v)}
        latest: dict[Any, tuple[str, Any]] = {}  # of several with one name the last
        for t, made in users.values():
            name = names.get(t)
            latest[name or id(t)] = (name, t) if name or id(made) not in held else (held[id(made)], made)
        seen = list(latest.values())
        return own + seen

    def _named(self) -> dict[str, Any]:
        return {n: v for n, v in self.variables.items() if not n.startswith("__")}

    def find(self, name: str) -> Any:
        """The variable of that name: global, of the frame that raised, or the last one that a recorded line assigned."""
        head, *rest = name.split(".")
        if head in self.variables:
            value = self.variables[head]
            for part in rest:
                inner = value[int(part)] if part.isdigit() and hasattr(value, "__getitem__") else getattr(value, part, None)
                if inner is None:
                    raise ScriptError(f"{head} has no {part!r}")
                value = inner
            return value
        if head in self.recording.roots and not rest:
            return self.recording.roots[head]
        for call in reversed(self.recording.calls):
            for result in call.results:
                if result.tensor is not None and self.recording.assigned(result.tensor) == name:
                    return result.tensor
        tensors = [n for n, v in self.variables.items() if engines.is_tensor(v) or engines.is_module(v)]
        raise ScriptError(f"{self.path} has no variable {name!r}" + (f"; it has {', '.join(tensors[:12])}" if tensors else ""))

    def report(self, verdicts: list[Verdict]) -> str:
        """The answers as a page, with the graph of the last loss, or of the first whose backward was not finite."""
        from .draw import draw
        from .nonfinite import first_bad_pass
        from .report import to_html

        bad = first_bad_pass(self.recording)
        roots = [self.recording.root_of(bad)] if bad is not None else [c.inputs[0].tensor for c in self.recording.calls if c.name == "backward" and c.inputs]
        root = next((t for t in reversed(roots) if t is not None and t.grad_fn is not None), None)
        drawing = draw(root, recording=self.recording, names=self._named()) if root is not None else None
        return to_html(f"glassgrad why {os.path.basename(self.path)}", verdicts, drawing, self.traceback())

    def losses(self) -> list[str]:
        """Names of variables that can be drawn."""
        return [n for n, v in self.variables.items() if engines.is_tensor(v) and standing(v) == (True, False)]


def _check(path: str) -> None:
    """Refuses what is no script."""
    if not os.path.exists(path):
        raise ScriptError(f"there is no file {path!r}")
    if os.path.isdir(path):
        raise ScriptError(f"{path!r} is a folder; a script is a .py file, and a package runs as a module: -m {os.path.basename(os.path.abspath(path))}")
    if path.endswith(".ipynb"):
        raise ScriptError(f"{path!r} is a notebook; inside it, %load_ext glassgrad.see.jupyter gives %why and %draw")


def _own(tb: Any) -> Any:
    """A traceback from the first frame on that is the user's; None if none is."""
    while tb is not None and engines.inside(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def _variables(error: BaseException) -> dict[str, Any]:
    """The variables of the script's frames in a traceback, the innermost last and strongest."""
    found: dict[str, Any] = {}
    tb = error.__traceback__
    while tb is not None:
        if not engines.inside(tb.tb_frame.f_code.co_filename):
            found.update(tb.tb_frame.f_globals)
            found.update(tb.tb_frame.f_locals)
        tb = tb.tb_next
    return found


def _import_torch_if_used(path: str) -> None:
    """Imports PyTorch before the recording begins if the script, or a file beside it, imports it: what is watched must be there."""
    folder = os.path.dirname(os.path.abspath(path))
    beside = sorted(os.listdir(folder))[:200] if os.path.isdir(folder) else []
    files = [path, *(os.path.join(folder, n) for n in beside if n.endswith(".py"))]
    if not os.path.exists(path):  # a package, or a module that is installed: it may use anything
        files = [os.path.join(os.path.splitext(path)[0], "__main__.py"), *files]
    for name in files:
        try:
            with open(name, encoding="utf-8", errors="replace") as f:
                text = f.read(200_000)
        except OSError:
            continue
        if re.search(r"^\s*(import|from)\s+torch\b", text, re.M):
            try:
                import torch  # noqa: F401
            except ImportError:
                pass
            return
