"""A stand-in for HTCondor: it parses submit files with the real bindings and runs jobs here.

As a script it is `condor_submit`, `condor_q`, `condor_rm` or `condor_vacate_job`, by the name
that it is called by; `install` puts all four into a folder. The queue lies in the folder that the
environment variable CONDOR_STAND_IN names. Jobs get no other environment than HTCondor would give
them. `CONDOR_WAIT=1` lets `condor_submit` return only when its jobs have ended. As long as the
file that `CONDOR_PAUSED` names exists, no job of a throttled cluster is made.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

IDLE, RUNNING, REMOVED, COMPLETED = 1, 2, 3, 4
LETTERS = {IDLE: "I", RUNNING: "R", REMOVED: "X", COMPLETED: "C"}
SLOTS = 2

COMMANDS = ("condor_submit", "condor_q", "condor_rm", "condor_vacate_job")


def install(folder: Path) -> Path:
    """Make the commands in a folder, for PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} "$@"\n')
        script.chmod(0o755)
    return folder


def split_words(text: str) -> list[str]:
    """Arguments or environment as HTCondor takes them apart, in its new syntax or the old one.

    New: all in double quotes. White space separates, single quotes hold together, and either
    quote is written twice to stand for itself. Old: white space separates, `\\"` is a quote.
    """
    text = text.strip()
    if not text.startswith('"'):
        return [word.replace('\\"', '"') for word in text.split()]
    if len(text) < 2 or not text.endswith('"'):
        raise ValueError(f"no closing quote: {text}")
    inside = text[1:-1].replace('""', "\0")
    if '"' in inside:
        raise ValueError(f"a single double quote inside: {text}")
    words = re.findall(r"(?:'(?:[^']|'')*'|[^\s'])+", inside)
    return [_unquoted(word).replace("\0", '"') for word in words]


def parse_submit(
    path: Path, variables: list[str], appended: list[str], cluster: int
) -> Iterator[dict[str, Any]]:
    """The jobs of a submit file, each with its expanded commands."""
    import htcondor2

    lines = path.read_text().splitlines()
    (queue,) = [n for n, line in enumerate(lines) if line.split()[:1] == ["queue"]]
    known = [f"SUBMIT_FILE={path}", f"SUBMIT_TIME={int(time.time())}", f"ClusterId={cluster}"]
    text = [*known, *variables, *lines[:queue], *appended, lines[queue], ""]
    submit = htcondor2.Submit("\n".join(text))
    items = list(submit.itemdata() or []) if submit.getQArgs() else [{}]
    for number, item in enumerate(items):
        submit["ProcId"] = str(number)
        for name, value in item.items():
            submit[name] = value
        yield {name: submit.expand(name) for name in submit}


def submit(words: list[str]) -> int:
    """`condor_submit [-append COMMAND] [NAME=VALUE] FILE`, in any order."""
    variables, appended, files = [], [], []
    rest = iter(words)
    for word in rest:
        if word == "-append":
            appended.append(next(rest))
        elif "=" in word:
            variables.append(word)
        else:
            files.append(Path(word).absolute())
    cluster = len(list(_root().iterdir())) + 1
    jobs = list(parse_submit(files[0], variables, appended, cluster))
    if not jobs:
        print("ERROR: no jobs queued", file=sys.stderr)
        return 1
    for job in jobs:
        for name in ("output", "error", "log"):
            if not Path(job[name]).parent.is_dir():
                print(f"ERROR: Can't open {job[name]}: No such file or directory", file=sys.stderr)
                return 1
    folder = _root() / str(cluster)
    folder.mkdir()
    for number, job in enumerate(jobs):
        attributes = {k[3:]: v.strip('"') for k, v in job.items() if k.startswith("MY.")}
        state = {"JobStatus": IDLE, "ClusterId": cluster, "ProcId": number, **attributes}
        state["in_queue"] = "max_materialize" not in job  # of a throttled cluster: once it is made
        _write(folder / f"{number}.json", {"job": job, "state": state, "env": _environment(job)})
    print(f"{len(jobs)} job(s) submitted to cluster {cluster}.")
    sys.stdout.flush()
    schedd = subprocess.Popen(
        [sys.executable, __file__, "schedd", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=(folder / "schedd.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return schedd.wait() if os.environ.get("CONDOR_WAIT") else 0


def schedd(folder: Path) -> int:
    """Run the jobs of a cluster to their ends, and start again those that saved themselves."""
    waiting = sorted(folder.glob("*.json"), key=lambda path: int(path.stem))
    running: dict[Path, subprocess.Popen] = {}
    limit = int(_read(waiting[0])["job"].get("max_materialize", len(waiting)))
    while waiting or running:
        for path, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[path]
            again = process.returncode == int(_read(path)["job"]["checkpoint_exit_code"])
            if _read(path)["state"]["JobStatus"] == REMOVED:
                _change(path, in_queue=False)
            elif again:
                _change(path, JobStatus=IDLE)
                waiting.insert(0, path)
            else:
                _change(path, JobStatus=COMPLETED, ExitCode=process.returncode, in_queue=False)
            _tell(folder, "end", path, process.returncode)
        waiting = [path for path in waiting if _read(path)["state"]["JobStatus"] != REMOVED]
        _make_jobs(waiting, limit - len(running))
        made = [path for path in waiting if _read(path)["state"]["in_queue"]]
        for path in made[: min(limit, SLOTS) - len(running)]:
            waiting.remove(path)
            _tell(folder, "start", path)
            running[path] = _start(path)
            _change(path, JobStatus=RUNNING, pid=running[path].pid)
        time.sleep(0.02)
    return 0


def _make_jobs(waiting: list[Path], room: int) -> None:
    """What a factory does: only the first jobs that wait are in the queue."""
    if os.path.exists(os.environ.get("CONDOR_PAUSED", "")):
        return
    for path in waiting[:room]:
        _change(path, in_queue=True)


def queue(words: list[str]) -> int:
    """`condor_q [CLUSTER] [-factory] [-constraint 'NAME == "VALUE"'] [-af NAME…]`."""
    position = words.index("-af") if "-af" in words else len(words)
    before, names = words[:position], words[position + 1 :]
    of_factories = "-factory" in before
    which = [word for word in before if word != "-factory"]
    states = [_read(path)["state"] for path in (_factories if of_factories else _jobs)(which)]
    if names:
        for state in states:
            print(" ".join(str(state.get(name, "undefined")) for name in names))
        return 0
    print(f"{'ID':<8} ST")
    for state in states:
        print(f"{state['ClusterId']}.{state['ProcId']:<6} {LETTERS[state['JobStatus']]}")
    print(f"Total for query: {len(states)} jobs")
    return 0


def stop(words: list[str], remove: bool) -> int:
    """`condor_rm` and `condor_vacate_job`: both ask a job to leave, the latter to come back."""
    if remove and words[0] != "-constraint":  # of a cluster also those that are still to come
        found = [path for word in words for path in _all_jobs(f"{word}/*")]
    else:
        found = _jobs(words)
    for path in found:
        state = _read(path)["state"]
        if remove and state["JobStatus"] in (IDLE, RUNNING):  # it stays until it has left
            _change(path, JobStatus=REMOVED, in_queue=state["JobStatus"] == RUNNING)
        if state["JobStatus"] == RUNNING:
            with suppress(ProcessLookupError):
                os.kill(state["pid"], signal.SIGTERM)
    return 0


def _jobs(words: list[str]) -> list[Path]:
    """Jobs in the queue: all, or those that a constraint or the number of a cluster names."""
    return _named(words, [p for p in _all_jobs() if _read(p)["state"]["in_queue"]])


def _factories(words: list[str]) -> list[Path]:
    """A job of each cluster that makes its jobs one after another, as long as there are some."""
    left = [
        path
        for path in _all_jobs()
        if "max_materialize" in (content := _read(path))["job"]
        and (content["state"]["in_queue"] or content["state"]["JobStatus"] == IDLE)
    ]
    return list({path.parent: path for path in _named(words, left)}.values())


def _named(words: list[str], paths: list[Path]) -> list[Path]:
    if words[:1] == ["-constraint"]:
        (name, value), *_ = re.findall(r'(\w+) == "(.*)"', words[1])
        return [path for path in paths if _read(path)["state"].get(name) == value]
    return [path for path in paths if not words or path.parent.name in words]


def _all_jobs(pattern: str = "*/*") -> list[Path]:
    return sorted(_root().glob(f"{pattern}.json"))


def _start(path: Path) -> subprocess.Popen:
    content = _read(path)
    job, scratch = content["job"], path.with_suffix(".scratch")
    scratch.mkdir(exist_ok=True)
    with open(job["output"], "a") as out, open(job["error"], "a") as err:
        return subprocess.Popen(
            [job["executable"], *split_words(job.get("arguments", ""))],
            env={**content["env"], "_CONDOR_SCRATCH_DIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


def _environment(job: dict[str, Any]) -> dict[str, str]:
    patterns = job.get("getenv", "").replace(",", " ").split()
    taken = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    given = dict(word.split("=", 1) for word in split_words(job.get("environment", "")))
    cores = {"OMP_NUM_THREADS": job["request_cpus"]}
    return {"PATH": "/usr/bin:/bin", **cores, **taken, **given}


def _unquoted(word: str) -> str:
    pieces = re.findall(r"'((?:[^']|'')*)'|([^']+)", word)
    return "".join(inner.replace("''", "'") + plain for inner, plain in pieces)


def _tell(folder: Path, what: str, path: Path, code: int | str = "") -> None:
    with (folder / "history").open("a") as file:
        print(what, path.stem, code, file=file)


def _root() -> Path:
    root = Path(os.environ["CONDOR_STAND_IN"])
    root.mkdir(parents=True, exist_ok=True)
    return root


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def _write(path: Path, content: dict[str, Any]) -> None:
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(content))
    new.replace(path)


def _change(path: Path, **state: Any) -> None:
    content = _read(path)
    content["state"] |= state
    _write(path, content)


def main(name: str, *words: str) -> int:
    """One of the commands."""
    if name == "condor_submit":
        return submit(list(words))
    if name == "condor_q":
        return queue(list(words))
    if name == "schedd":
        return schedd(Path(words[0]))
    return stop(list(words), remove=name == "condor_rm")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
