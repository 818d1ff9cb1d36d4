"""What a batch norm can't do."""

from thesis_facts.errors import ConfigError
from thesis_loops.engine.ranks import n_ranks


def check_batch_norm(n_samples: int, batch_size: int, section: str) -> None:
    """Refuse batches of one: a single sample, which a rank's part of a batch may be, has no spread.

    Parameters
    ----------
    n_samples, batch_size : int
        Of the training split, and over all ranks.
    section : str
        Of the config, for the message: the trainer's.

    Raises
    ------
    ConfigError
        The last batch of an epoch, or every one, is too small.
    """
    sizes = (min(n_samples, batch_size), n_samples % batch_size)
    if any(0 < size < 2 * n_ranks() for size in sizes):
        raise ConfigError(
            "a batch of one sample can't be normalised",
            key=f"{section}.trainer.batch_size",
            found=f"{batch_size} of {n_samples} samples in {n_ranks()} processes",
            do="choose another batch_size, or use_batch_norm=false",
        )
