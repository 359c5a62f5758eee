"""Asking SymPy: a recorded program goes to a process of its own, and answers come back one by one until the time is over."""

from __future__ import annotations

import io
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from typing import IO, Any

import numpy as np

from ..recording import Program
from .function import Function

MEMORY = 4 * 2**30
COMPONENTS = 12  # above this many variables formulas are no help to a reader
LATE = "it took too long"
MISSING = 'SymPy is not installed: pip install "glassgrad[see]" adds formulas and exact points'


def ask(
    function: Function, program: Program, branches: list[bool], points: list[np.ndarray], checks: list[np.ndarray], timeout: float
) -> dict[str, Any]:
    """SymPy's answers about a program, as many as came within `timeout` seconds; "cut" says what stopped it, if anything.

    `checks` are further points at which the formula is evaluated, so that it can be held against the function itself.
    """
    sheet = dict(
        program=program, branches=branches, differentiable=len(program.outputs) > 1 + len(branches), symbols=function.symbols,
        shapes=function.shapes, points=[p.tolist() for p in points], checks=[p.tolist() for p in checks], memory=MEMORY, timeout=timeout,
    )  # fmt: skip
    try:
        question = pickle.dumps(sheet)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return {"cut": f"the recorded program cannot be handed to SymPy ({error})"}
    path = os.pathsep.join(p for p in sys.path if p)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from glassgrad.study.worker import main; main()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    except OSError as error:
        return {"cut": f"SymPy's process could not be started ({error.strerror})"}
    chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    assert process.stdin and process.stdout
    talk = threading.Thread(target=_talk, args=(process.stdin, process.stdout, question, chunks), daemon=True)
    talk.start()
    try:
        answers = _collect(chunks, timeout)
    finally:
        process.kill()
        process.wait()
        talk.join(5)
        process.stdout.close()
    return answers


def _talk(into: IO[bytes], out: IO[bytes], question: bytes, chunks: queue.SimpleQueue[bytes]) -> None:
    """Hands the question over and passes on what comes back; an empty chunk is the end."""
    try:
        into.write(question)
        into.close()
        while chunk := os.read(out.fileno(), 1 << 16):
            chunks.put(chunk)
    except (OSError, ValueError):
        pass
    chunks.put(b"")


def _collect(chunks: queue.SimpleQueue[bytes], timeout: float) -> dict[str, Any]:
    """The answers that arrive in time, and under "cut" why there are no more."""
    answers: dict[str, Any] = {}
    deadline = time.monotonic() + timeout
    buffer = b""
    while "end" not in answers:
        try:
            chunk = chunks.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            answers["cut"] = f"SymPy was stopped after {timeout:g} s"
            break
        if not chunk:
            answers.setdefault("failed", "its process ended early: out of memory, or killed")
            break
        buffer = _read(buffer + chunk, answers)
    if "missing" in answers:
        answers["cut"] = MISSING
    elif "failed" in answers:
        answers["cut"] = f"SymPy gave up ({answers['failed']})"
    elif answers.get("skipped"):
        late = ", ".join(name for name, why in answers["skipped"] if why == LATE)
        stuck = ", ".join(name for name, why in answers["skipped"] if why != LATE)
        answers["cut"] = "; ".join(
            [f"SymPy did not settle within its time: {late}"] * bool(late) + [f"SymPy has no answer about: {stuck}"] * bool(stuck)
        )
    return answers


def _read(buffer: bytes, answers: dict[str, Any]) -> bytes:
    """Takes the whole answers off the front of a buffer."""
    stream = io.BytesIO(buffer)
    done = 0
    while done < len(buffer):
        try:
            name, value = pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):
            break
        answers[name] = value
        done = stream.tell()
    return buffer[done:]
