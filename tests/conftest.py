"""Counts the comparisons with PyTorch, and stores them when they are being recorded."""

import numpy as np
import pytest

import glassgrad
import oracle


@pytest.fixture(autouse=True)
def names_in_doctests(doctest_namespace):
    doctest_namespace["gg"] = glassgrad
    doctest_namespace["np"] = np


def pytest_sessionfinish(session):
    if oracle.MODE == "record":
        oracle.records.save()


def pytest_terminal_summary(terminalreporter):
    c = oracle.counts
    if any(c.values()):
        terminalreporter.write_line(
            f"comparisons with PyTorch: {c['live']} live, {c['recorded']} with recorded values, {c['skipped']} skipped for want of a record"
        )
