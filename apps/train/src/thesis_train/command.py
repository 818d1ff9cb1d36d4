"""What a command line asks for: a run, a sweep, the rest of one, or only to be shown something."""

from argparse import Namespace

from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.types import RunMode

from thesis_facts.errors import ConfigError
from thesis_train.application import compose_sweep, open_hydra, said_plainly
from thesis_train.directories import register_resolvers, remove_unused
from thesis_train.job import run_job
from thesis_train.overrides import config_dirs, normalise, take_trust
from thesis_train.planning import plan_sweep
from thesis_train.ranks import leave_with
from thesis_train.spelling import check_spelling
from thesis_train.summary import typed_here
from thesis_train.sweep import continue_sweep, is_continue, start_sweep

_CONFIG_NAME = "config"


def run_command(arguments: list[str]) -> None:
    """Run it; a mistake ends in `SystemExit` with one message."""
    words, trusted = take_trust(arguments)
    register_resolvers()
    typed_here()
    try:
        if any(is_continue(word) for word in words):
            said_plainly(lambda: continue_sweep(words, trusted))
        else:
            plan = "--plan" in words
            words = _checked(normalise([word for word in words if word != "--plan"]))
            arguments_ = get_args_parser().parse_args(words)
            said_plainly(lambda: _run(arguments_, trusted, plan))
    finally:
        remove_unused()


def _checked(words: list[str]) -> list[str]:
    try:
        check_spelling(words, config_dirs(words))
    except ConfigError as error:
        leave_with(error)
    return words


def _run(arguments: Namespace, trusted: bool, plan: bool) -> None:
    if arguments.experimental_rerun is not None:
        raise ConfigError(
            "a pickle can run any code",
            key="--experimental-rerun",
            found=arguments.experimental_rerun,
            do="give the overrides of its run again",
        )
    name = arguments.config_name or _CONFIG_NAME
    with open_hydra(arguments, trusted) as hydra:
        if _show(hydra, arguments, name):
            return
        overrides = arguments.overrides
        if arguments.multirun or plan:
            overrides = [*overrides, "hydra.mode=MULTIRUN"]
        if plan:
            plan_sweep(hydra, arguments, name, overrides)
            return
        mode = compose_sweep(hydra, name, overrides, log=False).hydra.mode
        if mode == RunMode.MULTIRUN:
            start_sweep(hydra, arguments, name, overrides)
        else:
            overrides = overrides if mode == RunMode.RUN else [*overrides, "hydra.mode=RUN"]
            hydra.run(name, run_job, overrides)


def _show(hydra: Hydra, arguments: Namespace, name: str) -> bool:
    """Do what one of Hydra's own flags asks for; False where there is none."""
    overrides = arguments.overrides
    if arguments.hydra_help:
        hydra.hydra_help(config_name=name, args_parser=get_args_parser(), args=arguments)
    elif arguments.cfg is not None:
        hydra.show_cfg(name, overrides, arguments.cfg, arguments.package, arguments.resolve)
    elif arguments.info is not None:
        hydra.show_info(arguments.info, name, overrides)
    elif arguments.shell_completion:
        hydra.shell_completion(name, overrides)
    else:
        return False
    return True
