"""``thesis-report``: compose a report's config and make the report."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from thesis_facts.errors import ThesisError
from thesis_report.arguments import GROUP, prepare

CONFIGS = Path(__file__).parent / "configs"


def main() -> None:
    """Entry point of the console script; a user's mistake ends with 1 and one message."""
    if sys.argv[1:2] == ["verify"]:
        _verify(sys.argv[2:])
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


def _verify(arguments: Sequence[str]) -> NoReturn:
    """``thesis-report verify REPORT_DIR``: ends with 0 where all holds, else with 1."""
    parser = argparse.ArgumentParser(
        "thesis-report verify",
        description="Recompute every number and the data behind each figure of a report.",
    )
    parser.add_argument("report_dir", metavar="REPORT_DIR", help="a folder with a manifest.yaml")
    directory = parser.parse_args(arguments).report_dir
    from thesis_reports.verify import verify_report

    try:
        found = verify_report(directory)
    except ThesisError as error:
        _exit(error)
    print(found.text())
    sys.exit(0 if found.holds else 1)


def _exit(error: ThesisError) -> NoReturn:
    # not through Hydra, which would put the overrides before the message and advice after it
    if os.environ.get("HYDRA_FULL_ERROR"):
        raise error
    sys.exit(f"thesis-report: {error}")
