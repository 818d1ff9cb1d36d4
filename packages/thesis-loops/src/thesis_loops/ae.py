"""Recipe: an autoencoder keeps a code of each object of an event."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from thesis_arch.autoencoder.config import AutoencoderSpec
from thesis_arch.autoencoder.model import Autoencoder
from thesis_data.loading import load_events
from thesis_loops.config import AutoencoderSection, check_config
from thesis_loops.engine.distributed import together
from thesis_loops.engine.run import open_run
from thesis_loops.reconstruction import (
    load_lesson,
    normalisation,
    phase1_sections,
    train_reconstruction,
)
from thesis_loops.starting import build_for_events


def train(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Train an autoencoder as the config says.

    Returns
    -------
    dict
        best_epoch, best_val_loss, and the test split's errors (test_loss, test_rec_tokens, …).

    Raises
    ------
    ConfigError, DataError
        What the user can mend.
    Interrupted
        A signal asked to stop; the run can be resumed.
    """
    config = check_config(cfg)
    section, events = phase1_sections(config, AutoencoderSection)
    spec = AutoencoderSpec(
        encoder=section.encoder,
        latent_space=section.latent_space,
        decoder=section.decoder,
        norm=normalisation(events),
    )
    with open_run(config, section.trainer) as run:
        if run.earlier.results is not None:
            return run.earlier.results
        data = together(partial(load_events, events, ("val", "test")))
        lesson = together(partial(load_lesson, section, events))
        build = partial(build_for_events, Autoencoder, spec, events, lesson)
        model = together(build).to(run.numerics.device)
        return train_reconstruction(run, model, lesson, data, section, events)
