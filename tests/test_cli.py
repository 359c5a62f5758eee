"""The command line: one clear line and exit code 2 for what cannot be used; the report whole or not at all."""

import os
import pathlib
import subprocess
import sys

import pytest

from glassgrad.cli import main


@pytest.mark.parametrize("arguments, words", [
    (['__import__("os")', "--at", "x=1"], "unknown function"), (["x**2"], "add --at x=1"), (["x**2", "--at", "x"], "name=value"), (["x**2", "--at", "y=1"], "no variable 'y'"),
    (["x**2", "--at", "x=a"], "not a finite number"), (["x*y", "--at", "x=1"], "needs y too"), (["(" * 10000, "--at", "x=1"], "too long|deep"), (["9**9**9", "--at", "x=1"], "no variable|no variables"),
    (["log(x)", "--at", "x=-1"], "nan at x=-1"), (["5", "--at", "x=1"], "no variable"), (["9**9**9*x", "--at", "x=1"], "too large"),
])  # fmt: skip
def test_bad_input(arguments, words, capsys):
    import re

    assert main(["study", *arguments]) == 2
    err = capsys.readouterr().err
    assert re.search(words, err) and "Traceback" not in err


def test_bad_options(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["study", "x", "--at", "x=1", "--timeout", "soon"])
    assert stopped.value.code == 2 and "not a number of seconds" in capsys.readouterr().err


def test_study_prints_and_writes(tmp_path, capsys):
    report = tmp_path / "r.html"
    assert main(["study", "3*x**2 - 2*x + 5", "--at", "x=3", "--at", "x=0", "--html", str(report)]) == 0
    out = capsys.readouterr().out
    assert str(report) in out and "14/3" in out and "slope 16" in out and "slope -2" in out
    page = report.read_text()
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>") and "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace("http://creativecommons.org", "")
    assert list(tmp_path.iterdir()) == [report]


def test_report_that_cannot_be_written(tmp_path, capsys):
    assert main(["study", "x**2", "--at", "x=1", "--html", str(tmp_path / "no" / "r.html")]) == 2
    assert "could not be written" in capsys.readouterr().err


def test_as_a_module_from_anywhere(tmp_path):
    source = str(pathlib.Path(__file__).parents[1] / "src")
    env = {**os.environ, "PYTHONPATH": source}
    got = subprocess.run([sys.executable, "-m", "glassgrad", "study", "x**2", "--at", "x=1", "--no-html"], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert got.returncode == 0 and "absolute minimum" in got.stdout and not list(tmp_path.iterdir())
