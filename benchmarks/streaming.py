"""Data larger than memory, measured: peak memory and throughput of fits to generated Parquet and CSV, beside plain reads of the same files.

    python benchmarks/streaming.py [--gigabytes 2] [--workers 1 2]

Each fit runs in a process of its own. Files are written to a temporary folder and deleted at the end. "kept": the system holds the files in its
memory; "dropped": it was asked (posix_fadvise) to forget them before. Where that does nothing, both rows are alike.
"""

from __future__ import annotations

import argparse
import glob
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

CHILD = """
import contextlib, sys, tempfile, time
from glassgrad.fitting import fit
if __name__ == "__main__":
    source, method, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with contextlib.ExitStack() as stack:
        address = None
        if workers:
            from distributed import LocalCluster
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            address = stack.enter_context(LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, silence_logs=50,
                host="127.0.0.1", dashboard_address="127.0.0.1:0", local_directory=folder,
            )).scheduler_address
            fit(source, "y", method, epochs=1, cluster=address)  # workers import what they need
        began = time.perf_counter()
        found = fit(source, "y", method, epochs=5, cluster=address)
        seconds = time.perf_counter() - began
    print(seconds, found.peak_memory, 1 if method == "lstsq" else found.epochs + 2)
"""


def write(folder: str, size: float, columns: int = 20, files: int = 4) -> None:
    """Uncompressed Parquet of float64 columns, in row groups of 250,000 rows; and a tenth as much CSV."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    names = [*(f"x{i}" for i in range(columns - 1)), "y"]
    random = np.random.default_rng(0)
    for i in range(files):
        left = int(size / (8 * columns) / files)
        schema = pa.schema([(n, pa.float64()) for n in names])
        with pq.ParquetWriter(f"{folder}/parquet/{i}.parquet", schema, compression="none", use_dictionary=False) as writer:
            while left > 0:
                rows = min(left, 250_000)
                left -= rows
                X = random.random((columns - 1, rows))
                table = pa.table([*X, X.T @ np.arange(columns - 1) + random.normal(size=rows)], names=names)
                writer.write_table(table, row_group_size=rows)
        pa.csv.write_csv(table.slice(0, int(size / 10 / files / (18 * columns))), f"{folder}/csv/{i}.csv")


def forget(paths: list[str]) -> None:
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(paths: list[str]) -> float:
    """Seconds of a plain sequential read."""
    memory = bytearray(8 << 20)
    began = time.perf_counter()
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(memory):
                pass
    return time.perf_counter() - began


def fitted(source: str, method: str, workers: int) -> tuple[float, float, float]:
    """Seconds, peak memory and passes of a fit in a process of its own."""
    out = subprocess.run([sys.executable, "-c", CHILD, source, method, str(workers)], capture_output=True, text=True, check=True)
    seconds, peak, passes = map(float, out.stdout.split())
    return seconds, peak, passes


def beside(source: str, method: str, cold: bool, workers: int = 0, rounds: int = 3) -> str:
    """A row: a fit and a plain read of the same files, turn and turn about."""
    paths = sorted(glob.glob(f"{source}/*"))
    size = sum(map(os.path.getsize, paths))
    seconds, peaks, plain, shares = [], [], [], []
    for _ in range(rounds):
        for turn in ("fit", "read"):
            if cold:
                forget(paths)
            if turn == "read":
                plain.append(read(paths))
            else:
                took, peak, passes = fitted(source, method, workers)
                seconds.append(took / passes)
                peaks.append(peak)
        shares.append(plain[-1] / seconds[-1])
    took = statistics.median(seconds)
    kind = os.path.basename(source)
    where = f", Dask, {workers} worker{'s' * (workers > 1)}" if workers else ", 2 threads"
    share = f"**{statistics.median(shares):.2f}** ({min(shares):.2f}–{max(shares):.2f})" if cold else "–"
    return (
        f"| {method}{where}, {size / 1e9:.2f} GB of {kind}, {'dropped' if cold else 'kept'} | {took:.2f} s | {size / took / 1e6:,.0f} MB/s "
        f"| {size / statistics.median(plain) / 1e6:,.0f} MB/s | {share} | {max(peaks) / 1e6:.0f} MB |"
    )


def rows(size: float, workers: list[int]) -> Iterator[str]:
    """The table, a line at a time, for so many bytes."""
    yield "| fit of files | a pass | | plain read beside it | share of its speed (asked ≥ 0.6) | peak memory (asked ≤ 600 MB) |"
    yield "|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/parquet")
        os.mkdir(f"{folder}/csv")
        write(folder, size)
        for kind, cold, method in (("parquet", True, "lstsq"), ("parquet", False, "lstsq"), ("parquet", False, "adaline"),
                                   ("csv", False, "lstsq"), ("csv", False, "adaline")):  # fmt: skip
            yield beside(f"{folder}/{kind}", method, cold, rounds=7 if cold else 3)
        for method in ("lstsq", "adaline") if workers else ():
            for n in workers:
                yield beside(f"{folder}/parquet", method, False, n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    args = parser.parse_args()
    for line in rows(args.gigabytes * 1e9, args.workers):
        print(line, flush=True)


if __name__ == "__main__":
    main()
