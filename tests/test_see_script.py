"""`glassgrad why` and `glassgrad draw`: users' scripts run as they are, and are explained at their end or at their exception; notebooks too."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

from glassgrad.cli import main

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def script(tmp_path, T, monkeypatch):
    """Writes a script for the engine under test; its path."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="train.py"):
        path = tmp_path / name
        path.write_text(f"import {T.__name__} as T\n" + textwrap.dedent(text))
        return str(path)

    return write


def run(capsys, *arguments):
    code = main(list(arguments))
    out = capsys.readouterr()
    return code, " ".join(out.out.replace("│", " ").split()), out.err


def test_nan_in_training(script, capsys):
    path = script("""
        T.manual_seed(0)
        net = T.nn.Sequential(T.nn.Linear(8, 16), T.nn.Tanh(), T.nn.Linear(16, 4))
        optimizer = T.optim.Adam(net.parameters(), lr=0.01)
        left = T.rand(32, 8)
        right = left.clone()
        right[::2] += 1
        for step in range(20):
            optimizer.zero_grad()
            distance = (net(left) - net(right)).pow(2).sum(1).sqrt()
            loss = distance.mean()
            loss.backward()
            optimizer.step()
        print("loss", loss.item())
    """)
    code, out, _ = run(capsys, "why", path)
    assert code == 0 and out.startswith("loss nan")
    assert "4 of 4 parameters of net are not finite" in out
    assert "first in backward 1 of 20" in out and "sqrt at train.py:11: incoming 0.03125 × local ∞ = ∞ at [1]" in out
    assert "train.py:11: distance = (net(left) - net(right)).pow(2).sum(1).sqrt()" in out


def test_an_exception(script, capsys):
    path = script("""
        def step(w):
            h = w.exp()
            loss = h.sum()
            h += 1
            loss.backward()
        step(T.ones(2, requires_grad=True))
    """)
    code, out, err = run(capsys, "why", path)
    assert code == 1
    assert "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation" in err
    assert err.startswith("Traceback") and "glassgrad/see" not in err
    assert "h was overwritten at train.py:6 after exp at train.py:4 had saved it" in out and "h = h + 1" in out


def test_an_option_behind_the_script_is_the_scripts(script, capsys):
    code, out, err = run(capsys, "why", script("""
        import sys
        print(sys.argv[1:])
        loss = T.ones(2, requires_grad=True).sum()
        loss.backward()
    """), "--html", "a.html")  # fmt: skip
    assert code == 0 and "['--html', 'a.html']" in out and "stands before the script's name" in err and not os.path.exists("a.html")


def test_arguments_variables_and_exit_codes(script, capsys):
    path = script("""
        import sys
        w = T.tensor(float(sys.argv[1]), requires_grad=True)
        (w * w).backward()
        sys.exit(int(sys.argv[2]))
    """)
    code, out, _ = run(capsys, "why", path, "3", "0")
    assert code == 0 and "w.grad = 6" in out
    assert run(capsys, "why", path, "3", "4")[0] == 4


def test_one_variable(script, capsys):
    path = script("""
        def main():
            w = T.tensor(2.0, requires_grad=True)
            y = w * 3
            loss = y * 2
            loss.backward()
        main()
    """)
    code, out, _ = run(capsys, "why", path + ":y")
    assert code == 0 and "y is an intermediate result (not a leaf): gradient 2 passed through" in out
    code, _, err = run(capsys, "why", path + ":nothing")
    assert code == 2 and "has no variable 'nothing'" in err and "Traceback" not in err


def test_draw_writes_each_kind_of_file(script, capsys, tmp_path):
    path = script("""
        def main():
            w = T.tensor(2.0, requires_grad=True)
            loss = (w * 3 - 1) ** 2
            loss.backward()
        main()
    """)
    for suffix, start in ((".html", "<!doctype html"), (".svg", "<svg"), (".dot", "digraph"), (".txt", "loss: values and gradients")):
        code, out, err = run(capsys, "draw", path, "-o", str(tmp_path / f"out{suffix}"))
        assert code == 0 and f"out{suffix}" in out, err
        text = (tmp_path / f"out{suffix}").read_text()
        assert text.lower().startswith(start) or suffix == ".svg" and "<svg" in text[:400]


def test_what_cannot_be_used_is_said_in_a_line(script, capsys, tmp_path):
    path = script("x = T.ones(2)\n")
    for arguments, part in [
        (["why", "missing.py"], "there is no file 'missing.py'"), (["why", str(tmp_path)], "is a folder"),
        (["draw", path + ":x"], "there is no graph to draw"), (["draw", path, "-o", str(tmp_path / "no" / "a.html")], "there is no such folder"),
        (["draw", path + ":x", "-o", str(tmp_path / "a.png")], ""),
    ]:  # fmt: skip
        code, _, err = run(capsys, *arguments)
        assert code == 2 and part in err and "Traceback" not in err and len(err.splitlines()) == 1, err
    (tmp_path / "bad.py").write_text("def f(:\n")
    code, _, err = run(capsys, "why", "bad.py")
    assert code == 2 and "is not Python" in err


def test_a_script_without_gradients(script, capsys):
    path = script("print(T.ones(2).sum().item())\n")
    code, out, _ = run(capsys, "why", path)
    assert code == 0 and out.startswith("2.0") and "no tensor in this script requires a gradient" in out


def test_as_a_command(tmp_path):
    (tmp_path / "a.py").write_text("import glassgrad as gg\nw = gg.tensor(3.0, requires_grad=True)\n(w * w).backward()\n")
    got = subprocess.run([sys.executable, "-m", "glassgrad", "why", "a.py"], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONUTF8": "1"})
    assert got.returncode == 0 and "w.grad = 6" in got.stdout, got.stderr


# ------------------------------------------------------------------------------------------------ notebooks
@pytest.fixture
def shell(T):
    from IPython.core.interactiveshell import InteractiveShell

    found = InteractiveShell.instance()
    found.user_ns["T"] = T
    found.run_line_magic("load_ext", "glassgrad.see.jupyter")
    yield found
    found.run_line_magic("unload_ext", "glassgrad.see.jupyter")
    InteractiveShell.clear_instance()


def test_an_exception_in_a_notebook_is_explained_under_its_traceback(shell, capsys):
    shell.run_cell("w = T.tensor([1.0], requires_grad=True)\nw += 1")
    out = capsys.readouterr().out
    assert "a leaf Variable that requires grad" in out
    assert "w is a leaf" in out.rpartition("in-place operation")[2]
    shell.run_cell("1 / 0")
    assert "no_grad" not in capsys.readouterr().out


def test_magics(shell):
    shell.run_cell("w = T.tensor(2.0, requires_grad=True)\nloss = w * w\nloss.backward()")
    assert "w.grad = 4" in shell.run_line_magic("why", "w").headline
    drawing = shell.run_line_magic("draw", "loss")
    assert drawing.picture.cells[-1].name == "loss" and "<iframe" in drawing._repr_html_()
    assert "<svg" in drawing._repr_svg_()


def test_a_report(script, capsys, tmp_path):
    path = script("""
        w = T.tensor([0.0, 1.0], requires_grad=True)
        loss = (w.sqrt() * T.tensor([0.0, 1.0])).sum()
        loss.backward()
    """)
    code, out, err = run(capsys, "why", "--html", str(tmp_path / "report.html"), path)
    text = (tmp_path / "report.html").read_text()
    assert code == 0 and "Report:" in out, err
    assert "w.grad is NaN: sqrt at train.py:4: incoming 0 × local ∞ = NaN at [0]" in text and "<iframe srcdoc=" in text and "http" not in text.replace("http://www.w3.org", "")
    code, _, err = run(capsys, "why", "--html", str(tmp_path / "no" / "r.html"), path)
    assert code == 2 and "no such folder" in err


# ------------------------------------------------------------------------------------------------ scripts as they are
def test_a_result_whose_grad_was_read(script, capsys):
    path = script("""
        w = T.ones(2, requires_grad=True)
        h = w * 2
        h.sum().backward()
        print(h.grad)
    """)
    code, out, err = run(capsys, "why", path)
    assert code == 0 and "h is an intermediate result (not a leaf): gradient [1, 1] passed through" in out
    assert "train.py:6: UserWarning" in err and "glassgrad/see" not in err


def test_a_leaf_without_a_name_is_answered_by_what_was_made_of_it(script, capsys):
    path = script("""
        x = T.ones(2, requires_grad=True) * 2
        (x ** 2).sum().backward()
    """)
    _, out, _ = run(capsys, "why", path)
    assert "x is a result of a leaf that has no name, made by mul at train.py:3" in out and "x = x.detach().requires_grad_()" in out


def test_the_same_answer_is_given_once(script, capsys):
    path = script("""
        a, b = T.tensor(1.0, requires_grad=True), T.tensor(2.0, requires_grad=True)
        loss = (T.tensor([a, b], requires_grad=True) * 2).sum()
        loss.backward()
        T.nn.MSELoss()
    """)
    _, out, _ = run(capsys, "why", path)
    assert out.count("torch.stack") == 1 and "the same: b.grad is None" in out and "MSELoss" not in out


def test_a_script_that_exits(script, capsys):
    path = script("""
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--rate", type=float, required=True)
        rate = parser.parse_args().rate
        w = T.tensor(rate, requires_grad=True)
        (w * w).backward()
        raise SystemExit("done for today")
    """)
    code, out, err = run(capsys, "why", path)
    assert code == 2 and "--rate" in err and "stopped, with exit code 2, before any tensor required a gradient" in out
    code, out, err = run(capsys, "why", path, "--rate", "3")
    assert code == 1 and "done for today" in err and "w.grad = 6" in out


def test_a_module_of_a_package(script, capsys, tmp_path, monkeypatch):
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "__init__.py").write_text("")
    (tmp_path / "kit" / "loss.py").write_text("def loss(w):\n    return w.sqrt().sum()\n")
    script("from .loss import loss\nw = T.zeros(1, requires_grad=True)\nloss(w).backward()\n", "kit/train.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("kit", "kit.loss", "kit.train"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    code, out, err = run(capsys, "why", "-m", "kit.train")
    assert code == 0 and "sqrt at loss.py:2" in out, err
    code, out, _ = run(capsys, "why", "kit/train.py")
    assert code == 1 and "glassgrad why -m package.module" in out
    code, _, err = run(capsys, "why", "-m", "kit.nothing")
    assert code == 2 and "there is no module 'kit.nothing'" in err and "Traceback" not in err
    code, _, err = run(capsys, "why", "kit")
    assert code == 2 and "-m kit" in err


def test_an_error_that_another_was_raised_from(script, capsys):
    path = script("""
        w = T.ones(2, requires_grad=True)
        try:
            (w * 2).backward()
        except RuntimeError as error:
            raise ValueError("training failed") from error
    """)
    code, out, err = run(capsys, "why", path)
    assert code == 1 and "ValueError: training failed" in err and "glassgrad/see" not in err
    assert "has shape [2]" in out and "train.py:5" in out


def test_a_broken_file_beside_the_script_and_a_notebook(script, capsys, tmp_path):
    (tmp_path / "beside.py").write_text("def f(:\n")
    code, out, err = run(capsys, "why", script("import beside\n"))
    assert code == 1 and "beside.py" in err and "SyntaxError" in out
    (tmp_path / "a.ipynb").write_text("{}")
    code, _, err = run(capsys, "why", "a.ipynb")
    assert code == 2 and "%load_ext glassgrad.see.jupyter" in err
