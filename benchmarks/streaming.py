"""Data larger than memory, measured: peak memory and throughput of fits to generated Parquet and CSV, beside plain reads of the same files.

    python benchmarks/streaming.py [--gigabytes 2] [--workers 1 2]

Each fit runs in a process of its own. Files are written to a temporary folder and deleted at the end. "kept": the system holds the files in its
memory; "dropped": it was asked (posix_fadvise) to forget them before. Where that does nothing, both rows are alike.
"""

from __future__ import annotations

import argparse
import glob
import os
import subprocess
import sys
import tempfile
import time

CHILD = """
import contextlib, resource, sys, tempfile, time
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
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, 1 if method == "lstsq" else found.epochs + 2)
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/parquet")
        os.mkdir(f"{folder}/csv")
        write(folder, args.gigabytes * 1e9)
        print("| files | what | passes | seconds | MB/s a pass | peak memory, MB |\n|---|---|---|---|---|---|")
        for kind in ("parquet", "csv"):
            paths = sorted(glob.glob(f"{folder}/{kind}/*"))
            size = sum(map(os.path.getsize, paths))
            name = f"{kind}, {size / 1e9:.2f} GB"
            for state, rounds in (("dropped", 3), ("kept", 3)):
                times = []
                for _ in range(rounds):
                    if state == "dropped":
                        forget(paths)
                    times.append(read(paths))
                print(f"| {name} {state} | plain read | 1 | {sorted(times)[1]:.2f} | {size / sorted(times)[1] / 1e6:.0f} | |", flush=True)
            jobs = [("dropped", "lstsq", 0), ("kept", "lstsq", 0), ("kept", "adaline", 0)]
            jobs += [("kept", method, n) for method in ("lstsq", "adaline") for n in args.workers] if kind == "parquet" else []
            for state, method, workers in jobs:
                runs = []
                for _ in range(3):
                    if state == "dropped":
                        forget(paths)
                    command = [sys.executable, "-c", CHILD, f"{folder}/{kind}", method, str(workers)]
                    out = subprocess.run(command, capture_output=True, text=True, check=True)
                    runs.append(tuple(map(float, out.stdout.split())))
                seconds, _, passes = sorted(runs)[1]
                peak = max(r[1] for r in runs)
                where = f", Dask workers: {workers}" if workers else ""
                rate = size * passes / seconds / 1e6
                print(f"| {name} {state} | {method}{where} | {passes:.0f} | {seconds:.2f} | {rate:.0f} | {peak / 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()
