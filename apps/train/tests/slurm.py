"""A Slurm of one node, this machine: started by tests, ended with them.

Everything that it writes is in one folder, and it listens on ports that are free now, so that it
gets along with a Slurm that is installed here.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = (
    *("munged", "mungekey", "slurmctld", "slurmd"),
    *("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun"),
)

_CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
KillWait=10
InactiveLimit=0
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurmError(Exception):
    """Why there is none."""


@dataclass
class Slurm:
    """A cluster that runs."""

    folder: Path
    daemons: list[subprocess.Popen] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """That of commands which are to speak with it."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def say(self, *words: str) -> str:
        """Run one of Slurm's commands: what it prints."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def queue(self) -> dict[str, str]:
        """State of each job that is waiting or running, by its id."""
        said = self.say("squeue", "--array", "--noheader", "--format=%i %T")
        return dict(line.split() for line in said.splitlines())

    def stop(self) -> None:
        """End all jobs and daemons."""
        try:
            self.say("scancel", "--user=root", "--full", "--signal=KILL")
        finally:
            self.end_daemons()

    def end_daemons(self) -> None:
        """End what was started, whatever of it runs."""
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def start_slurm(folder: Path, cpus: int = 2) -> Slurm:
    """Start it in an empty folder.

    Raises
    ------
    NoSlurmError
        It can't be started here.
    """
    missing = [name for name in PROGRAMS if _found(name) is None]
    if missing:
        raise NoSlurmError(f"no {', '.join(missing)} here (Debian: slurm-wlm and munge)")
    if os.geteuid():
        raise NoSlurmError("only root can start it")
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    user = pwd.getpwuid(os.geteuid()).pw_name
    text = _CONFIG.format(folder=folder, host=host, ports=_free_ports(), user=user, cpus=cpus)
    (folder / "slurm.conf").write_text(text)
    slurm = Slurm(folder)
    try:
        _start_daemons(slurm)
    except BaseException as error:
        slurm.end_daemons()  # no job was submitted
        if isinstance(error, (OSError, subprocess.SubprocessError)):
            raise NoSlurmError(str(error)) from error
        raise
    return slurm


def _start_daemons(slurm: Slurm) -> None:
    folder = slurm.folder
    key, sock = folder / "munge.key", folder / "munge.socket"
    subprocess.run([_found("mungekey"), "--create", f"--keyfile={key}"], check=True)
    munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={sock}"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    _start(slurm, munged, sock.exists)
    _start(slurm, ["slurmctld", "-D", "-i"], lambda: "UP" in _said(slurm, "scontrol", "ping"))
    _start(slurm, ["slurmd", "-D"], lambda: _said(slurm, "sinfo", "-h", "-o", "%T") == "idle")


def _start(slurm: Slurm, words: list[str], is_up: Callable[[], bool]) -> None:
    log = slurm.folder / f"{words[0]}.out"
    with log.open("w") as file:
        daemon = subprocess.Popen(
            [_found(words[0]), *words[1:]],
            env=slurm.environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    slurm.daemons.append(daemon)
    deadline = time.monotonic() + 30
    while not is_up():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise NoSlurmError(f"{words[0]} does not start: {log.read_text()[-500:]}")
        time.sleep(0.1)


def _said(slurm: Slurm, *words: str) -> str:
    done = subprocess.run(
        words, env=slurm.environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip()


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
