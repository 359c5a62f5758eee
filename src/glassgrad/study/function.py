"""A user's function at points: its value, gradient and Hessian by our engine, finite differences, and its recorded formula."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.backward import grad
from ..recording import Program, Tape
from ..tensor import Tensor


class StudyError(ValueError):
    """A function or a point that cannot be studied: the line says why."""


@dataclass
class Function:
    """A function of tensors with the shapes of its arguments; its inputs as one flat vector of float64.

    `names` are the argument names, `symbols` the names of the flat components (W_0, W_1 for a vector W).
    """

    call: Callable[..., Any]
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    text: str | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        found: list[str] = []
        for name, shape in zip(self.names, self.shapes):
            found += [name] if shape == () else [name + "_" + "_".join(map(str, i)) for i in np.ndindex(shape)]
        return tuple(found)

    @property
    def size(self) -> int:
        return sum(int(np.prod(s)) for s in self.shapes)

    def tensors(self, x: np.ndarray, requires_grad: bool = True) -> list[Tensor]:
        """The arguments at the flat point x."""
        out, start = [], 0
        for shape in self.shapes:
            n = int(np.prod(shape))
            part = np.array(x[start : start + n], np.float64).reshape(shape)
            t = Tensor._wrap(part if shape else part[()])
            t._needs = requires_grad
            out.append(t)
            start += n
        return out

    def _output(self, args: list[Tensor]) -> Tensor:
        y = self.call(*args)
        if not isinstance(y, Tensor):
            if isinstance(y, (int, float, np.generic)):
                return Tensor._wrap(np.float64(y))
            raise StudyError(f"the function returned {type(y).__name__}; a study needs a tensor with one number")
        if y._data.size != 1:
            raise StudyError(
                f"the function returned shape {list(y.shape)}; a study needs one number (reduce it: .sum(), .mean(); several points: at=[(1.0,), (2.0,)])"
            )
        if y._data.dtype.kind == "c":
            raise StudyError("the function returned a complex number; a study needs a real one (take .real or .abs())")
        return y if y._data.ndim == 0 else y.reshape(())

    def at_flat(self, t: Tensor) -> Tensor:
        """f of one flat tensor, cut into the arguments."""
        sizes = [int(np.prod(s)) for s in self.shapes]
        return self._output([part.reshape(shape) for part, shape in zip(t.split(sizes), self.shapes)])

    def value(self, x: np.ndarray) -> float:
        """f(x)."""
        return float(self._output(self.tensors(x, False)).item())

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """f(x) and ∇f(x), by backward."""
        args = self.tensors(x)
        y = self._output(args)
        if not y._needs:
            return float(y.item()), np.zeros(self.size)
        grads = grad(y, args, materialize_grads=True)
        return float(y.item()), np.concatenate([np.ravel(g._data) for g in grads])

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇f(x)."""
        return self.value_and_gradient(x)[1]

    def values(self, points: np.ndarray) -> np.ndarray:
        """f at many points, an array (…, size): in one call where f works element by element, else one after another."""
        rows = points.reshape(-1, self.size)
        whole = self._at_once(rows, slopes=False)
        found = np.array([self.value(x) for x in rows]) if whole is None else whole
        return found.reshape(points.shape[:-1])

    def slopes(self, xs: np.ndarray) -> np.ndarray:
        """f'(x) at many x, of a function of one number."""
        whole = self._at_once(xs[:, None], slopes=True)
        return np.array([self.gradient(np.array([x]))[0] for x in xs]) if whole is None else whole

    def _at_once(self, rows: np.ndarray, slopes: bool) -> np.ndarray | None:
        """All rows in one call, or None where that fails or gives something else than single calls at nine of them."""
        if any(self.shapes) or len(rows) < 32:
            return None
        args = [Tensor._wrap(np.ascontiguousarray(column)) for column in rows.T]
        for t in args:
            t._needs = slopes
        try:
            y = self.call(*args)
            if not isinstance(y, Tensor) or y._data.shape != (len(rows),) or slopes and not y._needs:
                return None
            found = np.array(grad(y.sum(), args[0])[0]._data if slopes else y._data, np.float64)
        except Exception:  # noqa: BLE001 - a function of single numbers may raise anything when it is given many
            return None
        some = np.linspace(0, len(rows) - 1, 9).astype(int)
        single = np.array([self.gradient(rows[i])[0] if slopes else self.value(rows[i]) for i in some])
        return found if np.allclose(found[some], single, rtol=1e-12, atol=1e-300, equal_nan=True) else None

    def gradient_and_hessian(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """∇f(x) and the matrix of second derivatives, by backward through backward."""
        n = self.size
        args = self.tensors(x)
        y = self._output(args)
        if not y._needs:
            return np.zeros(n), np.zeros((n, n))
        first = grad(y, args, create_graph=True, materialize_grads=True)
        parts = [p for g in first for p in (g.reshape(-1).unbind() if g._data.ndim else [g])]
        rows = []
        for p in parts:
            if not p._needs:
                rows.append(np.zeros(n))
                continue
            second = grad(p, args, retain_graph=True, materialize_grads=True)
            rows.append(np.concatenate([np.ravel(g._data) for g in second]))
        h = np.array(rows).reshape(n, n)
        return np.array([float(p.item()) for p in parts]), (h + h.T) / 2

    def finite_difference(self, x: np.ndarray, seconds: float = 2.0) -> np.ndarray:
        """∇f(x) from values alone, nan where f has none on both sides; of as many of the variables as `seconds` allow, at most 1,000.

        Central differences of shrinking steps, extrapolated to step zero as far as that improves them (Ridders, Advances in
        Engineering Software 4, 1982).
        """
        out = np.full(self.size, math.nan)
        until = time.monotonic() + seconds
        for i in range(0, self.size, -(-self.size // 1000)):
            if i and time.monotonic() > until:
                break
            out[i] = self._ridders(x, i)
        return out

    def _ridders(self, x: np.ndarray, i: int) -> float:
        h = 0.05 * max(abs(x[i]), 0.1)
        best, error = math.nan, math.inf
        before: list[float] = []
        for _ in range(22):
            ahead, behind = self.value(_moved(x, i, h)), self.value(_moved(x, i, -h))
            if math.isfinite(ahead) and math.isfinite(behind):
                row = [(ahead - behind) / (2 * h)]
                rounding = 2**-53 * max(abs(ahead), abs(behind)) / h
                for k, coarse in enumerate(before[:5]):
                    row.append(row[k] + (row[k] - coarse) / (4.0 ** (k + 1) - 1))
                    off = max(abs(row[-1] - row[k]), abs(row[-1] - coarse)) + rounding
                    if off < error:
                        best, error = row[-1], off
                best = row[0] if math.isnan(best) else best
                before = row
            else:
                before = []  # a step too wide for the function's domain
            h /= 2
        return best

    def kink(self, x: np.ndarray, i: int) -> tuple[float, float] | None:
        """The slopes to the left and to the right along component i, where they differ: then f has no derivative by it at x.

        They differ if what lies between them does not shrink with the step; where f itself jumps, the slopes are infinite.
        """
        value = self.value(x)
        h = 1e-5 * (1 + abs(x[i]))
        sides = [((value - self.value(_moved(x, i, -s))) / s, (self.value(_moved(x, i, s)) - value) / s) for s in (h, h / 10)]
        if not np.isfinite(sides).all():
            return None
        jumps = [abs(fine) > 5 * abs(coarse) and abs(fine) * h > 1e-9 * max(1.0, abs(value)) for coarse, fine in zip(*sides)]
        if any(jumps):  # the difference of the values stays as it is while the step shrinks
            left, right = (math.copysign(math.inf, s) if jump else s for s, jump in zip(sides[1], jumps))
            return left, right
        (coarse, fine), (left, right) = [abs(right - left) for left, right in sides], sides[1]
        noise = 1e-13 * abs(value) / h
        return None if fine < 0.5 * coarse or fine <= 100 * noise or fine < 1e-6 * max(abs(left), abs(right)) else (left, right)

    def record(self, x: np.ndarray) -> tuple[Program, Tape]:
        """The program of f, of its gradient by each argument (where it has one), and of the conditions that it decided by."""
        tape = Tape()
        args = self.tensors(x)
        for t in args:
            t._data = tape.input(t._data)
        y = self._output(args)
        outputs: list[Any] = [y._data]
        if y._needs:
            grads = grad(y, args, grad_outputs=Tensor._wrap(np.float64(1)), allow_unused=True)
            outputs += [np.float64(0) if g is None else g._data for g in grads]
        return tape.program([*outputs, *(b.condition for b in tape.branches)]), tape


def _moved(x: np.ndarray, i: int, by: float) -> np.ndarray:
    out = x.copy()
    out[i] += by
    return out


def as_function(f: Callable[..., Any], point: Any) -> tuple[Function, np.ndarray]:
    """A Function with shapes read off a first point, and that point flat."""
    names = getattr(f, "names", None)
    if names is None:
        try:
            parameters = list(inspect.signature(f).parameters.values())
        except (TypeError, ValueError):
            raise StudyError("the function's arguments cannot be read: pass a def or a lambda") from None
        for p in parameters:
            if p.kind == p.VAR_POSITIONAL:
                raise StudyError(f"the function takes *{p.name}: give each argument a name, or let it take one vector")
            if p.kind == p.KEYWORD_ONLY and p.default is p.empty:
                raise StudyError(f"the function's argument {p.name} can be given by name only: fix it, as in lambda x: f(x, {p.name}=…)")
        names = tuple(p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    arrays = _arrays(point, tuple(names))
    function = Function(f, tuple(names), tuple(a.shape for a in arrays), getattr(f, "text", None))
    return function, flat(arrays)


def flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays as one vector."""
    return np.concatenate([a.ravel() for a in arrays]) if arrays else np.empty(0)


def point_of(function: Function, point: Any) -> np.ndarray:
    """A further point of the same function, flat."""
    arrays = _arrays(point, function.names)
    if tuple(a.shape for a in arrays) != function.shapes:
        raise StudyError(f"the point {point!r} has shapes {[a.shape for a in arrays]}; the first had {list(function.shapes)}")
    return flat(arrays)


def _arrays(point: Any, names: tuple[str, ...]) -> list[np.ndarray]:
    if isinstance(point, Mapping):
        missing = [n for n in names if n not in point]
        unknown = [n for n in point if n not in names]
        if missing or unknown:
            raise StudyError(f"the point names {', '.join(map(str, point))}; the function takes {', '.join(names) or 'nothing'}")
        values = [point[n] for n in names]
    elif len(names) == 1:
        values = [point]
    elif isinstance(point, (tuple, list, np.ndarray, Tensor)) and len(point) == len(names):
        values = list(point)
    else:
        raise StudyError(f"the function takes {len(names)} arguments ({', '.join(names)}); the point {point!r} does not fit")
    out = []
    for name, value in zip(names, values):
        try:
            a = np.asarray(value.detach().numpy() if isinstance(value, Tensor) else value, dtype=np.float64)
        except (TypeError, ValueError):
            raise StudyError(f"{name}={value!r} is not a number or an array of numbers") from None
        if not np.isfinite(a).all():
            raise StudyError(f"{name}={value!r} is not finite")
        out.append(a)
    return out
