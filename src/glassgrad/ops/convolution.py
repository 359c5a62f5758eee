"""Convolutions as products: the windows of the input, copied into columns, times the kernel; transposed, the other way round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..tensor import Tensor
from . import windows
from .declare import linear, vjp
from .numpy_protocol import FUNCTIONS
from .runtime import conj
from .windows import counts

_columns = linear(
    "_columns", lambda self, kernel_size, stride, padding, dilation: windows.columns(self, kernel_size, stride, padding, dilation),
    lambda grad, self_shape, kernel_size, stride, padding, dilation: windows.add_back(grad, tuple(self_shape[2:]), kernel_size, stride, padding, dilation),
    node="Im2ColBackward0")  # fmt: skip
_add_back = linear(
    "_add_back", lambda self, output_size, kernel_size, stride, padding, dilation: windows.add_back(self, output_size, kernel_size, stride, padding, dilation),
    lambda grad, kernel_size, stride, padding, dilation: windows.columns(grad, kernel_size, stride, padding, dilation), node="Col2ImBackward0")  # fmt: skip
FUNCTIONS |= {windows.columns: _columns, windows.add_back: _add_back}


# ------------------------------------------------------------------------------------------------ forward
# Columns have shape (N, groups, C / groups · Πkernel, windows), kernels (groups, O / groups, C / groups · Πkernel).
def _grouped(columns: Any, groups: int) -> Any:
    n, rows, many = columns.shape
    return np.reshape(columns, (n, groups, rows // groups, many))


def _kernels(weight: Any, groups: int) -> Any:
    shape = weight.shape
    return np.reshape(weight, (groups, shape[0] // groups, math.prod(shape[1:])))


def _convolved(self: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    kernel = tuple(weight.shape[2:])
    many = counts(self.shape[2:], kernel, stride, padding, dilation)
    columns = _grouped(windows.columns(self, kernel, stride, padding, dilation), groups)
    return np.reshape(np.matmul(_kernels(weight, groups), columns), (self.shape[0], weight.shape[0], *many))


def _by_input(grad: Any, weight: Any, self_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    flat = _grouped(np.reshape(grad, (grad.shape[0], grad.shape[1], math.prod(grad.shape[2:]))), groups)
    columns = np.matmul(np.swapaxes(conj(_kernels(weight, groups)), -1, -2), flat)
    shape = columns.shape
    return windows.add_back(
        np.reshape(columns, (shape[0], shape[1] * shape[2], shape[3])), tuple(self_shape[2:]), tuple(weight.shape[2:]), stride, padding, dilation
    )


def _by_weight(grad: Any, self: Any, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    flat = _grouped(np.reshape(grad, (grad.shape[0], grad.shape[1], math.prod(grad.shape[2:]))), groups)
    columns = _grouped(windows.columns(self, tuple(weight_shape[2:]), stride, padding, dilation), groups)
    return np.reshape(np.sum(np.matmul(flat, np.swapaxes(conj(columns), -1, -2)), axis=0), tuple(weight_shape))


def _by_bias(grad: Any) -> Any:
    return np.sum(grad, axis=(0, *range(2, grad.ndim)))


def _with_bias(value: Any, bias: Any) -> Any:
    wide = np.reshape(bias, (-1,) + (1,) * (value.ndim - 2))
    return np.add(value, wide, out=value) if type(value) is np.ndarray and type(wide) is np.ndarray else value + wide


_convolution = vjp("_convolution", _convolved, node="ConvolutionBackward0", method=False, self=_by_input, weight=_by_weight)
_convolution_bias = vjp(
    "_convolution_bias", lambda self, weight, bias, stride, padding, dilation, groups: _with_bias(_convolved(self, weight, stride, padding, dilation,
    groups), bias),
    node="ConvolutionBackward0", method=False, self=_by_input, weight=_by_weight, bias=_by_bias)  # fmt: skip


# ------------------------------------------------------------------------------------------------ transposed
def _transposed(self: Any, weight: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return _by_input(self, weight, (0, 0, *size), stride, padding, dilation, groups)


def _transposed_by_input(grad: Any, weight: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return _convolved(grad, conj(weight), stride, padding, dilation, groups)


def _transposed_by_weight(grad: Any, self: Any, weight_shape: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return _by_weight(conj(self), conj(grad), weight_shape, stride, padding, dilation, groups)


_conv_transpose = vjp("_conv_transpose", _transposed, node="ConvolutionBackward0", method=False, self=_transposed_by_input, weight=_transposed_by_weight)
_conv_transpose_bias = vjp(
    "_conv_transpose_bias",
    lambda self, weight, bias, size, stride, padding, dilation, groups: _with_bias(_transposed(self, weight, size, stride, padding, dilation, groups), bias),
    node="ConvolutionBackward0", method=False, self=_transposed_by_input, weight=_transposed_by_weight, bias=_by_bias)  # fmt: skip


# ------------------------------------------------------------------------------------------------ arguments
def numbers(value: Any, n: int, name: str) -> tuple[int, ...]:
    """One number for each of n dims, from one for all or a list."""
    if isinstance(value, int):
        return (value,) * n
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * n
    if len(found) != n:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to match the convolution dimensions, but got {name}={list(found)}"
        )
    return found


def _checked(input: Any, weight: Any, bias: Any, n: int, name: str, stride: Any, dilation: Any, groups: int, transposed: bool) -> bool:
    """Whether the input is a batch; raises where the tensors do not fit."""
    for position, (what, x) in enumerate((("input", input), ("weight", weight)), 1):
        if not isinstance(x, Tensor):
            raise errors.argument(name, what, position, "Tensor", x)
    shape, kernel = list(input.shape), list(weight.shape)
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {shape}")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("non-positive dilation is not supported")
    batched = len(shape) == n + 2
    shown = shape if batched else [1, *shape]
    if len(kernel) != n + 2:
        raise RuntimeError(
            f"Expected {n + 2}-dimensional input for {n + 2}-dimensional weight {kernel}, but got {len(shape)}-dimensional input of size {shape} instead"
        )
    if kernel[0] % groups or kernel[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{kernel}] instead")
    channels = kernel[0] if transposed else kernel[1] * groups
    if shown[1] != channels:
        given = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
        raise errors.explain(
            RuntimeError(f"Given {given}, weight of size {kernel}, expected input{shown} to have {channels} channels, but got {shown[1]} channels instead"),
            f"dim {1 if batched else 0} of the input holds its channels", errors.line_of(errors.users_place()),
            f"the layer was made for {channels} channels; images as (N, H, W, C) need .permute(0, 3, 1, 2)",
        )  # fmt: skip
    out = kernel[1] * groups if transposed else kernel[0]
    if bias is not None and list(bias.shape) != [out]:
        raise RuntimeError(
            f"Given weight of size {kernel}, expected bias to be 1-dimensional with {out} elements, but got bias of size {list(bias.shape)} instead"
        )
    a, b = input._data.dtype, weight._data.dtype
    if bias is not None and bias._data.dtype != a:
        raise RuntimeError(f"Input type ({FROM_NUMPY[a].c_name}) and bias type ({FROM_NUMPY[bias._data.dtype].c_name}) should be the same")
    if a != b:
        raise RuntimeError(f"expected scalar type {FROM_NUMPY[a].type_name} but found {FROM_NUMPY[b].type_name}")
    return batched


def _pads(padding: Any, n: int, stride: Any, kernel: Any, dilation: Any) -> Any:
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * n
        if padding != "same":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel)]
        return tuple((t // 2, t - t // 2) for t in totals)
    pads = numbers(padding, n, "padding")
    if any(p < 0 for p in pads):
        raise RuntimeError("negative padding is not supported")
    return tuple((p, p) for p in pads)


def _convolve(n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
    stride, dilation = numbers(stride, n, "stride"), numbers(dilation, n, "dilation")
    batched = _checked(input, weight, bias, n, f"conv{n}d", stride, dilation, groups, False)
    kernel = weight._data.shape[2:]
    pads = _pads(padding, n, stride, kernel, dilation)
    x = input if batched else input.unsqueeze(0)
    sizes = x._data.shape[2:]
    if any(size + lo + hi < d * (k - 1) + 1 for size, (lo, hi), d, k in zip(sizes, pads, dilation, kernel)):
        shown = [" x ".join(map(str, v)) for v in ([s + lo + hi for s, (lo, hi) in zip(sizes, pads)], [d * (k - 1) + 1 for d, k in zip(dilation, kernel)])]
        raise RuntimeError(
            f"Calculated padded input size per channel: ({shown[0]}). Kernel size: ({shown[1]}). Kernel size can't be greater than actual input size"
        )
    out = _convolution(x, weight, stride, pads, dilation, groups) if bias is None else _convolution_bias(x, weight, bias, stride, pads, dilation, groups)
    return out if batched else out.squeeze(0)


def _convolve_back(n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any) -> Tensor:
    stride, dilation = numbers(stride, n, "stride"), numbers(dilation, n, "dilation")
    batched = _checked(input, weight, bias, n, f"conv_transpose{n}d", stride, dilation, groups, True)
    pads, more = numbers(padding, n, "padding"), numbers(output_padding, n, "output_padding")
    names = ("depth", "height", "width")[-n:]
    if any(o >= max(s, d) for o, s, d in zip(more, stride, dilation)):
        shown = " ".join(
            f"{what}_{name}: {v}" for what, vs in (("output_padding", more), ("stride", stride), ("dilation", dilation)) for name, v in zip(names, vs)
        )
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {shown}")
    x = input if batched else input.unsqueeze(0)
    kernel = weight._data.shape[2:]
    size = tuple((m - 1) * s - 2 * p + d * (k - 1) + o + 1 for m, s, p, d, k, o in zip(x._data.shape[2:], stride, pads, dilation, kernel, more))
    statics = (size, stride, tuple((p, p) for p in pads), dilation, groups)
    out = _conv_transpose(x, weight, *statics) if bias is None else _conv_transpose_bias(x, weight, bias, *statics)
    return out if batched else out.squeeze(0)


# ------------------------------------------------------------------------------------------------ what is called
def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """`conv2d` over one dim: (N, C, L) with (O, C / groups, K)."""
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """out[n, o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[n, c, y·stride + i·dilation - padding, x·stride + j·dilation - padding].

    Shapes (N, C, H, W) or (C, H, W) and (O, C / groups, KH, KW). `padding` may be "same" or "valid"; with `groups` the channels are split.

    >>> import glassgrad as gg
    >>> gg.nn.functional.conv2d(gg.ones(1, 1, 3, 3), gg.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """`conv2d` over three dims: (N, C, D, H, W) with (O, C / groups, KD, KH, KW)."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                     dilation: Any = 1) -> Tensor:  # fmt: skip
    """`conv_transpose2d` over one dim."""
    return _convolve_back(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                     dilation: Any = 1) -> Tensor:  # fmt: skip
    """The transpose of `conv2d`: what the gradient of its output becomes for its input, as an operation. Weight (C, O / groups, KH, KW)."""
    return _convolve_back(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                     dilation: Any = 1) -> Tensor:  # fmt: skip
    """`conv_transpose2d` over three dims."""
    return _convolve_back(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of a batch of images as columns: (N, C, H, W) to (N, C · KH · KW, windows)."""
    kernel, dilation, pads, stride = (numbers(v, 2, "size") for v in (kernel_size, dilation, padding, stride))
    if input.ndim not in (3, 4):
        raise RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {list(input.shape)}"
        )
    x = input if input.ndim == 4 else input.unsqueeze(0)
    around = tuple((p, p) for p in pads)
    many = counts(x._data.shape[2:], kernel, stride, around, dilation)
    if any(m <= 0 for m in many):
        raise RuntimeError(
            f"Given input with spatial size ({', '.join(map(str, x.shape[2:]))}), kernel_size={kernel}, dilation={dilation}, padding={pads}, stride={stride}, "
            f"calculated shape of the array of sliding blocks as {many}, but its components must be at least one."
        )
    out = _columns(x, kernel, stride, around, dilation)
    return out if input.ndim == 4 else out.squeeze(0)


def fold(input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The transpose of `unfold`: columns added back into images of `output_size`."""
    size, kernel, dilation, pads, stride = (numbers(v, 2, "size") for v in (output_size, kernel_size, dilation, padding, stride))
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {list(input.shape)}"
        )
    x = input if input.ndim == 3 else input.unsqueeze(0)
    around = tuple((p, p) for p in pads)
    if x.shape[1] % math.prod(kernel):
        raise RuntimeError(
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={x.shape[1]} and kernel_size={kernel}."
        )
    many = counts(size, kernel, stride, around, dilation)
    if x.shape[2] != math.prod(many):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={pads}, stride={stride}, expected size of input's "
            f"dimension 2 to match "
            f"the calculated number of sliding blocks {' * '.join(map(str, many))} = {math.prod(many)}, but got input.size(2)={x.shape[2]}."
        )
    out = _add_back(x, size, kernel, stride, around, dilation)
    return out if input.ndim == 3 else out.squeeze(0)
