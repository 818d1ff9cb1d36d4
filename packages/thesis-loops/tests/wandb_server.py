"""A server on this machine that answers what the real wandb library asks, and remembers it all.

It knows runs, their history, summary and state, and takes in artifacts. Whatever else a client
asks goes into `operations` by the name of its GraphQL operation.
"""

import base64
import json
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Variables = dict[str, Any]
Operation = Callable[[Variables], dict[str, Any]]

API_KEY = "local-" + "0123456789abcdef" * 3
ENTITY = "physicist"

NORMAL, SILENT = "normal", "silent"  # SILENT takes requests and never answers one


@dataclass
class ServerRun:
    """What the server was told of one run."""

    name: str
    project: str
    entity: str
    display_name: str | None = None
    group: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    preempting: bool = False

    @property
    def state(self) -> str:
        """As W&B shows it."""
        if self.exit_code is None:
            return "running"
        if self.exit_code == 0:
            return "finished"
        return "preempted" if self.preempting else "failed"

    @property
    def values(self) -> dict[str, Any]:
        """The config as it was given."""
        return {key: item["value"] for key, item in self.config.items() if key != "_wandb"}

    @property
    def steps(self) -> list[int]:
        """Step of each row, in the order of arrival."""
        return [row["_step"] for row in self.history]


class WandbServer:
    """`with WandbServer() as server:` and the library that is given `server.url`.

    Attributes
    ----------
    mode : str or int
        NORMAL, SILENT, or the HTTP status that everything is refused with; may change meanwhile.
    refusing : dict
        By name of a GraphQL operation: status and message that it is refused with, as W&B refuses
        what it doesn't allow. Of most the library passes on the message alone.
    delay_s : float
        Before each answer.
    runs : dict
        By identifier.
    asked : list of tuple
        Operation (or method and path) and variables (or body), in order.
    operations : dict
        By name of the GraphQL operation: what to answer to its variables. Add to it.
    keys : set of str
        With which clients came.
    artifacts : dict
        By name: type, aliases, and `files` once they were sent.
    """

    def __init__(self) -> None:
        self.mode: str | int = NORMAL
        self.refusing: dict[str, tuple[int, str]] = {}
        self.delay_s = 0.0
        self.runs: dict[str, ServerRun] = {}
        self.asked: list[tuple[str, Any]] = []
        self.keys: set[str] = set()
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self.operations: dict[str, Operation] = {
            "Viewer": self._viewer,
            "ServerFeaturesQuery": lambda _: {"serverInfo": {"features": []}},
            "OrgFeatureFlags": lambda _: {"organization": None},
            "RunResumeStatus": self._resume_status,
            "UpsertBucket": self._upsert,
            "QueryRunInfo": self._run_info,
            "CreateRunFiles": self._run_files,
            "MarkRunFilesUploaded": lambda _: {"markRunFilesUploaded": {"success": True}},
            "ArtifactType": lambda _: {"project": None},
            "FetchArtifactDigestAlgorithm": lambda _: {"project": None},
            "XXHashDigestsEnabled": lambda _: {"entity": {"xxhashDigestsEnabled": False}},
            "CreateArtifact": self._create_artifact,
            "CreateArtifactManifest": self._manifest("createArtifactManifest"),
            "UpdateArtifactManifest": self._manifest("updateArtifactManifest"),
            "CreateArtifactFiles": self._artifact_files,
            "CommitArtifact": lambda _: {"commitArtifact": {"artifact": {"digest": "d"}}},
        }
        self._stopped = threading.Event()
        self._changed = threading.Condition()

    def __enter__(self) -> "WandbServer":
        self._http = _Http(("127.0.0.1", 0), _handler_for(self))
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """For WANDB_BASE_URL."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def asked_for(self, name: str) -> list[Any]:
        """Variables of each request of one operation."""
        return [given for operation, given in list(self.asked) if operation == name]

    def wait_for(self, condition: Callable[["WandbServer"], object], timeout_s: float = 60) -> None:
        """Until something is true of what was asked so far."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout_s), self.asked[-5:]

    def answer(self, operation: str, given: Any, work: Callable[[], Any]) -> tuple[int, Any]:
        """Status and content of one answer; called in the thread of its connection."""
        with self._changed:
            self.asked.append((operation, given))
            self._changed.notify_all()
        if self.mode == SILENT:
            self._stopped.wait()
        self._stopped.wait(self.delay_s)
        if isinstance(self.mode, int):
            return self.mode, {"errors": [{"message": f"refused with {self.mode}"}]}
        if operation in self.refusing:
            status, message = self.refusing[operation]
            return status, {"errors": [{"message": message}], "data": None}
        with self._changed:
            content = work()
            self._changed.notify_all()
        return 200, content

    def graphql(self, body: dict[str, Any]) -> tuple[int, Any]:
        """One query or mutation."""
        match = re.search(r"(?:query|mutation)\s+(\w+)", body["query"])
        name = body.get("operationName") or (match[1] if match else "")
        variables = body.get("variables") or {}
        operation = self.operations.get(name)
        if operation is None:
            unknown = {"errors": [{"message": f"unknown here: {name or body['query']}"}]}
            return self.answer(name, variables, lambda: unknown)
        return self.answer(name, variables, lambda: {"data": operation(variables)})

    def file_stream(self, run_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """History, summary and the end of a run."""
        run = self.runs[run_id]
        for name, chunk in (body.get("files") or {}).items():
            lines = [json.loads(line) for line in chunk["content"] if name != "output.log"]
            if name == "wandb-history.jsonl":
                run.history[chunk["offset"] : chunk["offset"] + len(lines)] = lines
            elif name == "wandb-summary.json":
                run.summary = lines[-1]
        run.preempting = run.preempting or bool(body.get("preempting"))
        if body.get("complete"):
            run.exit_code = body["exitcode"]
        return {"exitcode": None, "limits": {}}

    def _viewer(self, _: Variables) -> dict[str, Any]:
        teams = {"edges": [{"node": {"name": ENTITY}}]}
        return {
            "viewer": {
                "id": "1",
                "entity": ENTITY,
                "username": ENTITY,
                "email": None,
                "flags": "{}",
                "teams": teams,
            }
        }

    def _upsert(self, given: Variables) -> dict[str, Any]:
        is_new = given["name"] not in self.runs
        run = self.runs.setdefault(
            given["name"],
            ServerRun(given["name"], given.get("project") or "none", given.get("entity") or ENTITY),
        )
        run.display_name = given.get("displayName") or run.display_name
        run.group = given.get("groupName") or run.group
        if given.get("config"):
            run.config = json.loads(given["config"])
        if given.get("tags") is not None:
            run.tags = given["tags"]
        project = {"id": "p", "name": run.project, "entity": {"id": "e", "name": run.entity}}
        bucket = {
            "id": run.name,
            "name": run.name,
            "displayName": run.display_name,
            "description": None,
            "config": json.dumps(run.config),
            "sweepName": None,
            "project": project,
            "historyLineCount": len(run.history),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}

    def _resume_status(self, given: Variables) -> dict[str, Any]:
        run = self.runs.get(given["name"])
        entity = given.get("entity") or ENTITY
        bucket = None
        if run is not None:
            run.exit_code, run.preempting = None, False  # it asks because it goes on
            bucket = {
                "name": run.name,
                "summaryMetrics": json.dumps(run.summary),
                "displayName": run.display_name,
                "logLineCount": 0,
                "historyLineCount": len(run.history),
                "eventsLineCount": 0,
                "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
                "eventsTail": json.dumps([]),
                "config": json.dumps(run.config),
                "tags": run.tags,
                "notes": None,
                "wandbConfig": json.dumps({"t": 1}),
            }
        model = {"name": given.get("project"), "entity": {"name": entity}, "bucket": bucket}
        return {"model": model}

    def _run_info(self, given: Variables) -> dict[str, Any]:
        run = self.runs[given["run"]]
        known = {"displayName": run.display_name, "summaryMetrics": json.dumps(run.summary)}
        return {"project": {"run": known}}

    def _run_files(self, given: Variables) -> dict[str, Any]:
        files = [
            {"name": name, "uploadUrl": f"{self.url}/upload/{given['run']}/{name}"}
            for name in given["files"]
        ]
        return {
            "createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files},
        }

    def _create_artifact(self, given: Variables) -> dict[str, Any]:
        wanted = given["input"]
        name = wanted["artifactCollectionName"]
        self.artifacts[name] = {
            "type": wanted["artifactTypeName"],
            "run": wanted.get("runName"),
            "digest": wanted.get("digest"),
            "files": [],
        }
        made = {"id": name, "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": made}}

    def _manifest(self, name: str) -> Operation:
        def make(_: Variables) -> dict[str, Any]:
            file = {"id": "f", "uploadUrl": f"{self.url}/upload/manifest", "uploadHeaders": []}
            return {name: {"artifactManifest": {"id": "m", "file": file}}}

        return make

    def _artifact_files(self, given: Variables) -> dict[str, Any]:
        nodes = []
        for wanted in given["input"]["artifactFiles"]:
            artifact, name = wanted["artifactID"], wanted["name"]
            self.artifacts[artifact]["files"].append(name)
            node = {
                "storagePath": name,
                "uploadUrl": f"{self.url}/upload/{artifact}/{name}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": artifact},
            }
            nodes.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": nodes}}}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed leave their connections broken."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler_for(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._note_key()
            content = self._body()
            stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path)
            if self.path == "/graphql":
                self._send(*server.graphql(json.loads(content)))
            elif stream:
                body = json.loads(content)
                work = partial(server.file_stream, stream[1], body)
                self._send(*server.answer("file_stream", body, work))
            else:
                self._send(*server.answer(f"POST {self.path}", None, dict))

        def do_PUT(self) -> None:
            content = self._body()
            name = self.path.removeprefix("/upload/")
            work = partial(server.uploads.update, {name: content})
            self._send(*server.answer(f"PUT {self.path}", None, work))

        def do_GET(self) -> None:
            self._note_key()
            self._send(*server.answer(f"GET {self.path}", None, dict))

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def _note_key(self) -> None:
            scheme, _, value = self.headers.get("Authorization", "").partition(" ")
            if scheme == "Basic":
                server.keys.add(base64.b64decode(value).decode().partition(":")[2])
            elif scheme:
                server.keys.add(value)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _send(self, status: int, content: Any) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler
