"""``thesis-report``: compose a report's config and make the report."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from thesis_facts.errors import ThesisError
from thesis_report.arguments import GROUP, prepare

CONFIGS = Path(__file__).parent / "configs"


def main() -> None:
    """Entry point of the console script; a user's mistake ends with 1 and one message."""
    try:
        sys.argv[1:] = prepare(sys.argv[1:], CONFIGS)
    except ThesisError as error:
        _exit(error)
    _report()


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=f"{GROUP}/sweep_summary")
def _report(cfg: DictConfig) -> None:
    # not at the top: pandas takes longer to import than the help to print
    from thesis_reports import run_report

    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("thesis_reports").setLevel(logging.INFO)
    with open_dict(cfg):
        cfg.config_name = str(HydraConfig.get().job.config_name).removeprefix(f"{GROUP}/")
    try:
        run_report(cfg)
    except ThesisError as error:
        _exit(error)


def _exit(error: ThesisError) -> None:
    # not through Hydra, which would put the overrides before the message and advice after it
    if os.environ.get("HYDRA_FULL_ERROR"):
        raise error
    sys.exit(f"thesis-report: {error}")
