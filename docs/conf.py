"""The guide as web pages: `uv run nox -s docs`. The pages read the same on GitHub."""

import os
import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

project = "thesis-ml"
html_title = "thesis-ml"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
language = "en"

# Headings are anchors, spelt as GitHub spells them: [text](page.md#a-heading).
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

# Pages that `thesis-report` made. They are shown as they are, not offered as a download.
_EXAMPLES = "examples"


def setup(app: Sphinx) -> None:
    """Let links to pages in examples/ open them, and links to other texts of the project work."""
    # before Sphinx collects what is offered as a download
    app.connect("doctree-read", _open_examples, priority=400)
    app.connect("doctree-read", _offer_texts, priority=400)
    app.connect("build-finished", _copy_examples)


def _open_examples(_app: Sphinx, tree: nodes.document) -> None:
    for link in list(tree.findall(addnodes.download_reference)):
        target = link["reftarget"]
        if target.startswith(f"{_EXAMPLES}/"):
            shown = nodes.reference("", "", *link.children, refuri=target, internal=True)
            link.replace_self(shown)


def _offer_texts(app: Sphinx, tree: nodes.document) -> None:
    # such as the README of a package: there is no page of it
    for link in list(tree.findall(addnodes.pending_xref)):
        file = Path(app.srcdir, f"{link['reftarget']}.md").resolve()
        if link.get("refdomain") == "doc" and not file.is_relative_to(app.srcdir):
            target = os.path.relpath(file, app.srcdir)
            offered = addnodes.download_reference("", "", *link.children, reftarget=target)
            offered["refdoc"] = link["refdoc"]
            link.replace_self(offered)


def _copy_examples(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        out = Path(app.outdir) / _EXAMPLES
        shutil.copytree(Path(app.srcdir) / _EXAMPLES, out, dirs_exist_ok=True)
