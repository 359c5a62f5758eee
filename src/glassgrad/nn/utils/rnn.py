"""Sequences of different lengths: padded to one, or packed, all first steps, then all second steps, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import errors
from ...ops.gathers import index_select
from ...ops.joins import cat
from ...tensor import Tensor


class PackedSequence(NamedTuple):
    """The steps of sequences of falling length: `data` holds `batch_sizes[t]` of them for each step t."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with data of another dtype."""
        return self._replace(data=self.data.to(*args, **kwargs))

    @property
    def is_cuda(self) -> bool:
        return False


def pad_sequence(sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """Sequences (length, …) as one tensor (longest, N, …), or (N, longest, …), filled up with `padding_value`.

    >>> import glassgrad as gg
    >>> gg.nn.utils.rnn.pad_sequence([gg.ones(2), gg.ones(3)], batch_first=True)
    tensor([[1., 1., 0.],
            [1., 1., 1.]])
    """
    if not isinstance(sequences, (list, tuple)) and not isinstance(sequences, Tensor):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    given = list(sequences)
    longest = max(s.size(0) for s in given)
    rows = []
    for s in given:
        missing = longest - s.size(0)
        filler = s.new_full((missing, *s.shape[1:]), padding_value)
        rows.append(cat([filler, s] if padding_side == "left" else [s, filler]).unsqueeze(0 if batch_first else 1))
    return cat(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences again, each with its length."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row.narrow(0, 0, int(n)) for row, n in zip(rows.unbind(0), lengths)]


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """A padded batch (T, N, …) packed: padding is left out. Lengths have to fall, unless `enforce_sorted` is False."""
    sizes = np.asarray(lengths._data if isinstance(lengths, Tensor) else list(lengths), np.int64)
    if sizes.size == 0:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got 0 (batch_size={input.shape[0 if batch_first else 1]})")
    if (sizes <= 0).any():
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    order: Tensor | None = None
    if not enforce_sorted:
        places = np.argsort(-sizes, kind="stable")
        order, sizes = Tensor._wrap(places), sizes[places]
        input = index_select(input, 0 if batch_first else 1, order)
    x = input.transpose(0, 1) if batch_first else input
    if len(sizes) != x.size(1):
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={x.size(1)})")
    if (np.diff(sizes) > 0).any():
        raise errors.explain(
            RuntimeError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence "
                "and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability."
            ), where=errors.line_of(errors.users_place()), fix="enforce_sorted=False",
        )  # fmt: skip
    counts = np.array([(sizes > t).sum() for t in range(sizes[0])])
    data = cat([x.select(0, t).narrow(0, 0, int(n)) for t, n in enumerate(counts)])
    return PackedSequence(data, Tensor._wrap(counts), order, None if order is None else Tensor._wrap(np.argsort(order._data)))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """A packed batch padded again, in its old order, and the lengths."""
    counts = sequence.batch_sizes._data
    steps = len(counts)
    if total_length is not None and total_length < steps:
        raise ValueError(
            f"Expected total_length to be at least the length of the longest sequence in input, but got total_length={total_length} and max sequence "
            f"length being "
            f"{steps}"
        )
    rows, start = [], 0
    for n in map(int, counts):
        part, missing = sequence.data.narrow(0, start, n), int(counts[0]) - n
        rows.append(cat([part, part.new_full((missing, *part.shape[1:]), padding_value)]).unsqueeze(0) if missing else part.unsqueeze(0))
        start += n
    for _ in range((total_length or steps) - steps):
        rows.append(rows[0].new_full(rows[0].shape, padding_value))
    out, lengths = cat(rows), Tensor._wrap((counts[:, None] > np.arange(counts[0])[None]).sum(0))
    if sequence.unsorted_indices is not None:
        out, lengths = index_select(out, 1, sequence.unsorted_indices), index_select(lengths, 0, sequence.unsorted_indices)
    return out.transpose(0, 1) if batch_first else out, lengths


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """A list of sequences packed."""
    return pack_padded_sequence(pad_sequence(list(sequences)), [s.size(0) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """A packed batch as a list of sequences."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences))
