"""Draws the README's picture, for light and dark pages: python docs/pictures.py."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from glassgrad import study  # noqa: E402
from glassgrad.study.pictures import theme  # noqa: E402

HERE = pathlib.Path(__file__).parent

parabola = study("3*x**2 - 2*x + 5", at={"x": 3.0})
neuron = study("(w1*2 + w2*3 - 10)**2", at={"w1": 1.0, "w2": 2.0})
for shade in ("light", "dark"):
    with theme(shade == "dark"):
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
        parabola.plot(ax=left)
        neuron.plot(ax=right)
        figure.savefig(HERE / f"study-{shade}.png", dpi=90)
        plt.close(figure)
