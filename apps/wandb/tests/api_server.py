"""The local server of the loops, which also answers what `wandb.Api` asks: list, change, delete."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from wandb_server import API_KEY, ENTITY, ServerRun, Variables, WandbServer

_FAILURE = 501  # others the library tries again by itself

__all__ = ["API_KEY", "ENTITY", "ApiServer"]


class ApiServer(WandbServer):
    """Server with projects of runs that can be listed page by page, changed and deleted.

    Attributes
    ----------
    obeys_filters : bool
        False: it answers with all runs, whatever was asked, as one that doesn't know a filter.
    locked : set of str
        Runs that it refuses to change or delete.
    deleted : set of str
        Names of runs that were: W&B takes none of them again.
    users : dict
        Whose a run is, by its name; ENTITY's where it isn't among them.
    failing : dict
        By name of a GraphQL operation: how many times it fails before it is answered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.obeys_filters = True
        self.locked: set[str] = set()
        self.deleted: set[str] = set()
        self.failing: dict[str, int] = {}
        self.states: dict[str, str] = {}
        self.users: dict[str, str] = {}
        self._heard: dict[str, datetime] = {}
        self.operations |= {
            "Runs": self._list,
            "Run": lambda given: {"project": {"run": self._described(self.runs[given["name"]])}},
            "DeleteRun": self._delete,
            "GetDefaultEntity": lambda _: {"viewer": {"id": "1", "entity": ENTITY}},
        }

    def add(self, name: str, days_ago: float = 0, state: str = "finished", **known: Any) -> None:
        """Take in a run that was last heard of so long ago."""
        config = {key: {"value": value} for key, value in known.pop("values", {}).items()}
        run = ServerRun(name, known.pop("project", "thesis-ml"), ENTITY, config=config, **known)
        self.runs[name], self.states[name] = run, state
        self._heard[name] = datetime.now(UTC) - timedelta(days=days_ago)

    def _described(self, run: ServerRun) -> dict[str, Any]:
        heard = self._heard.get(run.name, datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
        user = self.users.get(run.name, ENTITY)
        return {
            "id": f"storage-{run.name}",
            "projectId": "1",
            "name": run.name,
            "displayName": run.display_name,
            "sweepName": None,
            "state": self.states.get(run.name, run.state),
            "group": run.group,
            "jobType": None,
            "commit": None,
            "readOnly": False,
            "tags": run.tags,
            "createdAt": heard,
            "heartbeatAt": heard,
            "description": None,
            "notes": None,
            "config": json.dumps(run.config),
            "summaryMetrics": json.dumps(run.summary),
            "systemMetrics": "{}",
            "historyKeys": None,
            "historyLineCount": len(run.history),
            "user": {"name": user, "username": user},
        }

    def _list(self, given: Variables) -> dict[str, Any]:
        runs = [run for run in self.runs.values() if run.project == given["project"]]
        if not runs:
            return {"project": None}
        wanted = json.loads(given["filters"])
        described = [self._described(run) for run in runs]
        if self.obeys_filters:
            described = [run for run in described if _passes(run, wanted)]
        start = int(given.get("cursor") or 0)
        end = start + given["perPage"]
        edges = [
            {"node": run, "cursor": str(start + number + 1)}
            for number, run in enumerate(described[start:end])
        ]
        more = {"endCursor": str(end), "hasNextPage": end < len(described)}
        page = {"edges": edges, "pageInfo": more}
        known = {"internalId": "1", "runCount": len(described), "readOnly": False}
        return {"project": known | {"runs": page}}

    def _delete(self, given: Variables) -> dict[str, Any]:
        name = self._by_storage_id(given["id"]).name
        del self.runs[name]
        self.deleted.add(name)
        return {"deleteRun": {"clientMutationId": None}}

    def _upsert(self, given: Variables) -> dict[str, Any]:
        if not str(given.get("id") or "").startswith("storage-"):
            return super()._upsert(given)
        run = self._by_storage_id(given["id"])
        if given.get("summaryMetrics"):
            run.summary = json.loads(given["summaryMetrics"])
        else:
            run.config, run.tags = json.loads(given["config"]), given["tags"]
            run.display_name, run.group = given["display_name"], given["groupName"]
        return {"upsertBucket": {"bucket": self._described(run)}}

    def _by_storage_id(self, storage_id: str) -> ServerRun:
        return self.runs[storage_id.removeprefix("storage-")]

    def graphql(self, body: dict[str, Any]) -> tuple[int, Any]:
        """One query or mutation."""
        for name, times in self.failing.items():
            if times and re.search(rf"\b{name}\b", body["query"]):
                self.failing[name] -= 1
                return _FAILURE, {"errors": [{"message": f"HTTP {_FAILURE}: out of order"}]}
        variables = body.get("variables") or {}
        if "UpsertBucket" in body["query"] and variables.get("name") in self.deleted:
            message = f"run {variables['name']} was previously created and deleted"
            return 409, {"errors": [{"message": message}]}
        wanted = str(variables.get("id") or "").removeprefix("storage-")
        if wanted in self.locked:
            refused = {"errors": [{"message": "permission denied"}], "data": None}
            return self.answer("refused", wanted, lambda: refused)
        return super().graphql(body)


def _passes(run: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Of MongoDB's language what the commands use."""
    for key, value in wanted.items():
        if key == "$and":
            if not all(_passes(run, part) for part in value):
                return False
        elif isinstance(value, dict):
            ((operator, operand),) = value.items()
            found = run[key] if isinstance(run[key], list) else [run[key]]
            if operator == "$in" and not set(found) & set(operand):
                return False
            if operator == "$lt" and not found[0] < operand:
                return False
        elif run[key] != value:
            return False
    return True
