"""Figures look as they did when they were last looked at.

``UPDATE_PICTURES=1 pytest tests/test_pictures.py`` draws the references anew; look at them before
they are kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.testing.compare import compare_images

from thesis_reports.comparison import Comparison
from thesis_reports.figures.curves import Curve, draw_curves
from thesis_reports.figures.differences import draw_differences
from thesis_reports.figures.grid import draw_grid
from thesis_reports.figures.roc import RocLine, draw_roc
from thesis_reports.figures.score_distribution import draw_densities, probability_densities
from thesis_reports.figures.settings import SettingPoint, draw_settings
from thesis_reports.figures.style import save_figure
from thesis_reports.figures.time_curves import draw_time_curves
from thesis_reports.statistics import Spread

REFERENCES = Path(__file__).parent / "pictures"
MADE_WITH = "3.11"  # another matplotlib places text elsewhere
DPI = 60
TOLERANCE = 4.0  # root mean square of grey levels: a moved tick label gives more


def curves() -> Callable:
    epochs = np.arange(1.0, 21)
    runs = {
        f"run {name} {seed}": Curve(f"dim={name}", epochs, start + 0.3 * np.exp(-epochs / 5) + seed)
        for name, start in (("32", 0.45), ("64", 0.4))
        for seed in (0.0, 0.01)
    }
    training = {run: Curve(c.label, c.epochs, c.values - 0.03) for run, c in runs.items()}
    return lambda: draw_curves(runs, training, quantity="loss", best="run 64 0.0", best_epoch=18)


def crowd() -> Callable:
    epochs = np.arange(1.0, 21)
    runs = {
        str(i): Curve(f"setting {i}", epochs, 0.8 + 0.0003 * i - 0.2 * np.exp(-epochs / 4))
        for i in range(300)
    }
    return lambda: draw_curves(runs, {}, quantity="AUROC", best="299", best_epoch=20)


def time_curves() -> Callable:
    runs = {
        label: Curve(label, np.arange(1.0, 11) * speed, 0.9 - 0.2 * np.exp(-np.arange(10) / 3))
        for label, speed in (("small", 20.0), ("large", 60.0))
    }
    return lambda: draw_time_curves(runs, quantity="validation AUROC")


def settings() -> Callable:
    points = [
        SettingPoint(
            f"positional={name}", np.array([mean - 0.002, mean, mean + 0.001]), mean, 0.0015
        )
        for name, mean in (("none", 0.912), ("rotary", 0.910), ("sinusoidal", 0.905))
    ]
    return lambda: draw_settings(points, quantity="validation AUROC")


def roc() -> Callable:
    efficiency = np.linspace(0.02, 1, 60)
    lines = []
    for label, power in (("with bias, AUROC 0.9131", 4.0), ("without, AUROC 0.9106", 3.7)):
        background = efficiency**power
        points = [(0.5, 2**power, 0.1 * 2**power)]
        lines.append(
            RocLine(label, efficiency, background, 0.9 * background, 1.1 * background, points)
        )
    return lambda: draw_roc(lines, signal="4t", with_ratio=True)


def densities() -> Callable:
    grid = np.linspace(0.005, 0.995, 400)
    data = probability_densities(
        {"background": grid**2, "4t": 1 - grid**2}, {"background": 1 + 0 * grid, "4t": 1 + 0 * grid}
    )
    return lambda: draw_densities(data, quantity="predicted probability of 4t")


def differences() -> Callable:
    rows = [
        Comparison("attention_biases=none", -0.0026, 0.0005, 0.0007, 8, 0.02, 0.04, 0.0026),
        Comparison("attention_biases=sm_interaction", 0.0004, 0.0006, 0.0005, 9, 0.6, 0.6, 0.0024),
    ]
    return lambda: draw_differences(rows, quantity="test AUROC")


def grid() -> Callable:
    fields = {
        (row, column): Spread(0.9 + 0.004 * i - 0.003 * j, 0.001, 3)
        for i, row in enumerate(("pre", "post"))
        for j, column in enumerate(("cls", "mean", "max"))
    }
    return lambda: draw_grid(
        fields, ("pre", "post"), ("cls", "mean", "max"),
        axes_names=("norm_policy", "pooling"), quantity="test AUROC",
    )  # fmt: skip


PICTURES = [curves, crowd, time_curves, settings, roc, densities, differences, grid]


@pytest.mark.skipif(
    not matplotlib.__version__.startswith(MADE_WITH),
    reason=f"the references were drawn with matplotlib {MADE_WITH}",
)
@pytest.mark.parametrize("drawing", PICTURES, ids=lambda drawing: drawing.__name__)
def test_a_figure_looks_as_it_did(drawing: Callable[[], Callable], tmp_path: Path) -> None:
    name = f"{drawing.__name__}.png"
    save_figure(drawing(), tmp_path / drawing.__name__, ["png"], DPI)
    reference = REFERENCES / name
    if os.environ.get("UPDATE_PICTURES"):
        REFERENCES.mkdir(exist_ok=True)
        shutil.copyfile(tmp_path / name, reference)
    difference = compare_images(str(reference), str(tmp_path / name), TOLERANCE)
    assert difference is None, difference


def test_every_reference_belongs_to_a_figure() -> None:
    assert {path.stem for path in REFERENCES.glob("*.png") if "-failed" not in path.stem} == {
        drawing.__name__ for drawing in PICTURES
    }
