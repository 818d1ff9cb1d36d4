"""From a moment of a run to its pictures."""

import logging
from collections.abc import Mapping
from pathlib import Path

from thesis_facts.errors import RunError
from thesis_facts.writers import write_atomic
from thesis_loops.logging_config import LoggingSection
from thesis_loops.monitoring.families.family import Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import picture

log = logging.getLogger("thesis_loops")

_SPLITS = {"val": "validation", "test": "test"}


def due_families(
    settings: LoggingSection,
    families: Mapping[str, Family],
    moment: str,
    payload: Payload,
    reported: set[str] | None = None,
) -> list[str]:
    """Names of the families that the config wants at a moment and whose inputs are there.

    Parameters are those of `handle_event`, which a family that can't look at them fails alike.
    """
    if settings.families is None or not getattr(settings.moments, moment):
        return []
    reported = set() if reported is None else reported
    due = []
    for name, family in families.items():
        if not getattr(settings.families, name) or moment not in family.moments:
            continue
        try:
            if family.has_inputs(payload):
                due.append(name)
        except Exception as error:  # noqa: BLE001 - no picture is worth a training
            _report_undrawn(name, error, reported)
    return due


def handle_event(
    settings: LoggingSection,
    families: Mapping[str, Family],
    moment: str,
    payload: Payload,
    reported: set[str] | None = None,
) -> list[Path]:
    """Draw what is due at a moment of a run.

    A family that fails is logged and leaves the others alone, and so is a directory that can't be
    written; nothing is raised.

    Parameters
    ----------
    settings : LoggingSection
        `logging` of the config.
    families : mapping
        Family by name: `monitoring.families.FAMILIES`.
    moment : str
        One of the fields of `Moments`.
    payload : Payload
        What there is to draw.
    reported : set of str or None
        What was logged before, which is not again; grows.

    Returns
    -------
    list of Path
        The files that were written.
    """
    reported = set() if reported is None else reported
    written = []
    for name in due_families(settings, families, moment, payload, reported):
        try:
            path = figure_path(settings, name, moment, payload)
            content = picture(
                lambda family=families[name]: family.draw(payload),
                _title(name, families[name], moment, payload),
                settings.fig_format,
                settings.dpi,
            )
            written.append(write_atomic(path, lambda file, content=content: file.write(content)))
        except RunError as error:
            _report("figures", f"a picture can't be written: {error}", reported)
        except Exception as error:  # noqa: BLE001 - no picture is worth a training
            _report_undrawn(name, error, reported)
    return written


def figure_path(settings: LoggingSection, family: str, moment: str, payload: Payload) -> Path:
    """Where a picture goes; people count epochs from 1."""
    name = settings.file_naming.format(
        family=family, moment=moment, epoch_or_step=payload.epoch + 1
    )
    return payload.run_dir / settings.figures_subdir / f"{name}.{settings.fig_format}"


def _title(name: str, family: Family, moment: str, payload: Payload) -> str:
    run = payload.run_dir.name
    if not family.shows_events:
        return f"{run}, up to epoch {payload.epoch + 1}"
    return f"{run}, {_SPLITS[payload.split]} events, epoch {payload.epoch + 1}"


def _report_undrawn(name: str, error: Exception, reported: set[str]) -> None:
    reason = f"{type(error).__name__}: {error}"
    _report(name, f"the picture {name} can't be drawn: {reason}", reported)


def _report(what: str, message: str, reported: set[str]) -> None:
    if what not in reported:
        reported.add(what)
        log.warning(f"{message} (said once; the training goes on)")
