"""What a user sees: runs, mistakes, sweeps."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from command import LONG, QUICK, SMALL, start
from thesis_facts import load_runs, run_lock
from thesis_facts.check import check_run


def runs_in(folder: Path) -> list[Path]:
    return sorted((folder / "outputs" / "runs").glob("*"))


def test_a_run_says_where_it_is_and_what_to_type_next(thesis_train, tmp_path):
    done = thesis_train(*SMALL)
    assert done.returncode == 0, done.stderr
    (run_dir,) = runs_in(tmp_path)
    shown = f"outputs/runs/{run_dir.name}"
    assert re.search(r"AUROC +0\.\d{4} ± 0\.\d{4}", done.stdout)
    assert re.search(r"1/eps_B = [\d.inf]+.* at eps_S = 0\.3", done.stdout)
    assert f"thesis-report inputs.run_dirs={shown}" in done.stdout
    assert "epoch 1/1" in done.stderr
    assert (run_dir / ".hydra" / "config.yaml").exists()
    assert (run_dir / "scores" / "test.npz").exists()
    assert "epoch 1/1" in (run_dir / "train.log").read_text()
    runs = load_runs(run_dirs=str(run_dir)).runs
    assert runs["status"].tolist() == ["complete"]


@pytest.mark.parametrize(
    ("family", "quick"),
    [
        ("mlp", ("classifier.trainer.epochs=2", "classifier/mlp_size=s200k")),
        ("bdt", ("classifier.model.n_estimators=5", "classifier.model.features=physics")),
    ],
)
def test_a_baseline_leaves_the_facts_of_any_classifier(thesis_train, family, quick, tmp_path):
    done = thesis_train(f"loop={family}_classifier", "data.synthetic.n_events=300", *quick)
    assert done.returncode == 0, done.stderr
    (run_dir,) = runs_in(tmp_path)
    assert re.search(r"AUROC +0\.\d{4} ± 0\.\d{4}", done.stdout)
    (run,) = load_runs(run_dirs=str(run_dir)).runs.to_dict("records")
    assert (run["status"], run["model_family"]) == ("complete", family)
    assert 0.5 < run["metric_auroc_best"] <= 1
    assert (run_dir / "scores" / "test.npz").exists()
    assert not [found for found in check_run(run_dir) if found.is_wrong]


def test_a_model_of_another_loop_is_refused(thesis_train):
    done = thesis_train("loop=transformer_classifier", "classifier/model=bdt_classifier")
    assert done.returncode == 1
    assert "choose loop=bdt_classifier" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_toy_sample_is_made_once(thesis_train, tmp_path):
    thesis_train(*SMALL)
    (made,) = (tmp_path / "outputs" / "datasets").glob("*.h5")
    stamp = made.stat().st_mtime_ns
    assert thesis_train(*SMALL).returncode == 0
    assert made.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loop=transfomer"], ["'transfomer'", "did you mean transformer_classifier?"]),
        (["general.trainer.lr=-1"], ["general.trainer.lr", "-1", "greater than 0"]),
        (["general.trainer.epohcs=3"], ["general.trainer.epohcs", "epochs?"]),
        (["+general.trainer.epohcs=3"], ["general.trainer.epohcs", "epochs?"]),
        (["objective=test_loss"], ["test_loss", "best_val_loss"]),
        (["general.trainer.lr=fast"], ["general.trainer.lr", "'fast'", "number"]),
        (["device=cuda:7"], ["device", "cuda:7"]),
        (["resume=auto"], ["resume", "run_dir"]),
        (["hydra.mode=MULTIRUN", "run_dir=mine"], ["run_dir", "mine", "--continue"]),
    ],
)
def test_a_mistake_is_one_message(thesis_train, arguments, words, tmp_path):
    done = thesis_train(*QUICK, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert any(all(word in line for word in words) for line in lines), done.stderr


def test_a_mistyped_key_in_a_file_of_ones_own_is_found(thesis_train, tmp_path):
    group = tmp_path / "mine" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "wrong.yaml").write_text(
        "# @package _global_\nclassifier: {trainer: {learning_rate: 3}}\n"
    )
    done = thesis_train("--config-dir=mine", "classifier/experiment=wrong")
    assert done.returncode == 1
    assert "classifier.trainer.learning_rate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_key_leaves_no_run_behind(thesis_train, tmp_path):
    thesis_train(*QUICK, "+general.trainer.epohcs=3")
    assert runs_in(tmp_path) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_of_the_user_is_not_removed(thesis_train, tmp_path, exists):
    mine = tmp_path / "q"
    if exists:
        (mine / ".hydra").mkdir(parents=True)
        (mine / "train.log").write_text("mine")
    done = thesis_train(*QUICK, f"hydra.run.dir={mine}", "general.trainer.lr=-1")
    assert done.returncode == 1
    assert mine.is_dir()
    if exists:
        assert (mine / "train.log").read_text() == "mine"


def test_a_mistyped_key_never_removes_what_was_there_before(thesis_train, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    done = thesis_train(*QUICK, "hydra.run.dir=.", "+general.trainer.epohcs=3")
    assert done.returncode == 1
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.fixture
def broken_file(tmp_path):
    """`broken_file(kind)`: a small file of events with one thing wrong."""

    def make(kind: str) -> str:
        path = tmp_path / f"{kind}.h5"
        if kind == "missing":
            return str(path)
        if kind == "truncated":
            path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\x00" * 50)
            return str(path)
        x = np.zeros((40, 20 if kind == "narrow" else 92), dtype=np.float32)
        x[:, 0] = 1
        x[:, 20:24] = [50, 40, 0.1, 0.2] if kind != "narrow" else 0
        if kind == "nan":
            x[7, 21] = np.nan
        labels = np.tile([1.0, 2.0], 20)
        if kind == "label":
            labels[3] = 9
        if kind == "one class":
            labels[:] = 2
        with h5py.File(path, "w") as file:
            for split, y in (("train", "Y_train"), ("val", "y_val"), ("test", "y_test")):
                file[f"X_{split}"] = x
                if kind != "unlabelled":
                    file[y] = labels
        return str(path)

    return make


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", ["data.path", "missing.h5"]),
        ("truncated", ["truncated.h5"]),
        ("narrow", ["20", "92"]),
        ("nan", ["nan"]),
        ("label", ["label", "9"]),
        ("one class", ["class", "4t"]),
        ("unlabelled", ["Y_train"]),
    ],
)
def test_broken_events_are_named(thesis_train, kind, words, broken_file, tmp_path):
    path = broken_file(kind)
    done = thesis_train("data=h5_tokens", f"data.path={path}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word.lower() in done.stderr.lower()
    (run_dir,) = runs_in(tmp_path)
    events = (run_dir / "facts" / "events.jsonl").read_text().splitlines()
    assert json.loads(events[-1])["moment"] == "on_exception"


def test_an_output_root_that_is_no_folder(thesis_train, tmp_path):
    (tmp_path / "file").write_text("")
    done = thesis_train(*QUICK, "env.output_root=file/below")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "output_root" in done.stderr


def test_runs_started_together_have_their_own_directories(tmp_path):
    together = [start(tmp_path, *QUICK) for _ in range(3)]
    assert [process.end().returncode for process in together] == [0, 0, 0]
    assert len(runs_in(tmp_path)) == 3


def test_ctrl_c_leaves_a_run_that_the_printed_command_resumes(tmp_path):
    process = start(tmp_path, *LONG)
    process.wait_for(lambda: list(tmp_path.glob("outputs/runs/*/last.pt")))
    process.send(signal.SIGINT)
    done = process.end()
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    command = next(line for line in done.stderr.splitlines() if "resume=auto" in line).split()
    (run_dir,) = runs_in(tmp_path)
    command = command[command.index("thesis-train") :]  # without a "uv run" before it
    assert f"run_dir=outputs/runs/{run_dir.name}" in command

    events = run_dir / "facts" / "events.jsonl"
    size = events.stat().st_size
    again = start(tmp_path, *command[1:])
    again.wait_for(lambda: events.stat().st_size > size)
    again.send(signal.SIGTERM)
    done = again.end()
    assert done.returncode == 85, done.stderr
    assert len(runs_in(tmp_path)) == 1


def test_help_needs_no_torch_and_no_hydra():
    code = (
        "import sys; sys.argv = ['thesis-train', '--help']\n"
        "from thesis_train.cli import main; main()\n"
        "assert not {'torch', 'hydra', 'pydantic', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for word in ("transformer_classifier", "data/order", "s200k", "resume=auto"):
        assert word in done.stdout


def test_other_flags_of_hydra_still_work(thesis_train, tmp_path):
    done = thesis_train("--cfg", "job")
    assert done.returncode == 0
    assert "attention_biases: none" in done.stdout
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    "refused",
    [
        ("resume=auto", "general.trainer.lr=3"),  # another config
        ("resume=auto", "general.trainer.epohcs=3"),  # a mistake
        (),  # no word of going on
    ],
)
def test_a_refused_resume_touches_nothing(thesis_train, tmp_path, refused):
    assert thesis_train(*QUICK, "run_dir=mine").returncode == 0
    (tmp_path / "mine" / "facts" / "events.jsonl").write_text(
        "".join((tmp_path / "mine" / "facts" / "events.jsonl").read_text().splitlines(True)[:2])
    )  # as if it had been killed
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "mine").rglob("*")}
    done = thesis_train(*QUICK, "run_dir=mine", *refused)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "mine").rglob("*")}
    assert before.keys() == after.keys()
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed <= {".lock"}


def test_a_run_that_another_process_works_on_is_not_touched(thesis_train, tmp_path):
    with run_lock(tmp_path / "mine"):
        done = thesis_train(*QUICK, "run_dir=mine")
    assert done.returncode == 1
    assert "is in use" in done.stderr
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {".lock"}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 85), (signal.SIGUSR1, 85), (signal.SIGINT, 130)]
)
def test_a_signal_while_the_command_starts_leaves_nothing(tmp_path, number, code):
    process = subprocess.Popen(
        [sys.executable, "-c", "from thesis_train.cli import main; main()", *QUICK],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert "test_mlp in" in process.stderr.readline()  # torch comes next
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said.splitlines() == [f"stopped by {number.name}"]
    assert runs_in(tmp_path) == []
