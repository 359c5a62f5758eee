"""Counts the comparisons with PyTorch, over all processes of the run, and stores them when they are being recorded."""

import importlib.util
import warnings

import numpy as np
import pytest

import glassgrad
from oracle import MODES, ORACLE


@pytest.fixture(autouse=True)
def no_floating_warnings_from_inside():
    """The filter that importing glassgrad sets, once more: pytest takes it away with those that collecting the tests had set."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"glassgrad(\.|$)")


@pytest.fixture(autouse=True)
def names_in_doctests(doctest_namespace):
    doctest_namespace["gg"] = glassgrad
    doctest_namespace["np"] = np


def pytest_configure(config):
    if ORACLE.mode not in MODES:
        raise pytest.UsageError(f"GLASSGRAD_ORACLE={ORACLE.mode!r} is not known: it is live, record, or unset")
    if ORACLE.mode and importlib.util.find_spec("torch") is None:
        raise pytest.UsageError(f"GLASSGRAD_ORACLE={ORACLE.mode} needs PyTorch: pip install torch==2.13.0")
    if ORACLE.mode == "record" and (hasattr(config, "workerinput") or config.getoption("numprocesses", None)):
        raise pytest.UsageError("recording is done by one process: leave -n out")


def pytest_sessionfinish(session, exitstatus):
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["oracle"] = dict(ORACLE.counts)
    if ORACLE.mode == "record":
        chosen = config.option.keyword or config.option.markexpr or config.option.lf or any("::" in argument for argument in config.args)
        ORACLE.save(keep=bool(chosen) or exitstatus != pytest.ExitCode.OK)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    ORACLE.counts.update(getattr(node, "workeroutput", {}).get("oracle", {}))


def pytest_terminal_summary(terminalreporter):
    if ORACLE.counts:
        terminalreporter.write_line(ORACLE.summary())


@pytest.fixture(params=["glassgrad", "torch"])
def T(request):
    """The engines that the see-through tools are tested on, under the name that programs give them: this package always, PyTorch where it is live."""
    if request.param == "glassgrad":
        return glassgrad
    if not ORACLE.mode:
        pytest.skip("PyTorch is looked at where it is live: make oracle")
    return importlib.import_module("torch")
