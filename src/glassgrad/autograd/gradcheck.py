"""gradcheck: the gradient that backward computes against the one that finite differences give.

The numerical derivative is the central difference (f(x + eps) - f(x - eps)) / (2 eps). A complex output is checked by its imaginary part
and by its real part, each a real function; the gradient of a real L by z = a + ib is ∂L/∂a + i ∂L/∂b.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..graph.memory import materialize
from ..placement import Size
from ..tensor import Tensor
from .backward import grad
from .function import Function
from .gradcheck_forward import check_forward

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

UNDEFINED = (
    'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"',
    "a Function with set_materialize_grads(False) gets None for an output that nothing depends on: it counts as zeros",
)
IMAGINARY = "While considering the imaginary part of complex outputs only, "
REAL = "While considering the real part of complex outputs only, "


class GradcheckError(RuntimeError):
    """A gradient is not what finite differences say, or backward does not behave."""


class Undefined(Function):
    """Passes its input on, and no gradient back."""

    _anywhere = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
    nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False, check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:  # fmt: skip
    """Whether the gradients of `func` by its `inputs` that require grad are those of finite differences, within `atol + rtol·|numerical|`.

    Compares whole Jacobians, or with `fast_mode` their product with a random vector on either side. Also checks that backward is linear
    in the incoming gradient, gives the same twice (within `nondet_tol`), and takes undefined gradients; with `check_forward_ad` likewise the
    tangents of forward mode. Inputs should be float64. Raises GradcheckError, or returns False without `raise_exception`; ValueError when no
    input requires grad. `masked` is of sparse tensors.
    Source: https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html

    >>> import glassgrad as gg
    >>> gg.autograd.gradcheck(lambda x: x.sin() * x, gg.tensor([1.0, 2.0], dtype=gg.float64, requires_grad=True))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    check = Check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes)
    try:
        outputs = check.outputs()
        if not outputs:
            check.still()
        parts = [
            (check_forward_ad, lambda: check_forward(check, fast_mode, check_batched_forward_grad, check_undefined_grad, GradcheckError)),
            (check_backward_ad, lambda: check.run(fast_mode, check_batched_grad, check_undefined_grad)),
        ]
        complex_ones = any(o.is_complex() for o in outputs)
        for wanted, run in parts[::-1] if complex_ones else parts:
            if outputs and wanted:
                run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
    fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """`gradcheck` of the gradients of `func`, by its inputs and by the `grad_outputs` (random numbers, if none are given).

    >>> import glassgrad as gg
    >>> gg.autograd.gradgradcheck(lambda x: x**3, gg.tensor([1.0, 2.0], dtype=gg.float64, requires_grad=True))
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    given = _tuple(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        starts = tuple(_random(rng, o, gen_non_contig_grad_outputs) for o in _differentiable(func(*given)))
    else:
        starts = _tuple(grad_outputs)

    def gradients(*args: Any) -> tuple[Any, ...]:
        arguments, gs = args[: len(given)], args[len(given) :]
        outputs = _differentiable(func(*arguments))
        found = grad(outputs, _needing(arguments), gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients, (*given, *starts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, fast_mode=fast_mode, masked=masked,
    )  # fmt: skip


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _needing(values: Any) -> list[Any]:
    return [v for v in values if isinstance(v, Tensor) and v.requires_grad]


def _differentiable(outputs: Any) -> tuple[Any, ...]:
    return tuple(o for o in _tuple(outputs) if o.requires_grad)


def _random(rng: np.random.Generator, like: Tensor, scattered: bool) -> Tensor:
    """A gradient to start with, of an output's shape and kind; `scattered`, not contiguous."""
    shape, dtype = like._data.shape, like._data.dtype
    wide = (*shape[:-1], 2 * shape[-1]) if scattered and shape else shape
    values = rng.standard_normal(wide) + (1j * rng.standard_normal(wide) if dtype.kind == "c" else 0)
    data = np.asarray(values, dtype)[..., ::2] if wide != shape else np.asarray(values, dtype)
    t = Tensor._wrap(data)
    t._needs = True
    return t


class Check:
    """One run of gradcheck: the function, its inputs, and how near is near enough."""

    def __init__(self, func: Any, inputs: Any, eps: float, atol: float, rtol: float, nondet_tol: float, dtypes: bool):
        self.func, self.inputs, self.eps, self.atol, self.rtol, self.nondet_tol, self.dtypes = func, _tuple(inputs), eps, atol, rtol, nondet_tol, dtypes
        self.needing = _needing(self.inputs)
        if not self.needing:
            raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.")
        for i, x in enumerate(self.inputs):
            if not (isinstance(x, Tensor) and x.requires_grad):
                continue
            if x._data.dtype not in (np.float64, np.complex128):
                warnings.warn(
                    f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely fail if "
                    "all the inputs are not of double precision floating point or complex. ", UserWarning, stacklevel=4,
                )  # fmt: skip
            if x._data.size and any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape)):
                raise RuntimeError(
                    f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to "
                    "compute the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck."
                )

    def run(self, fast: bool, batched: bool, undefined: bool) -> None:
        outputs = self.outputs()
        complex_ones = any(o._data.dtype.kind == "c" for o in outputs)
        for part, said in ((np.imag, IMAGINARY), (np.real, REAL)) if complex_ones else ((np.real, ""),):
            (self._fast if fast else self._slow)(part, said)
        if batched:
            self._batched(outputs)
        self._linear()
        if undefined:
            self._undefined(len(outputs))

    def outputs(self) -> tuple[Any, ...]:
        return _differentiable(self.func(*self.inputs))

    def differentiable(self, outputs: Any) -> tuple[Any, ...]:
        return _differentiable(outputs)

    def values(self, part: Any) -> list[np.ndarray]:
        """The outputs' real or imaginary parts."""
        return [np.array(part(o._data)) for o in self.outputs()]

    def moved(self, x: Tensor, where: Any, by: Any, values: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
        """The central difference of the values over a step of an input."""
        data = materialize(x)
        before = data[where].copy()
        ends = []
        try:
            for step in (by, -by):
                data[where] = before + step
                ends.append(values())
        finally:
            data[where] = before
        for up, down in zip(*ends):
            for what, a, b in (("shape", Size(up.shape), Size(down.shape)), ("dtype", FROM_NUMPY[up.dtype], FROM_NUMPY[down.dtype])):
                if a != b:
                    at = "" if where is ... else f"on index {where} "
                    raise AssertionError(
                        f"Expected `func` to return outputs with the same {what} when inputs are perturbed {at}by {self.eps}, but got: {what}s {b} and {a}."
                    )
        return [(np.subtract(a, b, dtype=np.result_type(a, b, np.float32)) / (2 * self.eps)).ravel() for a, b in zip(*ends)]

    def numerical(self, x: Tensor, values: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
        """The Jacobian of each output by an input: a row for each of its elements."""
        rows = []
        for where in np.ndindex(x._data.shape):
            columns = self.moved(x, where, self.eps, values)
            if x._data.dtype.kind == "c":
                columns = [a + 1j * b for a, b in zip(columns, self.moved(x, where, 1j * self.eps, values))]
            rows.append(columns)
        return [np.array([row[i] for row in rows]).reshape(x._data.size, v.size) for i, v in enumerate(values())]

    def gradients(self, outputs: Any, i: int, start: np.ndarray) -> list[np.ndarray]:
        """The gradient of output `i` by each input, zeros where there is none."""
        g = Tensor._wrap(np.asarray(start.reshape(outputs[i]._data.shape), outputs[i]._data.dtype))
        found = grad(outputs[i], self.needing, g, retain_graph=True, allow_unused=True)
        for x, gx in zip(self.needing, found):
            if gx is not None and self.dtypes and gx.dtype != x.dtype:
                raise GradcheckError("Gradient has dtype mismatch")
        return [np.zeros(x._data.size, x._data.dtype) if gx is None else np.array(gx._data).ravel() for x, gx in zip(self.needing, found)]

    def analytical(self, outputs: Any, i: int, unit: Any) -> list[np.ndarray]:
        """The Jacobian of output `i` by each input, from one backward for each of its elements."""
        columns = [self.gradients(outputs, i, unit * row) for row in np.eye(outputs[i]._data.size)]
        return [np.array([c[j] for c in columns]).reshape(outputs[i]._data.size, x._data.size).T for j, x in enumerate(self.needing)]

    def near(self, analytical: Any, numerical: Any, atol: float) -> bool:
        return bool(np.allclose(analytical, numerical, rtol=self.rtol, atol=atol))

    def _slow(self, part: Any, said: str) -> None:
        numerical = [self.numerical(x, lambda: self.values(part)) for x in self.needing]
        outputs = self.outputs()
        for i in range(len(outputs)):
            unit = _unit(outputs[i], part)
            first, again = (self.analytical(outputs, i, unit) for _ in range(2))
            for j, a in enumerate(first):
                n = numerical[j][i]
                if not self.near(a, n, self.atol):
                    raise self.mismatch(said, i, j, _show(n), _show(a), n, a)
                self.same(a, again[j])

    def _fast(self, part: Any, said: str) -> None:
        rng = np.random.default_rng(0)
        outputs = self.outputs()
        left = [_direction(rng, o._data.shape, False) for o in outputs]
        for j, x in enumerate(self.needing):
            right = _direction(rng, x._data.shape, x._data.dtype.kind == "c")
            numerical = self.moved(x, ..., self.eps * right, lambda: self.values(part))
            for i, v in enumerate(left):
                n = float(v.ravel() @ numerical[i])
                a, again = (_inner(self.gradients(outputs, i, _unit(outputs[i], part) * v)[j], right) for _ in range(2))
                if not self.near(a, n, self.atol * float(abs(right).sum() * v.sum())):
                    whole = self.numerical(x, lambda: self.values(part))[i]
                    raise self.mismatch(said, i, j, str(n), str(a), whole, self.analytical(outputs, i, _unit(outputs[i], part))[j])
                self.same(a, again)

    def same(self, first: Any, again: Any) -> None:
        if np.max(abs(np.subtract(first, again)), initial=0) > self.nondet_tol:
            raise errors.explain(
                GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, "
                    "although analytical gradient matches numerical gradient."
                    f"The tolerance for nondeterminism was {self.nondet_tol}."
                ),
                f"two backward passes over one graph differ by up to {np.max(abs(np.subtract(first, again))):.3g}",
                fix="let backward keep no state; if the function is random by design, pass nondet_tol",
            )

    def mismatch(self, said: str, i: int, j: int, n: str, a: str, numerical: np.ndarray, analytical: np.ndarray, forward: bool = False) -> GradcheckError:
        """The error for a gradient that is wrong, with the element that is worst."""
        row, column = np.unravel_index(int(np.argmax(np.nan_to_num(abs(analytical - numerical), nan=np.inf))), numerical.shape)
        x = np.unravel_index(int(row), self.needing[j]._data.shape)
        y = np.unravel_index(int(column), self.outputs()[i]._data.shape)
        at = lambda index: "" if not index else str([int(k) for k in index])  # noqa: E731
        mode, who = ("computed with forward mode ", "jvp") if forward else ("", "backward")
        return errors.explain(
            GradcheckError(f"{said}Jacobian {mode}mismatch for output {i} with respect to input {j},\nnumerical:{n}\nanalytical:{a}\n"),
            f"worst is the derivative of output {i}{at(y)} by input {j}{at(x)}: finite differences say {numerical[row, column]:.6g}, "
            f"{who} {analytical[row, column]:.6g}",
            fix=f"check the rule in {who}; at a kink or a jump no derivative is right, and float32 inputs need a larger eps and atol",
        )

    def still(self) -> None:
        """Checks a function none of whose outputs requires grad: it must not depend on the inputs."""
        values = lambda: [np.array(o._data) for o in _tuple(self.func(*self.inputs))]  # noqa: E731
        if any(abs(n).max(initial=0) > self.eps for x in self.needing for n in self.numerical(x, values)):
            raise errors.explain(
                GradcheckError("Numerical gradient for function expected to be zero"),
                "no output requires grad, yet they change with the inputs: the graph was cut on the way (detach, .data, no_grad, NumPy)",
            )

    def _batched(self, outputs: Any) -> None:
        rng = np.random.default_rng(0)
        for i, o in enumerate(outputs):
            batch = np.stack([np.asarray(_direction(rng, o._data.shape, False), o._data.dtype) for _ in range(2)])
            one_by_one = [self.gradients(outputs, i, b) for b in batch]
            together = grad(o, self.needing, Tensor._wrap(batch), retain_graph=True, allow_unused=True, is_grads_batched=True)
            for j, g in enumerate(together):
                if g is not None and not np.allclose(g._data.reshape(2, -1), [one[j] for one in one_by_one]):
                    raise GradcheckError(
                        f"For output {i} and input {j}:\n\ngradcheck or gradgradcheck failed while testing batched gradient computation."
                    )

    def _linear(self) -> None:
        """Checks that an incoming gradient of zeros gives zeros."""
        outputs = self.outputs()
        zeros = [Tensor._wrap(np.zeros_like(o._data)) for o in outputs]
        for g in grad(outputs, self.needing, zeros, retain_graph=True, allow_unused=True):
            if g is not None and np.any(g._data != 0):
                raise errors.explain(
                    GradcheckError("backward not multiplied by grad_output"), "for incoming gradients of zeros backward gave something else than zeros"
                )

    def _undefined(self, count: int) -> None:
        """Checks backward with no gradient for any output, then for each of several alone."""
        for missing in [range(count), *([i] for i in range(count) if count > 1)]:
            outputs = [Undefined.apply(o) if i in missing else o for i, o in enumerate(self.outputs())]
            zeros = [Tensor._wrap(np.zeros_like(o._data)) for o in outputs]
            try:
                found = grad(outputs, self.needing, zeros, allow_unused=True)
            except RuntimeError as error:
                raise errors.explain(
                    GradcheckError(f"Expected backward function to handle undefined output grads. {UNDEFINED[0]}"), UNDEFINED[1]
                ) from error
            if any(g is not None and np.any(g._data != 0) for g in found):
                raise errors.explain(
                    GradcheckError(
                        f"Expected all input grads to be undefined or zero when all output grads are undefined or zero. {UNDEFINED[0]}"
                    ), UNDEFINED[1],
                )  # fmt: skip


def _unit(output: Tensor, part: Any) -> Any:
    """The gradient of a part of a complex output by the output itself: 1, or i for the imaginary part."""
    return 1j if part is np.imag and output._data.dtype.kind == "c" else 1


def _direction(rng: np.random.Generator, shape: Any, complex_one: bool) -> np.ndarray:
    """A random direction of length one, no part of it negative."""
    v = rng.random(shape) + (1j * rng.random(shape) if complex_one else 0)
    return np.asarray(v / max(float(np.linalg.norm(np.ravel(v))), 1e-300))


def _inner(gradient: np.ndarray, direction: np.ndarray) -> float:
    """How fast a real function with this gradient grows in a direction."""
    return float(np.real(np.conj(gradient) @ direction.ravel()))


def _show(jacobian: np.ndarray) -> str:
    return repr(Tensor._wrap(jacobian))
