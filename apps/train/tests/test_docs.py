"""The examples of the guides run as they stand."""

import re
from pathlib import Path

from command import SMALL
from thesis_loops.config import OBJECTIVES
from thesis_train import compose

DOCS = Path(__file__).parents[3] / "docs"


def test_the_loop_of_the_guide_trains(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "adding_a_loop.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(code, names)
    monkeypatch.setitem(OBJECTIVES, "ranking_classifier", ("best_val_auroc",))
    config = compose(
        [
            "data.synthetic.n_events=300",
            f"env.output_root={tmp_path}",
            "classifier/model_size=s30k",
            "classifier.trainer.epochs=1",
        ]
    )
    config.loop = "ranking_classifier"
    assert 0 <= names["train"](config)["test_auroc"] <= 1


def test_the_sweep_of_the_guide_is_three_jobs(thesis_train, tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "sweeps.md").read_text(), re.DOTALL)
    group = tmp_path / "my_configs" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "seeds.yaml").write_text(text)
    done = thesis_train("--config-dir", "my_configs", "classifier/experiment=seeds", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "3: 3 complete (3 now)" in done.stdout
    assert len(list((tmp_path / "outputs" / "multiruns").glob("exp_*_seeds"))) == 1
