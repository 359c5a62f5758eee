"""How well models do, in one pass over the data: squared errors, entropies, hits, and a sample of rows for the pictures."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np

from .parts import Part, Reading, blocks

SAMPLE = 2000  # rows


@dataclasses.dataclass(frozen=True)
class Line:
    """A model as the pass needs it: X·coef + intercept, through a sigmoid if `curved`."""

    coef: np.ndarray
    intercept: float
    curved: bool

    def output(self, x: np.ndarray) -> np.ndarray:
        """X·coef + intercept, shape (rows,)."""
        return x @ self.coef + self.intercept


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), which does not overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


@dataclasses.dataclass(frozen=True)
class Score:
    """Sums over rows for each model: shapes (models,); a sample with a random key, the target and each model's prediction in a row; and how many rows
    have the second value of the target."""

    squared: np.ndarray
    entropy: np.ndarray
    hits: np.ndarray
    sample: np.ndarray
    rows: int
    high: int


def score(reading: Reading, ends: tuple[float, float] | None, lines: tuple[Line, ...], seed: int, part: Part) -> Score:
    """The summary of a partition. `ends`: the two values of the target, where it has two; a sigmoid's 0 and 1 stand for them."""
    low, high = ends or (0.0, 1.0)
    draw = np.random.default_rng([seed, zlib.crc32(repr(part).encode())])
    nothing = np.zeros(len(lines))
    found = [Score(nothing, nothing, nothing, np.zeros((0, 2 + len(lines))), 0, 0)]
    for block, _ in blocks(part, reading):
        x, y = block[:, 1:-1], block[:, -1]
        if reading.classes is not None:
            y = low + (high - low) * y
        columns, entropy = [draw.random(len(y)), y], np.zeros(len(lines))
        for i, line in enumerate(lines):
            z = line.output(x)
            if line.curved:
                entropy[i] = (np.logaddexp(0.0, z) - z * (y == high)).sum()
                z = low + (high - low) * sigmoid(z)
            columns.append(z)
        predicted = np.column_stack(columns[2:])
        errors = predicted - y[:, None]
        hits = ((predicted >= (low + high) / 2) == (y == high)[:, None]).sum(axis=0) if ends else nothing
        found.append(Score(np.square(errors).sum(axis=0), entropy, hits, _smallest(np.column_stack(columns)), len(y), int((y == high).sum())))
    return together(*found)


def _smallest(sample: np.ndarray) -> np.ndarray:
    return sample if len(sample) <= SAMPLE else sample[np.argpartition(sample[:, 0], SAMPLE)[:SAMPLE]]


def together(*scores: Score) -> Score:
    """The scores of all their rows; of the samples, the rows with the smallest keys."""
    squared, entropy, hits = (np.sum([getattr(s, name) for s in scores], axis=0) for name in ("squared", "entropy", "hits"))
    sample = _smallest(np.concatenate([s.sample for s in scores]))
    return Score(squared, entropy, hits, sample, sum(s.rows for s in scores), sum(s.high for s in scores))
