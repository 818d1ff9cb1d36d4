"""The key that `wandb login` left; asked for here, where the library would ask on the terminal."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

_FORMER_SERVER = "api.wandb.ai"  # what older versions of the library wrote down


def key_of_login() -> str | None:
    """The key in `~/.netrc` (or the file that NETRC names) for the server that is used."""
    import wandb

    server = os.environ.get("WANDB_BASE_URL")
    hosts = [urlsplit(server or wandb.Settings().base_url).netloc]
    if server is None:
        hosts.append(_FORMER_SERVER)
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        known = netrc.netrc(path)
    except (OSError, netrc.NetrcParseError):
        return None
    # without a host netrc would give the key of its default entry, which is for any server
    found = [known.hosts[host] for host in hosts if host in known.hosts]
    return found[0][2] or None if found else None
