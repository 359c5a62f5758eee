"""`glassgrad fit` and `glassgrad predict`: what they write, and one line for each thing that cannot be used."""

import bz2
import gzip
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="the data of a fit is read by pyarrow")
pytest.importorskip("safetensors", reason="models are safetensors files")
import pyarrow.parquet as pq  # noqa: E402

from glassgrad.cli import main  # noqa: E402
from glassgrad.fitting import dataset as dataset_module  # noqa: E402
from glassgrad.fitting import learn, load_model, progress  # noqa: E402

MODEL = "glassgrad-model.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text, name="data.csv"):
    with open(name, "w", newline="") as file:
        file.write(text)
    return name


def line_data(rows=60, name="data.csv"):
    """y = 2a - b + 1, and whether it is above 0."""
    random = np.random.default_rng(0)
    cells = []
    for a, b in random.normal(size=(rows, 2)).tolist():
        y = 2 * a - b + 1
        cells.append(f"{a},{b},{y},{'up' if y + random.normal() > 0 else 'down'}")
    return write("a,b,y,way\n" + "\n".join(cells) + "\n", name)


def run(capsys, *arguments):
    code = main(list(map(str, arguments)))
    out = capsys.readouterr()
    return code, out.out, out.err


def refused(capsys, part, *arguments):
    """The command ends with code 2 and a single line that says `part`, and leaves no file that was not there."""
    before = {name: os.stat(name).st_mtime_ns for name in os.listdir()}
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, ""), (out, err)
    assert err.startswith(f"glassgrad {arguments[0]}: ") and err.count("\n") == 1 and part in err, err
    assert {name: os.stat(name).st_mtime_ns for name in os.listdir()} == before


def test_fit_and_predict(capsys):
    line_data()
    code, out, err = run(capsys, "fit", "data.csv", "--target", "y", "--features", "a,b")
    assert code == 0 and err == ""
    assert "lstsq: the smallest mean" in out and "intercept  1\n" in out and f"Model:  {os.path.abspath(MODEL)}" in out
    assert sorted(os.listdir()) == ["data.csv", MODEL]
    model = load_model(MODEL)
    np.testing.assert_allclose([*model.coef, model.intercept], [2, -1, 1], rtol=1e-12)
    write("b,a\n1,1\n0,2\n", "new.csv")
    code, out, err = run(capsys, "predict", MODEL, "new.csv", "--out", "p.csv")
    assert code == 0 and out.startswith("2 predictions of y by lstsq") and err == ""
    lines = open("p.csv").read().split()
    assert lines[0] == '"prediction"'
    np.testing.assert_allclose([float(x) for x in lines[1:]], [2, 5], rtol=1e-12)
    assert run(capsys, "predict", MODEL, "new.csv", "--out", "p.parquet")[0] == 0
    np.testing.assert_allclose(pq.read_table("p.parquet")["prediction"].to_numpy(), [2, 5], rtol=1e-12)


def test_the_model_says_in_json_what_it_is(capsys):
    line_data()
    assert run(capsys, "fit", "data.csv", "--target", "way", "--features", "a,b", "--model", "m.safetensors")[0] == 0
    from safetensors import safe_open

    with safe_open("m.safetensors", "np") as file:
        about = json.loads(file.metadata()["glassgrad.fit"])
        assert about["method"] == "sigmoid" and about["classes"] == ["down", "up"] and about["features"] == ["a", "b"] and about["rows"] == 60
        assert set(file.keys()) == {"coef", "intercept", "deviations", "losses"}


def test_all_methods_in_a_table_and_a_report(capsys):
    pytest.importorskip("matplotlib", reason="the report's pictures are matplotlib's")
    line_data()
    code, out, _ = run(capsys, "fit", "data.csv", "--target", "y", "--features", "a,b", "--method", "all", "--html", "r.html")
    assert code == 0 and "squared error" in out and "adaline" in out and "Report:" in out
    page = open("r.html", encoding="utf-8").read()
    assert page.count("<picture>") == 3 and "Fit of <code>y</code>" in page and "http" not in page.replace("http://www.w3.org", "")
    assert page.startswith("<!doctype html>") and page.count("data:image/svg+xml;base64,") == 6
    run(capsys, "fit", "data.csv", "--target", "way", "--features", "a,b", "--html", "r.html", "--epochs", "3")
    assert "way = &#x27;up&#x27;" in open("r.html", encoding="utf-8").read()


def test_names_in_a_report_are_escaped(capsys):
    write("<b>&,y\n1,1\n2,5\n3,6\n")
    assert run(capsys, "fit", "data.csv", "--target", "y", "--html", "r.html")[0] == 0
    page = open("r.html", encoding="utf-8").read()
    assert "&lt;b&gt;&amp;" in page and "<b>" not in page


CSV = {
    "a missing value": ("a,y\n1,2\n,3\n", "data.csv: column 'a' is missing in row 2 (line 3)"),
    "a missing value after a blank line": ("a,y\r\n1,2\r\n\r\nNA,3\r\n", "data.csv: column 'a' is missing in row 2 (line 4)"),
    "a missing target": ("a,y\n1,2\n2,\n3,4\n", "data.csv: column 'y' is missing in row 2 (line 3); --drop-missing"),
    "a column without values": ("a,b,y\n1,,2\n2,,3\n", "data.csv: column 'b' is missing in row 1 (line 2)"),
    "text": ("a,b,y\n1,Rome,2\n2,Oslo,3\n", "data.csv: column 'b' holds text, 'Rome' in row 1 (line 2)"),
    "text after numbers": ("a,y\n1,2\n2,3\n3x,4\n", "data.csv: column 'a' holds text, '3x' in row 3 (line 4)"),
    "text with braces": ("a,y\n1,2\n{0}%s,3\n", "data.csv: column 'a' holds text, '{0}%s' in row 2"),
    "an infinity": ("a,y\n1,2\ninf,3\n", "data.csv: column 'a' is infinite in row 2 (line 3)"),
    "a date": ("a,y\n2024-01-01,2\n2024-01-02,3\n", "column 'a' holds text, '2024-01-01' in row 1"),
    "a constant target": ("a,y\n1,2\n2,2\n", "the target 'y' is 2.0 in all 2 rows"),
    "no target": ("a,Y\n1,2\n", "there is no column 'y': the columns are a, Y"),
    "a half-written row": ("a,b,y\n1,2,3\n4,5", "data.csv: row 2 (line 3) has 2 fields, the header has 3"),
    "a half-written row in quotes": ('a,b,y\n1,2,3\n4,"5', "data.csv: row 2 (line 3) has 2 fields, the header has 3"),
    "no content": ("", "data.csv is empty"),
    "blank lines only": ("\n\n", "data.csv is empty"),
    "a header only": ("a,y\n", "data.csv has no rows"),
    "a quote that is never closed": ('a,y\n1,2\n"2,3\n3,4\n', "data.csv: row 2 (line 3) has 1 fields"),
    "a field without end": ("a,y\n1,2\n" + "x" * 6_000_000 + ",3\n", "data.csv cannot be read after row 1"),
    "two columns of one name": ("a,a,y\n1,2,3\n", "data.csv has two columns named 'a'"),
    "only the target": ("y\n1\n2\n", "there is no column but the target 'y'"),
    "binary data": ("a,y\n\0\1\2,\0\n", "column 'a' holds text"),
    "numbers out of all bounds": ("a,y\n1e308,1\n-1e308,2\n1e308,4\n", "data.csv"),
}  # fmt: skip


@pytest.mark.parametrize("case", CSV)
def test_what_is_wrong_with_a_csv_file(capsys, case):
    write(CSV[case][0])
    write("an older model", MODEL)
    refused(capsys, CSV[case][1], "fit", "data.csv", "--target", "y")


def test_the_row_is_counted_from_the_start_of_the_file(capsys, monkeypatch):
    """Whatever part of the file was being read, and whichever thread met it first."""
    monkeypatch.setattr(dataset_module, "SIZE", 200)
    rows = [f"{i},{i * i}" for i in range(500)]
    rows[333] = "12,"
    write("a,y\n" + "\n".join(rows))
    refused(capsys, "data.csv: column 'y' is missing in row 334 (line 335)", "fit", "data.csv", "--target", "y")
    rows[333], rows[400] = "12,1", "12"
    write("a,y\n" + "\n".join(rows))
    refused(capsys, "data.csv: row 401 (line 402) has 1 fields, the header has 2", "fit", "data.csv", "--target", "y")


def test_text_in_other_encodings(capsys):
    for encoding, text, said in (
        ("utf-16", "a,y\n1,2\n2,3\n", "the names of the columns are not text in UTF-8"), ("latin-1", "ä,y\n1,2\n2,3\n", "the names of the columns are not"),
        ("latin-1", "a,y\nä,2\n2,3\n", "column 'a' holds text"),
    ):  # fmt: skip
        with open("data.csv", "w", encoding=encoding) as file:
            file.write(text)
        refused(capsys, said, "fit", "data.csv", "--target", "y")


@pytest.mark.parametrize("end", [".gz", ".bz2"])
def test_compressed_csv(capsys, end):
    squeeze = {".gz": gzip.compress, ".bz2": bz2.compress}[end]

    def write_squeezed(rows, kept=None):
        text = "a,b,y\n" + "".join(f"{i},{i % 7},{2 * i + i % 7}\n" for i in range(rows))
        with open("data.csv" + end, "wb") as file:
            file.write(squeeze(text.encode())[:kept])
        return text

    text = write_squeezed(200_000)  # more than is read for the types
    assert main(["fit", "data.csv" + end, "--target", "y"]) == 0
    there = load_model("glassgrad-model.safetensors")
    write(text)
    assert main(["fit", "data.csv", "--target", "y"]) == 0
    here = load_model("glassgrad-model.safetensors")
    assert here.coef.tolist() == there.coef.tolist() == pytest.approx([2, 1]) and there.rows == 200_000
    assert main(["predict", "glassgrad-model.safetensors", "data.csv" + end]) == 0
    capsys.readouterr()
    write_squeezed(200_000, -500)  # not written to its end
    refused(capsys, "cannot be read after row", "fit", "data.csv" + end, "--target", "y")
    write_squeezed(3, 12)
    refused(capsys, "data.csv" + end + " cannot be read", "fit", "data.csv" + end, "--target", "y")
    with open("data.csv" + end, "wb") as file:
        file.write(squeeze(b"a,y\n1,2\n2,x\n3,4\n4,5"))
    refused(capsys, "column 'y' holds text, 'x' in row 2 (line 3): a target holds numbers, or two values", "fit", "data.csv" + end, "--target", "y")


def test_bytes_that_are_no_table(capsys):
    for content in (b"a,y\0z\n1,2", os.urandom(300), b"a,y\n\xe4,1,2\n3\n\xff\xfe,1\n", gzip.compress(b"a,y\n1,2\n3,4\n")):
        with open("data.csv", "wb") as file:
            file.write(content)
        refused(capsys, "data.csv", "fit", "data.csv", "--target", "y")


def parquet(group=3, **columns):
    pq.write_table(pa.table(columns), "data.parquet", row_group_size=group)


def test_what_is_wrong_with_parquet_values(capsys, monkeypatch):
    monkeypatch.setattr(dataset_module, "SIZE", 1)
    y = [1.0, 2.0, 4.0, 5.0, 9.0]
    for a, said in (
        ([1, 2, 3, 4, None], "column 'a' is missing in row 5; --drop-missing"), ([1.0, 2, 3, float("nan"), 0], "column 'a' is missing (NaN) in row 4"),
        ([1.0, 2, 3, 4, float("-inf")], "column 'a' is infinite in row 5"), ([None, "x", "y", "x", "y"], "column 'a' is missing in row 1"),
        (["p", "x", "y", "x", "y"], "column 'a' holds text, 'p' in row 1"), ([[1], [2], [3], [4], [5]], "column 'a' holds values of the type list<"),
    ):  # fmt: skip
        parquet(a=a, y=y)
        refused(capsys, "data.parquet: " + said, "fit", "data.parquet", "--target", "y")
    parquet(a=pa.array([], pa.float64()), y=pa.array([], pa.float64()))
    refused(capsys, "has no rows", "fit", "data.parquet", "--target", "y")
    parquet(a=[1.0, None, 3.0], y=[None, 1.0, None])
    refused(capsys, "no row of data.parquet is without a missing value", "fit", "data.parquet", "--target", "y", "--drop-missing")


def test_half_written_and_damaged_parquet(capsys):
    parquet(group=2000, a=np.random.default_rng(0).random(20000), y=np.arange(20000.0))
    whole = open("data.parquet", "rb").read()
    for cut in (0, 3, 10, 1000, len(whole) - 1):
        with open("data.parquet", "wb") as file:
            file.write(whole[:cut])
        refused(capsys, "data.parquet is not a whole Parquet file", "fit", "data.parquet", "--target", "y")
    with open("data.parquet", "wb") as file:
        file.write(whole[:4] + b"\xff" * 400 + whole[404:])
    refused(capsys, "data.parquet cannot be read", "fit", "data.parquet", "--target", "y")


def test_choices_that_do_not_go_together(capsys):
    line_data()
    for part, *more in (
        ("there is no column 'z'", "--target", "z"), ("(did you mean 'way'?)", "--target", "wya"), ("there is no column 'q'", "--target", "y", "--features", "a,q"),
        ("the target 'y' cannot be a feature", "--target", "y", "--features", "a,y"), ("'a' is named twice", "--target", "y", "--features", "a,a"),
        ("lstsq learns numbers", "--target", "way", "--features", "a", "--method", "lstsq"),
        ("sigmoid learns a target with two values: 'y' has more", "--target", "y", "--features", "a", "--method", "sigmoid"),
        ("there is no such folder", "--target", "y", "--features", "a", "--model", "no/m.safetensors"), ("it is a folder", "--target", "y", "--html", "."),
        ("nothing can be written to 'data.csv': it is the data", "--target", "y", "--features", "a", "--model", "data.csv"),
        ("two of model, report and checkpoint would be written to", "--target", "y", "--features", "a", "--model", "x", "--html", "x"),
        ("the learning rate 50 is too large", "--target", "y", "--features", "a", "--method", "adaline", "--lr", "50"),
        ("there is no cluster at 'nonsense'", "--target", "y", "--features", "a", "--cluster", "nonsense"),
    ):  # fmt: skip
        if "--cluster" in more:
            pytest.importorskip("distributed", reason="clusters are Dask's")
        refused(capsys, part, "fit", "data.csv", *more)
    for part, source in (("there is no file 'no.csv'", "no.csv"), ("no file matches 'no*.csv'", "no*.csv"), ("holds no file ending in", "empty")):
        os.makedirs("empty", exist_ok=True)
        refused(capsys, part, "fit", source, "--target", "y")


@pytest.mark.parametrize("options", [["--lr", "fast"], ["--lr", "-1"], ["--epochs", "0"], ["--batch-rows", "x"], ["--method", "magic"]])
def test_options_are_checked_in_a_line(capsys, options):
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "data.csv", "--target", "y", *options])
    assert stopped.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_a_second_file_that_differs(capsys):
    write("a,b,y\n1,2,3\n2,2,5\n", "1.csv")
    write("a,y\n1,3\n", "2.csv")
    refused(capsys, "2.csv has no column 'b', which 1.csv has", "fit", "1.csv", "2.csv", "--target", "y")
    write("a,b,y\n1,two,3\n", "2.csv")
    refused(capsys, "2.csv: column 'b' holds text, 'two' in row 1 (line 2)", "fit", "1.csv", "2.csv", "--target", "y")
    pq.write_table(pa.table({"a": [1.0], "b": ["two"], "y": [1.0]}), "3.parquet")
    refused(capsys, "3.parquet: column 'b' holds text, 'two' in row 1", "fit", "1.csv", "3.parquet", "--target", "y")


def test_libraries_that_are_missing(capsys, monkeypatch):
    line_data()
    for name, said in (("pyarrow", 'pip install "glassgrad[neuron]"'), ("safetensors", 'pip install "glassgrad[files]"')):
        with monkeypatch.context() as patch:
            for module in [m for m in sys.modules if m.split(".")[0] == name]:
                patch.delitem(sys.modules, module)
            patch.setitem(sys.modules, name, None)
            refused(capsys, said, "fit", "data.csv", "--target", "y", "--features", "a")
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused(capsys, 'pip install "glassgrad[cluster]"', "fit", "data.csv", "--target", "y", "--features", "a", "--cluster", "local")


def test_models_and_data_that_predict_cannot_use(capsys):
    line_data()
    assert run(capsys, "fit", "data.csv", "--target", "y", "--features", "a,b")[0] == 0
    whole = open(MODEL, "rb").read()
    write("older", "p.csv")
    write("a\n1\n", "new.csv")
    refused(capsys, "new.csv has no column 'b', which the model learnt from", "predict", MODEL, "new.csv", "--out", "p.csv")
    write("a,b\n1,2\n3,x\n", "new.csv")
    refused(capsys, "new.csv: column 'b' holds text, 'x' in row 2 (line 3)", "predict", MODEL, "new.csv", "--out", "p.csv")
    write("a,b\n" + "1,2\n" * 9 + "3,\n", "new.csv")
    refused(capsys, "new.csv: column 'b' is missing in row 10 (line 11)", "predict", MODEL, "new.csv", "--out", "p.csv")
    refused(capsys, "written as .csv or .parquet", "predict", MODEL, "new.csv", "--out", "p.txt")
    refused(capsys, "it is the data", "predict", MODEL, "new.csv", "--out", "new.csv")
    refused(capsys, "there is no such folder", "predict", MODEL, "new.csv", "--out", "no/p.csv")
    refused(capsys, "the model no.safetensors cannot be read: No such file", "predict", "no.safetensors", "new.csv")
    for content in (whole[: len(whole) // 2], b"", b"nonsense, and more of it"):
        with open("broken", "wb") as file:
            file.write(content)
        refused(capsys, "the model broken cannot be read", "predict", "broken", "new.csv")
    from safetensors.numpy import save_file

    save_file({"coef": np.ones(2)}, "other")
    refused(capsys, "other is not a model that glassgrad fit wrote", "predict", "other", "new.csv")
    assert open("p.csv").read() == "older"


def test_missing_values_can_be_left_without_prediction(capsys):
    line_data()
    run(capsys, "fit", "data.csv", "--target", "way", "--features", "a,b")
    write("a,b\n1,2\n3,\n-5,0\n", "new.csv")
    assert run(capsys, "predict", MODEL, "new.csv", "--drop-missing")[0] == 0
    lines = open("predictions.csv").read().splitlines()
    assert lines[0] == '"prediction","probability"' and lines[2] == "," and lines[3].startswith('"down",')


@pytest.mark.parametrize("threads", ["1", "2"])
def test_an_interrupted_fit_leaves_the_old_model_whole(capsys, monkeypatch, threads):
    monkeypatch.setattr(dataset_module, "SIZE", 500)
    line_data()
    write("an older model", MODEL)
    write("an older report", "r.html")
    before = sorted(os.listdir())
    mapper = learn.survey

    def interrupted(reading, part):
        os.kill(os.getpid(), signal.SIGINT)
        return mapper(reading, part)

    monkeypatch.setattr(learn, "survey", interrupted)
    code, out, err = run(capsys, "fit", "data.csv", "--target", "y", "--features", "a", "--html", "r.html", "--threads", threads)
    assert (code, out, err) == (130, "", "glassgrad: stopped\n")
    assert sorted(os.listdir()) == before and open(MODEL).read() == "an older model" and open("r.html").read() == "an older report"


def test_an_interrupted_write_leaves_the_old_file_whole(capsys, monkeypatch):
    line_data()
    assert run(capsys, "fit", "data.csv", "--target", "y", "--features", "a")[0] == 0
    whole, before = open(MODEL, "rb").read(), sorted(os.listdir())

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    assert run(capsys, "fit", "data.csv", "--target", "y", "--features", "a,b")[0] == 130
    assert run(capsys, "predict", MODEL, "data.csv")[0] == 130
    assert open(MODEL, "rb").read() == whole and sorted(os.listdir()) == before


def test_plain_progress_is_a_line_every_few_seconds(capsys, monkeypatch):
    now = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    lines = progress.Lines()
    lines.begin("reading", 100_000_000)
    for _ in range(4):
        lines.advance(25_000_000)
    assert capsys.readouterr().err == "reading: 50% of 100 MB\nreading: 100% of 100 MB\n"


def test_a_bar_where_somebody_watches(monkeypatch):
    pytest.importorskip("rich", reason="the bar is rich's")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = progress.watched()
    assert isinstance(bar, progress.Bar)
    bar.begin("reading", 10)
    bar.advance(5)
    bar.begin("epoch 2", 10)
    assert bar.shown.tasks[0].completed == 0
    bar.close()


def test_other_commands_load_nothing_for_it():
    code = "import sys, glassgrad.cli as c; c.main(['study', 'x**2', '--at', 'x=1', '--no-html', '--timeout', '0.01']); print([m for m in sys.modules if m.split('.')[0] in ('pyarrow', 'dask', 'sklearn') or m == 'glassgrad.fitting.learn'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"
