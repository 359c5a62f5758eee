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
        return Size(tuple(self) + tuple(other))


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
        name, _, number = str(type).partition(":")
        if number:
            index = int(number)
        if name in ("cuda", "mps", "xpu"):
            raise errors.explain(
                AssertionError("Torch not compiled with CUDA enabled") if name == "cuda"
                else RuntimeError(f"no {name} device is available"),
                f"glassgrad computes on the CPU: there is no device {type!r}",
                errors.line_of(errors.users_place()),
                "device = 'cuda' if torch.cuda.is_available() else 'cpu' chooses 'cpu' here",
            )  # fmt: skip
        if name not in ("cpu", "meta"):
            raise RuntimeError(f"Expected one of cpu, cuda, meta device type at start of device string: {name}")
        self.type, self.index = name, index

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")


class layout:
    """How elements are laid out: always strided here."""

    def __repr__(self) -> str:
        return "torch.strided"


strided = layout()
