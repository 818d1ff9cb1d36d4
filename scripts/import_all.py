"""Import every module of an installed package: a wheel that lacks a file fails here.

A module may lack what only an extra brings; it is named.
"""

import importlib
import pkgutil
import re
import sys
from importlib.metadata import requires

NAMESPACE_OF_PLUGINS = "hydra_plugins"  # of distributions that are called otherwise


def main(name: str) -> None:
    package = importlib.import_module(name)
    found = [info.name for info in pkgutil.walk_packages(package.__path__, f"{name}.")]
    of_extras = modules_of_extras(name)
    for module in found:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing not in of_extras:
                raise
            print(f"{module} needs an extra, for {missing}")
    print(f"{name}: {len(found) + 1} modules")


def modules_of_extras(name: str) -> set[str]:
    """What the extras of a package bring, as it is imported."""
    wanted = [line for line in requires(name.replace("_", "-")) or [] if "extra ==" in line]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].replace("-", "_") for line in wanted}
    return names | ({NAMESPACE_OF_PLUGINS} if names else set())


if __name__ == "__main__":
    main(sys.argv[1])
