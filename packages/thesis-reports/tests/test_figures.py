"""Figures draw whatever a run is called, leave matplotlib as it was, and repeat to the byte."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thesis_reports.figures.curves import MOST_LINES, Curve, curves_data, draw_curves, frame_of
from thesis_reports.figures.roc import RocLine, draw_roc
from thesis_reports.figures.score_distribution import draw_densities, probability_densities
from thesis_reports.figures.settings import MOST_ROWS, SettingPoint, draw_settings
from thesis_reports.figures.style import plain, save_figure

HOSTILE = [
    "$x_{",
    "_hidden",
    "<script>alert(1)</script>",
    "a\nb\tc",
    "😀 日本",
    "\\frac{",
    "",
    "%$#&",
]


def _curve(label: str, n: int = 20, offset: float = 0.0) -> Curve:
    epochs = np.arange(n, dtype=float)
    return Curve(label, epochs, 0.4 + 0.3 * np.exp(-epochs / 5) + offset)


def _curves(labels: list[str]) -> Callable:
    curves = {f"run{i}": _curve(label, offset=0.01 * i) for i, label in enumerate(labels)}
    return lambda: draw_curves(
        curves, curves, quantity="loss", best=next(iter(curves)), best_epoch=7
    )


def _settings(labels: list[str]) -> Callable:
    points = [SettingPoint(label, np.array([0.9, 0.91]), 0.905, 0.007) for label in labels]
    return lambda: draw_settings(points, quantity="validation AUROC")


def _roc(labels: list[str]) -> Callable:
    eps = np.linspace(0.01, 1, 50)
    points = [(0.3, 60.0, 3.0), (0.5, np.inf, np.nan), (0.7, 8.0, np.nan)]
    lines = [RocLine(label, eps, eps**3, eps**3 * 0.9, eps**3 * 1.1, points) for label in labels]
    return lambda: draw_roc(lines, signal=labels[0], with_ratio=True)


def _scores(labels: list[str]) -> Callable:
    values = {label: np.linspace(0, 1, 100) ** (i + 1) for i, label in enumerate(labels)}
    weights = {label: np.ones(100) for label in labels}
    data = probability_densities(values, weights)
    return lambda: draw_densities(data, quantity=labels[0])


DRAWINGS = {"curves": _curves, "settings": _settings, "roc": _roc, "scores": _scores}


@pytest.fixture(params=sorted(DRAWINGS))
def drawing(request) -> Callable[[list[str]], Callable]:
    return DRAWINGS[request.param]


def test_any_name_can_be_drawn(drawing, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = save_figure(drawing(HOSTILE[:5]), tmp_path / "a", ["png", "svg"], 60)
        save_figure(drawing(HOSTILE[5:]), tmp_path / "b", ["pdf"], 60)
    assert {file.name for file in tmp_path.iterdir()} == {"a.png", "a.svg", "b.pdf"}
    assert svg == (tmp_path / "a.svg").read_bytes()
    assert b"<script" not in svg


def test_the_same_data_give_the_same_bytes(drawing, tmp_path: Path) -> None:
    first, second = (
        save_figure(drawing(["a", "b"]), tmp_path / name, ["pdf"], 60) for name in ("1", "2")
    )
    assert first == second
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "2.pdf").read_bytes()


def test_settings_of_the_caller_stay(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    save_figure(_curves(["a"]), tmp_path / "a", ["png"], 60)
    assert dict(matplotlib.rcParams) == before


def test_matplotlib_comes_with_the_first_figure_and_chooses_no_backend(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import thesis_reports.analyses.sweep_summary
from thesis_reports.figures.style import new_figure, save_figure
before = "matplotlib" in sys.modules
save_figure(lambda: new_figure()[0], Path({str(tmp_path / "a")!r}), ["png"], 50)
import matplotlib
chosen = matplotlib.rcParams._get_backend_or_none()
print(before, chosen)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "None"]


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_is_never_a_formula(text: str) -> None:
    assert not plain(text).startswith("_")
    assert plain(text).count("$") == plain(text).count("\\$")


def test_long_names_lose_their_middle() -> None:
    assert plain("a" * 50 + "b" * 50, 20) == "a" * 13 + "…" + "b" * 6


def _drawn_labels(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_few_settings_are_named_and_many_are_counted() -> None:
    few = _drawn_labels(_curves(["a", "b", "c"])())
    assert few == ["a", "b", "c"]
    many = _drawn_labels(_curves([f"setting {i}" for i in range(50)])())
    assert many == ["50 settings", "best run, validation", "best run, training"]


def test_hundreds_of_runs_are_bands_of_quantiles_and_the_best_one() -> None:
    curves = {str(i): _curve("same", offset=0.001 * i) for i in range(MOST_LINES + 101)}
    figure = draw_curves(curves, curves, quantity="loss", best="7", best_epoch=3)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(lines) == 3  # the median, and the best run in validation and training
    data = curves_data(curves, curves, best="7")
    bands = data[data["run"].isna()]
    at_start = bands[bands["epoch"] == 0].iloc[0]
    assert at_start["n_runs"] == 301
    assert at_start["median"] == pytest.approx(0.7 + 0.15)
    assert at_start["low"] == pytest.approx(0.7 + 0.0075)
    assert set(data["run"].dropna()) == {"7"}


def test_at_most_twenty_settings_are_drawn() -> None:
    figure = _settings([f"setting {i}" for i in range(50)])()
    assert len(figure.axes[0].get_yticks()) == MOST_ROWS


def test_a_run_that_blew_up_does_not_flatten_the_others() -> None:
    curves = [_curve(str(i)) for i in range(20)]
    wild = Curve("wild", np.arange(20.0), np.where(np.arange(20) > 17, 1e6, 0.5))
    frame = frame_of([*curves, wild])
    assert frame.upper < 2
    assert frame.n_outside == 1
    assert frame_of(curves).n_outside == 0


def test_constant_and_unknown_values_can_be_drawn(tmp_path: Path) -> None:
    values = np.array([0.5, np.nan, 0.5])
    curve = {"a": Curve("a", np.arange(3.0), values)}
    save_figure(
        lambda: draw_curves(curve, {}, quantity="loss", best="a", best_epoch=1),
        tmp_path / "a", ["png"], 60,
    )  # fmt: skip
    save_figure(_settings(["only"]), tmp_path / "b", ["png"], 60)
