"""Commands in processes of their own that need not load torch again: each is a fork of this one.

A request is a line of JSON on stdin, the reply another on stdout: `{"start": …}` gives a process
id, `{"poll": id}` the exit code, or null while the process runs.
"""

import json
import os
import sys
import warnings
from typing import Any


def serve() -> None:
    """Answer until stdin is closed."""
    import torch._dynamo  # noqa: F401 - what takes seconds; optimisers load it

    import thesis_loops.test_mlp  # noqa: F401
    import thesis_train.command

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import thesis_train.search  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        answer = _poll(request["poll"]) if "poll" in request else _start(**request["start"])
        print(json.dumps(answer), flush=True)


def _start(folder: str, arguments: list[str], out: str, err: str, environment: dict) -> int:
    process = os.fork()
    if process:
        return process
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["thesis-train", *arguments]
    _run()


def _run() -> Any:
    from thesis_train.cli import main

    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):  # Python would print it
            print(code, file=sys.stderr)
            code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _poll(process: int) -> int | None:
    ended, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    serve()
