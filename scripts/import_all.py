"""Import every module of an installed package: a wheel that lacks a file fails here."""

import importlib
import pkgutil
import sys


def main(name: str) -> None:
    package = importlib.import_module(name)
    found = [info.name for info in pkgutil.walk_packages(package.__path__, f"{name}.")]
    for module in found:
        importlib.import_module(module)
    print(f"{name}: {len(found) + 1} modules")


if __name__ == "__main__":
    main(sys.argv[1])
