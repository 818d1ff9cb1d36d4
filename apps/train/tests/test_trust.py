"""Configs of strangers can't run code, however they come in and wherever they name it."""

import pickle
from importlib import import_module
from importlib.util import find_spec
from inspect import isfunction
from pkgutil import walk_packages

import pytest
from omegaconf import OmegaConf

from command import QUICK
from thesis_train.targets import OURS, UntrustedError, check_targets


@pytest.fixture
def mark(tmp_path):
    """The file that a stranger's config would make."""
    return tmp_path / "mark"


def experiment(folder, text):
    """Flags and overrides that bring in an experiment file with `text`."""
    group = folder / "theirs" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "nice.yaml").write_text(f"# @package _global_\n{text}\n")
    return (f"--config-dir={folder / 'theirs'}", "classifier/experiment=nice")


def callback(target: str, arguments: str = "path: MARK") -> str:
    """An experiment file that makes Hydra call something."""
    return f"hydra: {{callbacks: {{x: {{_target_: {target}, {arguments}}}}}}}"


@pytest.mark.parametrize(
    "text",
    [
        callback("os.system", "command: touch MARK"),
        callback("subprocess.run", "args: [touch, MARK]"),
        callback("pathlib.Path.touch", "self: MARK"),
        # spelt like ours, defined elsewhere
        callback("thesis_facts.durable.os.system", "command: touch MARK"),
        callback("thesis_train.stopping.os.mkdir", "path: MARK"),
        # what makes objects of names is Hydra's, but no launcher, sweeper or plugin
        callback("hydra.utils.get_method", "path: os.getcwd"),
        # a section that only appears when it is read
        "hydra: {callbacks: {x: \"${oc.decode:'{_target_: os.mkdir, path: MARK}'}\"}}",
        "hydra: {callbacks: {x: {_target_: '${oc.env:HOME}'}}}",
        "hydra: {launcher: {_target_: os.mkdir}}",
        "hydra: {job_logging: {handlers: {x: {(): os.mkdir, path: MARK}}}}",
        "hydra: {job_logging: {handlers: {x: {class: mine.Handler}}}}",
        "hydra: {job_logging: {formatters: {x: {class: mine.Formatter}}}}",
        "hydra: {hydra_logging: {handlers: {x: {(): os.mkdir, path: MARK}}}}",
        "hydra: {hydra_logging: {handlers: {console: {stream: 'ext://mine.stream'}}}}",
        "hydra: {job: {env_set: {PATH: /theirs}}}",
        "data: {classifier: {signal_vs_background: {x: {_target_: os.mkdir}}}}",
        # functions of ours that run or write what they are told to
        callback("thesis_facts.builders._git", "_args_: [., -c, 'alias.x=!touch MARK', x]"),
        callback("thesis_facts.durable.write_json", "path: MARK, content: {}"),
        "data: {x: {_target_: thesis_facts.durable.write_json, path: MARK, content: {}}}",
        # a key with a dot
        "hydra: {callbacks: {'x.y': \"${oc.decode:'{_target_: os.mkdir, path: MARK}'}\"}}",
        # sections that only appear when they are read
        "evil: {x: {_target_: os.mkdir, path: MARK}}\nhydra: {callbacks: '${evil}'}",
        "evil: {x: {_target_: os.mkdir, path: MARK}}\nhydra: {callbacks: {x: '${evil.x}'}}",
        "evil: {x: {PATH: MARK}}\nhydra: {job: {env_set: '${evil.x}'}}",
        "hydra: {callbacks: {x: '${hydra.env}'}}",
        # a log file elsewhere, and what shells read of it
        "hydra: {job_logging: {handlers: {file: {filename: MARK, delay: false}}}}",
        "hydra: {job_logging: {handlers: {file: {filename: '${env.data_root}'}}}}",
        "hydra: {job_logging: {handlers: {file: {'.': {baseFilename: MARK}}}}}",
        "hydra: {job_logging: {formatters: {x: {class: logging.FileHandler, format: MARK}}}}",
        # ext:// by its parts
        'hydra: {job_logging: {handlers: {console: {stream: "${experiment.name}://this.s"}}}}',
        'hydra: {job_logging: {handlers: {console: {stream: "${oc.decode:x}"}}}}',
    ],
)
@pytest.mark.parametrize("more", [(), ("--multirun", "general.trainer.seed=1,2")])
def test_an_experiment_file_runs_nothing(thesis_train, tmp_path, mark, text, more):
    flags = experiment(tmp_path, text.replace("MARK", str(mark)))
    done = thesis_train(*QUICK, *flags, *more)
    assert done.returncode == 1
    assert "may not run code from elsewhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not mark.exists()
    assert not list(tmp_path.glob("outputs/*/*"))


def test_a_point_of_a_sweep_runs_nothing_either(thesis_train, tmp_path, mark):
    text = callback("os.mkdir").replace("MARK", str(mark))
    flags = experiment(tmp_path, text)
    (tmp_path / "theirs" / "classifier" / "experiment" / "good.yaml").write_text(
        "# @package _global_\n"
    )
    done = thesis_train(*QUICK, flags[0], "--multirun", "classifier/experiment=good,nice")
    assert done.returncode == 1
    assert "2: 1 complete (1 now), 1 failed" in done.stdout
    assert "may not run code from elsewhere" in done.stdout
    assert not mark.exists()


@pytest.mark.parametrize("flag", ["--hydra-help", "--info=all", "--cfg=all"])
def test_being_shown_a_config_runs_nothing(thesis_train, tmp_path, mark, flag):
    group = tmp_path / "theirs" / "hydra" / "hydra_logging"
    group.mkdir(parents=True)
    (group / "nice.yaml").write_text(
        f"version: 1\nhandlers: {{x: {{(): os.mkdir, path: {mark}}}}}\nroot: {{handlers: [x]}}\n"
    )
    done = thesis_train(flag, f"--config-dir={tmp_path / 'theirs'}", "hydra/hydra_logging=nice")
    assert done.returncode == 1
    assert not mark.exists()


def test_overrides_and_search_paths_run_nothing(thesis_train, tmp_path, mark):
    given = f"+hydra.callbacks.x={{_target_: os.mkdir, path: {mark}}}"
    assert "from elsewhere" in thesis_train(*QUICK, given).stderr
    folder, group = experiment(tmp_path, callback("os.mkdir").replace("MARK", str(mark)))
    searched = f"hydra.searchpath=[file://{folder.partition('=')[2]}]"
    done = thesis_train(*QUICK, searched, f"+{group}")
    assert done.returncode == 1
    assert not mark.exists()


def test_a_module_of_a_stranger_is_not_imported(thesis_train, tmp_path, mark, monkeypatch):
    (tmp_path / "theirs.py").write_text(f"import os; os.mkdir({str(mark)!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    flags = experiment(tmp_path / "x", "hydra: {callbacks: {x: {_target_: theirs.Callback}}}")
    assert thesis_train(*QUICK, *flags).returncode == 1
    assert not mark.exists()
    done = thesis_train(*QUICK, *flags, "trust=true")
    assert mark.exists()  # so the file would have worked
    assert done.returncode == 1  # it has no Callback


def test_a_file_can_not_ask_for_trust(thesis_train, tmp_path, mark):
    text = callback("os.mkdir").replace("MARK", str(mark))
    flags = experiment(tmp_path, f"trust: true\n{text}")
    assert thesis_train(*QUICK, *flags).returncode == 1
    assert not mark.exists()


def test_a_pickled_job_is_refused(thesis_train, tmp_path, mark):
    class Evil:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    (tmp_path / "job.pickle").write_bytes(pickle.dumps(Evil()))
    done = thesis_train("--experimental-rerun=job.pickle")
    assert done.returncode == 1
    assert "pickle" in done.stderr
    assert not mark.exists()


@pytest.mark.parametrize(
    "target",
    [
        "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
        "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    ],
)
def test_hydras_own_pass(target):
    check_targets(OmegaConf.create({"hydra": {"launcher": {"_target_": target}}}))


def test_a_class_of_ours_passes_where_hydra_makes_nothing_of_it():
    check_targets(OmegaConf.create({"x": {"_target_": "thesis_facts.sweeps.Point"}}))
    with pytest.raises(UntrustedError):
        check_targets(OmegaConf.create({"hydra": {"x": {"_target_": "thesis_facts.sweeps.Point"}}}))


@pytest.mark.parametrize("hydra", ["${evil}", {"job": "${evil}"}, {"job": {"env_set": "${evil}"}}])
def test_a_section_is_written_out(hydra):
    with pytest.raises(UntrustedError):
        check_targets(OmegaConf.create({"evil": {"PATH": "/theirs"}, "hydra": hydra}))


def public_functions() -> list[str]:
    """All functions of our packages that are installed here, by their names."""
    found = []
    for name in OURS:
        if find_spec(name) is None:
            continue
        package = import_module(name)
        for module in walk_packages(package.__path__, f"{name}."):
            members = vars(import_module(module.name))
            found += [f"{module.name}.{key}" for key, value in members.items() if isfunction(value)]
    return found


def test_no_function_of_ours_is_a_target():
    functions = public_functions()
    assert "thesis_facts.durable.write_json" in functions
    for target in functions:
        for key in ("x", "hydra"):
            with pytest.raises(UntrustedError):
                check_targets(OmegaConf.create({key: {"callbacks": {"_target_": target}}}))


def test_an_interpolation_that_is_a_word_stays_one(thesis_train, tmp_path):
    text = "hydra: {callbacks: {}, sweeper: {params: {general.trainer.seed: '${data.seed}'}}}"
    done = thesis_train(*QUICK, *experiment(tmp_path, text), "--multirun")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "target",
    [
        "thesis_train",
        "thesis_train.nowhere",
        "thesis_train.job.Path",
        "thesis_train.job.log.info",
        "thesis_train.cli.main.__class__",
        "thesis_loops.config.RunConfig.parse_file",  # pydantic's, and it reads pickles
        "thesis_evil.run",
        "hydra_plugins.hydra_joblib_launcher._core.Parallel",
        3,
    ],
)
def test_whatever_else_does_not(target):
    with pytest.raises(UntrustedError):
        check_targets(OmegaConf.create({"x": {"_target_": target}}))
