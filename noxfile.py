"""All checks: `uv run nox` runs lint, tests and wheels; `nox --list` names the others."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
MEMBERS = {path.parent.name: path.parent for path in sorted(ROOT.glob("packages/*/pyproject.toml"))}
MEMBERS |= {f"thesis-{p.parent.name}": p.parent for p in sorted(ROOT.glob("apps/*/pyproject.toml"))}

# Two tests at a time, with one thread each: tiny models only wait for one another on more.
AT_ONCE = ("--numprocesses=2",)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}

EACH_MEMBER = nox.parametrize("member", [nox.param(name, id=name) for name in MEMBERS])


def sync(session: nox.Session, *arguments: str) -> None:
    """Make the session's environment exactly what the lock says for these arguments."""
    here = session.virtualenv.location
    session.run_install(
        "uv", "sync", "--locked", "--quiet", "--no-default-groups", *arguments, f"--python={here}",
        env={"UV_PROJECT_ENVIRONMENT": here},
    )  # fmt: skip


@nox.session
@EACH_MEMBER
def tests(session: nox.Session, member: str) -> None:
    """Test one member in an environment with only what it declares.

    Example: ``nox -s "tests(thesis-facts)" -- -k meta``
    """
    # what needs checkpoints has a session of its own
    needs_no_extra = " and not inference" if member == "thesis-reports" else ""
    run_tests(session, member, "-m", f"not slow{needs_no_extra}")


@nox.session
def inference(session: nox.Session) -> None:
    """Test what reports do with checkpoints, which needs their extra."""
    session.log("tests of thesis-reports with torch")
    run_tests(session, "thesis-reports", "-m", "inference and not slow", extra="inference")


@nox.session
def together(session: nox.Session) -> None:
    """Train and report as a user does, with all members in one environment.

    The guide's commands and the cluster's files are tried as well.
    """
    run_root_tests(session, "not slow")


@nox.session(default=False)
def slow_together(session: nox.Session) -> None:
    """Run what of that takes longer: the other pages of the guide."""
    run_root_tests(session, "slow")


def run_root_tests(session: nox.Session, marked: str) -> None:
    sync(session, "--group=dev", "--group=hpc")
    session.run("pytest", "tests", *AT_ONCE, "-m", marked, *session.posargs, env=ONE_THREAD)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Run the notebooks of docs/ with thesis-facts alone, where there is no torch."""
    sync(session, "--package=thesis-facts", "--group=notebook")
    absent = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is not None)"
    session.run("python", "-c", absent)
    session.run("pytest", "--nbmake", "docs", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the guide as pages; a link that leads nowhere fails."""
    sync(session, "--only-group=docs")
    built = Path(session.create_tmp()).resolve() / "docs"
    session.run(
        "sphinx-build", "--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "--quiet",
        "docs", str(built), *session.posargs,
    )  # fmt: skip
    session.log(f"open {built}/index.html")


@nox.session(default=False)
@EACH_MEMBER
def slow(session: nox.Session, member: str) -> None:
    """Run the tests of one member that take longer: ``nox -s slow``."""
    files = (MEMBERS[member] / "tests").glob("test_*.py")
    if not any("pytest.mark.slow" in file.read_text() for file in files):
        session.skip("no slow tests")
    run_tests(session, member, "-m", "slow")


def run_tests(session: nox.Session, member: str, *arguments: str, extra: str | None = None) -> None:
    extras = [f"--extra={extra}"] if extra else []
    sync(session, f"--package={member}", "--group=test", *extras)
    session.chdir(MEMBERS[member])
    session.run("pytest", "tests", *AT_ONCE, *arguments, *session.posargs, env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, style, types, import boundaries, declared dependencies."""
    sync(session, "--all-packages", "--group=dev", "--group=test", "--all-extras")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    sources = [str(path / "src") for path in MEMBERS.values()]
    session.run("ty", "check", f"--python={session.virtualenv.location}", *sources)
    session.run("lint-imports", "--no-cache")
    for name, path in MEMBERS.items():
        session.chdir(path)
        module = name.replace("-", "_")
        session.run(
            "deptry", "src", f"--known-first-party={module}", "--ignore=DEP002", silent=True
        )
        session.chdir(ROOT)


@nox.session
def wheels(session: nox.Session) -> None:
    """Install each member from its wheel in a bare environment and use it outside the checkout."""
    dist = Path(session.create_tmp()).resolve() / "wheels"
    session.run_install(
        "uv", "build", "--quiet", "--all-packages", "--wheel", "--clear", f"--out-dir={dist}"
    )
    for member in MEMBERS:
        check_wheel(session, member, dist)


def check_wheel(session: nox.Session, member: str, dist: Path) -> None:
    """Install one wheel with locked third-party versions, then import all of it."""
    session.log(f"wheel of {member}")
    constraints = dist / f"{member}.txt"
    session.run_install(
        "uv", "export", "--quiet", "--locked", f"--package={member}", "--no-default-groups",
        "--no-emit-workspace", "--no-hashes", f"--output-file={constraints}", silent=True,
    )  # fmt: skip
    environment = dist.parent / "environment"
    session.run_install("uv", "venv", "--quiet", "--clear", str(environment))
    python = environment / "bin" / "python"
    # Same version as yesterday's wheel: uv would otherwise take that one from its cache.
    fresh = [f"--reinstall-package={name}" for name in MEMBERS]
    session.run_install(
        "uv", "pip", "install", "--quiet", f"--python={python}", f"--find-links={dist}",
        f"--constraints={constraints}", *fresh, member,
    )  # fmt: skip
    outside = dist.parent / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    session.chdir(outside)
    module = member.replace("-", "_")
    session.run(str(python), "-I", str(ROOT / "scripts" / "import_all.py"), module, external=True)
    if member == "thesis-train":
        overrides = ["loop=test_mlp", "general.trainer.epochs=1", "data.n_samples=300"]
        command = str(environment / "bin" / "thesis-train")
        session.run(command, *overrides, external=True, env={"PATH": os.environ["PATH"]})
    if member in ("thesis-report", "thesis-wandb"):
        session.run(str(environment / "bin" / member), "--help", external=True, silent=True)
    session.chdir(ROOT)


@nox.session(default=False)
@EACH_MEMBER
def minimums(session: nox.Session, member: str) -> None:
    """Test one member with the oldest versions that it allows."""
    session.run_install(
        "uv", "pip", "install", "--quiet", "--resolution=lowest-direct",
        *[f"--editable={path}" for path in MEMBERS.values()],
        f"--group={MEMBERS[member] / 'pyproject.toml'}:test",
    )  # fmt: skip
    session.chdir(MEMBERS[member])
    session.run("pytest", "tests", "-m", "not slow", *session.posargs)
