"""What the guide says of commands, keys, choices, messages and links is so."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from guide_pages import PAGES, ROOT, anchors, commands, fences, links
from omegaconf import OmegaConf

from thesis_train import compose

# Keys whose last names are the user's: columns of the runs table.
OPEN_KEYS = {"inputs.select.dim", "meta.json"}  # the second is a file
# Names in the place of a choice: of any one, and of files that the page makes.
OPEN_CHOICES = {"NAME", "seeds", "mine"}

TEXTS = [*PAGES, ROOT / "CHANGELOG.md", *sorted(ROOT.glob("*/*/README.md"))]


def test_every_block_is_run_or_is_no_command() -> None:
    for page in PAGES:
        for language, number, lines in fences(page):
            where = f"{page.relative_to(ROOT)}:{number}"
            if language == "console":
                assert lines[0].startswith("$ "), f"{where}: no command in a console block"
            elif language == "bash":  # a script, which what it is given to would read
                script = "\n".join(lines)
                assert not subprocess.run(["bash", "-n"], input=script, text=True).returncode, where
            elif language not in ("python", "yaml"):
                typed = [line for line in lines if re.match(r"\s*(\$ |uv run |thesis-\w+ )", line)]
                assert not typed, f"{where}: not run, since it is no console block: {typed[0]}"


@pytest.fixture(scope="module")
def known_keys() -> set[str]:
    """Every key of training and of reports, and every section."""
    loops = ["transformer_classifier", "mlp_classifier", "bdt_classifier", "gan_ae", "diffusion_ae"]
    words = [*([f"loop={loop}"] for loop in loops), ["data=h5_tokens_binned"]]
    words += [["phase1/latent_space=vq", "loop=ae"], ["logging=plots_full"]]
    sections = [OmegaConf.to_container(compose(given), resolve=False) for given in words]
    sections += [yaml.safe_load(p.read_text()) for p in (ROOT / "configs/report").glob("*.yaml")]
    keys = {key for section in sections for key in keys_of(section)}
    return keys | {key.removeprefix("classifier.model.") for key in keys}  # as tables shorten them


def keys_of(section: object, above: str = "") -> Iterator[str]:
    if isinstance(section, dict):
        for name, value in section.items():
            yield f"{above}{name}"
            yield from keys_of(value, f"{above}{name}.")


KEY = re.compile(r"(?<![\w/.-])((?:[a-z]\w*)(?:\.[a-z]\w*)+)(?==|`|$)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_key_exists(page: Path, known_keys: set[str]) -> None:
    tops = {key.partition(".")[0] for key in known_keys} - {"hydra"}
    codes = re.findall(r"`([^`\n]+)`", page.read_text()) + [c.text for c in commands(page)]
    named = {key for code in codes for key in KEY.findall(code) if not key.endswith(".py")}
    unknown = {k for k in named if k.partition(".")[0] in tops and k not in known_keys | OPEN_KEYS}
    assert not unknown, f"{page.name} names keys that no config has"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_choice_exists(page: Path) -> None:
    for group, names in re.findall(r"\+?([a-z]\w*(?:/\w+)+)=([\w,]+)", page.read_text()):
        if (ROOT / "configs" / group).is_dir():
            for name in set(names.split(",")) - OPEN_CHOICES:
                assert (ROOT / "configs" / group / f"{name}.yaml").exists(), f"{group}={name}"


def test_every_quoted_message_is_a_real_one() -> None:
    said = [text for file in sources() for text in texts_of(ast.parse(file.read_text()))]
    page = ROOT / "docs" / "troubleshooting.md"
    quoted = [line for kind, _, lines in fences(page) if kind == "text" for line in lines]
    assert len(quoted) > 20
    for line in quoted:
        for part in re.split(r"…|[:;] | found | but expected ", line):
            words = part.strip(" ,:;()")
            assert any(words in text for text in said), f"nothing says {words!r} of {line!r}"


def sources() -> list[Path]:
    return [file for part in ("packages", "apps") for file in (ROOT / part).glob("*/src/**/*.py")]


def texts_of(tree: ast.AST) -> Iterator[str]:
    """All texts of a module; what an f-string fills in is cut out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values]
            yield from "".join(parts).split("…")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target
