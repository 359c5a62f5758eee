"""Where a tensor lives and how it is laid out: its size, its device, its layout."""

from __future__ import annotations

from typing import Any

from . import errors


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple that prints as PyTorch's and knows its number of elements.

    >>> import glassgrad as gg
    >>> gg.zeros(2, 3).shape, gg.zeros(2, 3).shape.numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def __new__(cls, sizes: Any = ()) -> Size:
        found = sizes if type(sizes) is tuple else tuple(sizes)
        for i, n in enumerate(found):
            if type(n) is not int:
                if not hasattr(n, "__index__"):
                    raise TypeError(f"torch.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')")
                return tuple.__new__(cls, [k.__index__() for k in found])
        return tuple.__new__(cls, found)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def numel(self) -> int:
        """The product of the sizes."""
        n = 1
        for size in self:
            n *= size
        return n

    def __getitem__(self, i: Any) -> Any:
        got = tuple.__getitem__(self, i)
        return Size(got) if isinstance(i, slice) else got

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size((*self, *other))

    def __radd__(self, other: Any) -> Any:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Any:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__


class device:
    """Where a tensor lives: here always the CPU.

    >>> import glassgrad as gg
    >>> gg.device("cpu"), gg.ones(1).device.type
    (device(type='cpu'), 'cpu')
    """

    __slots__ = ("type", "index")

    def __init__(self, type: Any = "cpu", index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        self.type: str
        if isinstance(type, int):
            raise RuntimeError("Cannot access accelerator device when none is available.")
        name, colon, number = str(type).partition(":")
        if colon and not number.isdigit() or not name.isalpha():
            raise RuntimeError(f"Invalid device string: {str(type)!r}")
        if name not in KINDS:
            raise RuntimeError(f"Expected one of {', '.join(KINDS)} device type at start of device string: {name}")
        self.type, self.index = name, int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __enter__(self) -> device:
        """Makes it the device of new tensors: there is one."""
        on_cpu(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        return None


KINDS = ("cpu cuda ipu xpu mkldnn opengl opencl ideep hip ve fpga maia xla lazy vulkan mps meta hpu mtia privateuseone").split()
CPU = device("cpu")


def on_cpu(where: Any) -> None:
    """Raises unless `where` names the CPU: nothing else computes here."""
    found = where if isinstance(where, device) else device(where)
    if found.type != "cpu":
        raise errors.explain(
            AssertionError(f"Torch not compiled with {found.type.upper()} enabled") if found.type in ("cuda", "xpu")
            else NotImplementedError(f"glassgrad has no {found.type} device"),
            f"glassgrad computes on the CPU: there is no device {str(found)!r}",
            errors.line_of(errors.users_place()),
            "device = 'cuda' if torch.cuda.is_available() else 'cpu' chooses 'cpu' here",
        )  # fmt: skip


class layout:
    """How elements are laid out: always strided here."""

    def __repr__(self) -> str:
        return "torch.strided"


strided = layout()


class memory_format:
    """In which order the elements of a tensor lie."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
