"""Our console commands without the seconds that each takes to load torch.

`python warm_commands.py FOLDER` writes a stand-in for each command into FOLDER and serves them:
a stand-in hands its arguments, folder, environment and streams to a fork of this process, which
has loaded what takes long, and ends with the exit code of that. Anything may call the stand-ins:
a shell, torchrun, a script of a cluster.
"""

import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

_STREAMS = (0, 1, 2)

_SLOW_TO_IMPORT = (
    "torch._dynamo",  # optimisers load it
    "thesis_loops.reconstruction",
    "thesis_loops.transformer_classifier",
    "thesis_train.command",
    "matplotlib.pyplot",
    "mplhep",
    "scipy.stats",
)

_STAND_IN = """\
#!{python} -SE
import array, json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
told = json.dumps(dict(name={name!r}, words=sys.argv[1:], folder=os.getcwd(), env=dict(os.environ)))
socket.send_fds(server, [len(told.encode()).to_bytes(4, "big")], [0, 1, 2])
server.sendall(told.encode())
code = server.recv(1)
sys.exit(code[0] if code else "the command died")
"""


def main(folder: Path) -> None:
    """Serve until stdin is closed, which the end of whoever started this does as well."""
    _load()
    ours = [c for c in entry_points(group="console_scripts") if c.value.startswith("thesis_")]
    address = str(folder / "commands.socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        for command in ours:
            path = folder / command.name
            path.write_text(
                _STAND_IN.format(python=sys.executable, address=address, name=command.name)
            )
            path.chmod(0o755)
        print("ready", flush=True)
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _answer(connection)
            connection.close()
            _bury()
    os.killpg(0, signal.SIGKILL)  # with what a failed command may have left


def _load() -> None:
    """Import what takes seconds and starts no thread: threads do not survive a fork."""
    for module in _SLOW_TO_IMPORT:
        importlib.import_module(module)


def _answer(connection: socket.socket) -> None:
    """Be the command: never returns."""
    length, streams, _, _ = socket.recv_fds(connection, 4, len(_STREAMS))
    told = b""
    while len(told) < int.from_bytes(length, "big"):
        told += connection.recv(1 << 16)
    asked = json.loads(told)
    for given, number in zip(streams, _STREAMS, strict=True):
        os.dup2(given, number)
        os.close(given)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = [asked["name"], *_smaller(asked["name"], asked["words"])]
    code = _exit_code(asked["name"])
    connection.sendall(bytes([code]))
    sys.exit(code)  # what is to be done at the exit, such as ending workers, is done


def _exit_code(name: str) -> int:
    (command,) = entry_points(group="console_scripts", name=name)
    try:
        code: Any = command.load()()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python itself ends
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return 1
    return code or 0


def _smaller(name: str, words: list[str]) -> list[str]:
    """The words of a command, with small values for what it leaves open."""
    if name != "thesis-train" or any(w.startswith("--") and w not in _STARTS for w in words):
        return words
    given = {word.lstrip("+").partition("=")[0]: word.partition("=")[2] for word in words}
    loop = given.get("loop", "ae" if "phase1/experiment" in given else "transformer_classifier")
    small = [] if given.keys() & {"data", "data.path", "env"} else ["data.synthetic.n_events=400"]
    small += [] if any(key.startswith("logging") for key in given) else ["logging.make_plots=false"]
    small += _SMALL.get(loop, _SMALL["ae"])
    return [*words, *(word for word in small if word.partition("=")[0] not in given)]


# What begins a training; other flags only ask for something.
_STARTS = ("--multirun", "--config-dir", "--plan")

_SMALL = {
    "ae": ["phase1.trainer.epochs=1"],
    "bdt_classifier": [],
    "mlp_classifier": ["classifier.trainer.epochs=1"],
    "transformer_classifier": [
        "classifier.trainer.epochs=1",
        "classifier/model_size=s30k",
        "classifier.model.depth=2",  # physics biases need two blocks
    ],
}


def _bury() -> None:
    """Forget the processes that ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
