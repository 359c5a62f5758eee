"""Signals: windows, transforms of short stretches and back, differences along a grid."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import defaults
from ..tensor import Tensor
from .arrangements import unfold
from .creation import made
from .fourier import _c2c, _c2r, _r2c
from .indexing import _embed_add
from .joins import cat
from .padding import pad
from .pointwise import view_as_real
from .shapes import reshape, to, transpose, wrap_dim


# ------------------------------------------------------------------------------------------------ windows
def cosines(*a: float) -> Callable[[np.ndarray, int], np.ndarray]:
    """Σₖ (−1)ᵏ aₖ · cos(2πkj/n), for places j of n + 1."""
    return lambda j, n: np.sum([(-1) ** k * c * np.cos(2 * math.pi * k * j / n) for k, c in enumerate(a)], axis=0)


def bartlett(j: np.ndarray, n: int) -> np.ndarray:
    """1 − |2j/n − 1|."""
    return 1 - np.abs(2 * j / n - 1)


def kaiser(beta: float) -> Callable[[np.ndarray, int], np.ndarray]:
    """I₀(β√(1 − (2j/n − 1)²)) / I₀(β)."""
    return lambda j, n: np.i0(beta * np.sqrt(np.maximum(1 - (2 * j / n - 1) ** 2, 0))) / np.i0(beta)


def window(formula: Callable[[np.ndarray, int], np.ndarray], length: int, periodic: bool, dtype: Any, requires_grad: bool, device: Any) -> Tensor:
    """The formula's values at 0, 1, … of a window that is as long, or, if it is one period, longer by one that is left out."""
    n = length - (not periodic)
    values = np.ones(length) if length < 2 else formula(np.arange(length, dtype=np.float64), n)
    return made(values.astype((dtype or defaults.real).numpy), requires_grad, device)


def _named(name: str, formula_of: Callable[..., Any], says: str) -> Any:
    def call(
        window_length: int, periodic: bool = True, *shape: float, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
        requires_grad: bool = False, **named: float,
    ) -> Tensor:  # fmt: skip
        if not isinstance(window_length, (int, np.integer)):
            raise errors.argument(name, "window_length", 1, "int", window_length)
        if dtype is not None and not dtype.is_floating_point:
            raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
        if window_length < 0:
            raise RuntimeError(f"{name} requires non-negative window_length, got window_length={window_length}")
        return window(formula_of(*shape, **named), window_length, periodic, dtype, requires_grad, device)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"A window of so many values, {says}; `periodic` for one period of a longer signal, else symmetric."
    return call


hann_window = _named("hann_window", lambda: cosines(0.5, 0.5), "½ − ½ cos(2πj/n)")
hamming_window = _named("hamming_window", lambda alpha=0.54, beta=0.46: cosines(alpha, beta), "α − β cos(2πj/n)")
blackman_window = _named("blackman_window", lambda: cosines(0.42, 0.5, 0.08), "0.42 − 0.5 cos(2πj/n) + 0.08 cos(4πj/n)")
bartlett_window = _named("bartlett_window", lambda: bartlett, "1 − |2j/n − 1|")
kaiser_window = _named("kaiser_window", lambda beta=12.0: kaiser(beta), "I₀(β√(1 − (2j/n − 1)²)) / I₀(β)")


# ------------------------------------------------------------------------------------------------ short stretches
def _one_or_none(value: Any) -> str:
    return "None" if value is None else str(int(value))


def _shown(t: Tensor | None, cpu: bool = False) -> str:
    if t is None:
        return "None"
    kind = t.dtype.type_name
    return f"{f'CPU{kind}Type' if cpu else f'torch.{kind}Tensor'}[{', '.join(map(str, t.shape))}]"


def _window_of(window: Tensor | None, win_length: int, n_fft: int) -> Tensor | None:
    """The window in the middle of n_fft values; a shorter stretch has ones."""
    if window is None and win_length < n_fft:
        window = Tensor._wrap(np.ones(win_length, defaults.numpy))
    left = (n_fft - win_length) // 2
    return pad(window, (left, n_fft - win_length - left)) if window is not None and win_length < n_fft else window


def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None, center: bool = True,
    pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """The Fourier transforms of stretches of n_fft values, `hop_length` (n_fft // 4) apart, each times a window: (…, frequencies, stretches).

    `center` puts each stretch's middle at its place, the signal continued at its ends by `pad_mode`; `normalized` divides by √n_fft; real signals
    give the first half of the frequencies unless `onesided` is False. input: (time,) or (batch, time).

    >>> import glassgrad as gg
    >>> gg.stft(gg.ones(8), 4, window=gg.ones(4), return_complex=True).shape
    torch.Size([3, 9])
    """
    if center:
        if align_to_window is not None:
            raise RuntimeError("stft only supports align_to_window for center = False.")
        shape = tuple(input.shape)
        input = reshape(pad(reshape(input, (1,) * (3 - len(shape)) + shape), (n_fft // 2, n_fft // 2), pad_mode), (*shape[:-1], -1))
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied,which is known to cause spectral leakage. Other windows such as "
            "torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage.To suppress this warning and use a rectangular "
            "window, explicitly set `window=torch.ones(n_fft, device=<device>)`.", stacklevel=2,
        )  # fmt: skip

    def refuse(what: str) -> None:
        w = "None" if window is None else _shown(window).replace("[", "{[") + "}"
        raise RuntimeError(
            f"stft({_shown(input)}, n_fft={n_fft}, hop_length={hop}, win_length={length}, window={w}, normalized={int(normalized)}, "
            f"onesided={_one_or_none(onesided)}, return_complex={_one_or_none(return_complex)}, align_to_window={_one_or_none(align_to_window)}) : {what}"
        )

    imaginary = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not imaginary:
            raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True "
                               "in a future PyTorch release.")  # fmt: skip
        return_complex = True
    if not (input.is_floating_point() or input.is_complex()):
        refuse("expected a tensor of floating point or complex values")
    if input.ndim not in (1, 2):
        refuse("expected a 1D or 2D tensor")
    many = input.shape[-1]
    if not 0 < n_fft <= many:
        refuse(f"expected 0 < n_fft < {many}, but got n_fft={n_fft}")
    if hop <= 0:
        refuse(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        refuse(f"expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and tuple(window.shape) != (length,):
        refuse(f"expected a 1D window tensor of size equal to win_length={length}, but got window with size {list(window.shape)}")
    half = not imaginary if onesided is None else onesided
    if half and imaginary:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    pieces = unfold(input, -1, n_fft, hop)
    weights = _window_of(window, length, n_fft)
    if weights is not None:
        pieces = pieces * weights
    last, factor = (pieces.ndim - 1,), int(normalized)
    found = transpose(_c2c(pieces, last, factor, True) if pieces.is_complex() else _r2c(pieces, last, factor, half), -1, -2)
    return found if return_complex else view_as_real(found)


def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None, center: bool = True,
    normalized: bool = False, onesided: bool | None = None, length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal whose `stft` with the same settings comes nearest: the stretches added where they overlap, over the sum of the squared windows.

    Source: Griffin and Lim, Signal estimation from modified short-time Fourier transform, IEEE Trans. ASSP 32 (1984).

    >>> import glassgrad as gg
    >>> x, w = gg.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), gg.ones(4)
    >>> gg.istft(gg.stft(x, 4, window=w, return_complex=True), 4, window=w)
    tensor([1., 2., 3., 4., 5., 6.])
    """
    if not input.is_complex():
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with return_complex=True.")
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied.Please provide the same window used by stft to make the inversion "
            "lossless.To suppress this warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`.", stacklevel=2,
        )  # fmt: skip

    def refuse(what: str, colon: str = " :") -> None:
        w = "None" if window is None else _shown(window).replace("[", "{[") + "}"
        raise RuntimeError(
            f"istft({_shown(input, True)}, n_fft={n_fft}, hop_length={hop}, win_length={width}, window={w}, center={int(center)}, "
            f"normalized={int(normalized)}, onesided={_one_or_none(onesided)}, length={length}, return_complex={int(return_complex)}){colon} {what}"
        )

    if not input.numel():
        refuse("input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        refuse(f"expected a tensor with 3 or 4 dimensions, but got {input.ndim + 1}")
    frequencies, many = input.shape[-2], input.shape[-1]
    half = (frequencies != n_fft) if onesided is None else onesided
    want = n_fft // 2 + 1 if half else n_fft
    if frequencies != want:
        formula = "n_fft / 2 + 1" if half else "n_fft"
        refuse(f"expected the frequency dimension (3rd to the last) of the input tensor to match {formula} when onesided={half}, but got {frequencies}")
    if not 0 < hop <= width:
        refuse("expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        refuse("expected 0 < win_length <= n_fft")
    if window is not None and tuple(window.shape) != (width,):
        refuse(f"Invalid window shape. window has to be 1D and length of `win_length`, but got {list(window.shape)}")
    if half and return_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    real = input.real.dtype
    weights = _window_of(window, width, n_fft)
    weights = Tensor._wrap(np.ones(n_fft, real.numpy)) if weights is None else weights
    spectra = transpose(input, -1, -2)
    last, factor = (spectra.ndim - 1,), 1 if normalized else 2
    if return_complex:
        pieces = _c2c(spectra, last, factor, False)
    else:
        pieces = _c2r(spectra if half else spectra[..., : n_fft // 2 + 1], last, factor, n_fft)
    total = n_fft + hop * (many - 1)
    at = (..., np.arange(many)[:, None] * hop + np.arange(n_fft))
    signal = _embed_add(pieces * weights, at, (*input.shape[:-2], total))
    envelope = _embed_add(to((weights * weights).expand(many, n_fft), real), at, (total,))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    signal, envelope = signal[..., start:end], envelope[start:end]
    smallest = envelope.detach().abs().min()
    if not smallest > 1e-11:
        refuse("window overlap add min: 1", "")
    found = signal / envelope
    missing = end - start - found.shape[-1]
    if missing > 0:
        warnings.warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your center "
                      "and hop_length settings.", stacklevel=2)  # fmt: skip
        found = pad(found, (0, missing))
    return found


# ------------------------------------------------------------------------------------------------ differences
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Estimates of the derivatives along dims from values on a grid: second-order differences inside, of `edge_order` at the ends.

    `spacing` is the distance between places, one number or one for each dim, or a list of tensors of places. Source: Fornberg, Generation of finite
    difference formulas on arbitrarily spaced grids, Mathematics of Computation 51 (1988).

    >>> import glassgrad as gg
    >>> gg.gradient(gg.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    along = [wrap_dim(d, input.ndim) for d in dims]
    for i, d in enumerate(along):
        if d in along[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    given = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(along)
    if len(given) != len(along):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = {input.ndim}', since dim argument was "
            f"not given, but got a list of length {len(given)}" if dim is None else
            f"torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, but got a spacing "
            f"argument of length {len(given)} and a dim argument of length {len(along)}."
        )  # fmt: skip
    if any(input.shape[d] < edge_order + 1 for d in along):
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    x = input if input.is_floating_point() or input.is_complex() else to(input, defaults.real)
    return tuple(_derivative(x, d, h, edge_order) for d, h in zip(along, given))


def _derivative(x: Tensor, d: int, spacing: Any, edge_order: int) -> Tensor:
    n = x.shape[d]
    if isinstance(spacing, Tensor) and spacing.ndim:
        places = np.asarray(spacing.detach()._data, np.float64)
        if len(places) != n:
            raise RuntimeError(f"torch.gradient expected the coordinates of dim {d} to be {n}, and got {len(places)}")
        steps: Any = np.diff(places)
    else:
        steps = float(spacing)

    def at(start: int, stop: int) -> Tensor:
        return x.narrow(d, start, stop - start)

    def scaled(t: Tensor, factor: Any) -> Tensor:
        """t times numbers, one for each place along d."""
        shape = tuple(-1 if k == d else 1 for k in range(x.ndim))
        return t * (factor if np.ndim(factor) == 0 else to(reshape(Tensor._wrap(np.asarray(factor)), shape), x.real.dtype if x.is_complex() else x.dtype))

    def edge(places: Sequence[int], h: Any, k: Any, sign: int) -> Tensor:
        """From the end's value and its neighbours', h and k apart."""
        a, b, *rest = [at(p, p + 1) for p in places]
        if edge_order == 1:
            return (b - a if sign > 0 else a - b) * (1 / h)
        return sign * (a * (-(2 * h + k) / (h * (h + k))) + b * ((h + k) / (h * k)) + rest[0] * (-h / (k * (h + k))))

    h = np.full(n - 1, steps) if np.ndim(steps) == 0 else steps
    first, second = (float(h[0]), float(h[1]) if n > 2 else 0.0), (float(h[-1]), float(h[-2]) if n > 2 else 0.0)
    ends = [edge((0, 1, 2)[: edge_order + 1], *first, 1), edge((n - 1, n - 2, n - 3)[: edge_order + 1], *second, -1)]
    if n == 2:
        return cat(ends, d)
    if np.ndim(steps) == 0:
        inner = (at(2, n) - at(0, n - 2)) / (2 * steps)
    else:
        before, after = h[:-1], h[1:]
        both = before + after
        inner = scaled(at(0, n - 2), -after / (before * both)) + scaled(at(1, n - 1), (after - before) / (before * after))
        inner = inner + scaled(at(2, n), before / (after * both))
    return cat([ends[0], inner, ends[1]], d)
