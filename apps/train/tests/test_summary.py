"""The last lines of a run."""

import math
import sys

from thesis_train.summary import next_command, summarise


def results(suffix: str = "", **changes: float) -> dict[str, float]:
    numbers = {f"test_auroc{suffix}": 0.9, f"test_auroc{suffix}_uncertainty": 0.01}
    for efficiency in ("0.3", "0.5", "0.7"):
        key = f"test_rejection_at_{efficiency}{suffix}"
        numbers |= {key: 50.0, f"{key}_uncertainty": 5.0}
    return {"best_epoch": 4, "tested_epoch": 4} | numbers | changes


def test_two_classes():
    lines = summarise(results(), "outputs/runs/x").splitlines()
    assert lines[0] == "best epoch 5, on the test split:"
    assert lines[1].split() == ["AUROC", "0.9000", "±", "0.0100"]
    assert "1/eps_B = 50.0 ± 5.0 at eps_S = 0.3" in lines[2]
    assert len(lines) == 8


def test_the_last_weights_are_not_called_the_best():
    assert summarise(results(tested_epoch=9), "x").startswith("last epoch 10, ")


def test_more_classes_have_a_line_each():
    several = results("_4t") | results("_ttH")
    several |= {"test_auroc": 0.8, "test_auroc_uncertainty": 0.01}
    text = summarise(several, "x")
    assert "4t         AUROC 0.9000 ± 0.0100" in text
    assert text.count("eps_S = 0.5") == 2


def test_a_cut_that_no_background_passes_has_a_limit():
    text = summarise(
        results(
            **{
                "test_rejection_at_0.3": math.inf,
                "test_rejection_at_0.3_uncertainty": math.nan,
                "test_rejection_at_0.3_lower_limit": 12.0,
            }
        ),
        "x",
    )
    assert "1/eps_B = over 12.0 (95 % confidence) at eps_S = 0.3" in text


def test_what_is_unknown_has_no_error():
    text = summarise(results(test_auroc_uncertainty=math.nan), "x")
    assert "AUROC      0.9000\n" in text


def test_the_next_command_can_be_pasted(monkeypatch):
    monkeypatch.delenv("UV", raising=False)
    command = next_command("inputs.run_dirs", "outputs/my runs/a[1]")
    assert command == "thesis-report 'inputs.run_dirs=outputs/my runs/a[1]'"
    monkeypatch.setattr(sys, "argv", ["/my env/bin/thesis-train"])
    monkeypatch.setenv("PATH", "")
    command = next_command("inputs.sweep_dir", "x")
    assert command == "'/my env/bin'/thesis-report inputs.sweep_dir=x"
    monkeypatch.setenv("UV", "/usr/bin/uv")
    assert next_command("inputs.sweep_dir", "x") == "uv run thesis-report inputs.sweep_dir=x"
