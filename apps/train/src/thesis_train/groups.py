"""The config groups, known from the names of their files alone: Hydra would read them all."""

from pathlib import Path

CONFIG_DIR = Path(__file__).parent / "configs"


def options_by_group(config_dir: Path = CONFIG_DIR) -> dict[str, list[str]]:
    """Options of each group by its name, both sorted; the root files belong to none."""
    options: dict[str, list[str]] = {}
    for path in sorted(config_dir.rglob("*.yaml")):
        group = path.parent.relative_to(config_dir).as_posix()
        if group != ".":
            options.setdefault(group, []).append(path.stem)
    return options
