"""docs/emulator.md, made from the SDK's operations and the emulator's routes:
`python -m tests.include.emulator.replay.coverage`."""

import inspect
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cvat_sdk
from cvat_sdk.api_client import ApiClient, Configuration, apis
from fastapi.routing import APIRoute

from include.emulator.app import Admin, create_app
from tests.include.emulator.replay.replaying import FOLDER, rows
from tests.include.emulator.replay.test_replay import GRANTED

PAGE = Path(__file__).parents[4] / "docs" / "emulator.md"

_TARGETS = ("projects", "tasks", "jobs")  # what some of the emulator's addresses have in common

_HEAD = """# The emulator

Made by `python -m tests.include.emulator.replay.coverage`; do not edit. What the emulator is, how it is started and
what switches it has for tests stands in [include/emulator/README.md](../include/emulator/README.md). This page says how
much of CVAT it covers, and how that is checked.
"""

_CHECKED = """## How it is checked

- `tests/contract/` makes chosen calls and compares status, media type and body with what a real server answered, values
  included. It knows nothing of the emulator and runs against any CVAT.
- `tests/include/emulator/replay/test_replay.py` makes {calls} recorded calls again, in the order of the sessions that
  they are from, and compares status, media type and the shape of the answers. {granted} of them are granted to differ:

{grants}

### Against a real server

    CVAT_URL=https://cvat.example.com CVAT_TOKEN=… CVAT_USERNAME=… CVAT_PASSWORD=… \\
    CVAT_BUCKET=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… pytest tests/contract

An administrator's token (not a read-only one) or name and password; with a token alone the tests of passwords are
skipped. `CVAT_BUCKET` is an empty bucket for these tests alone, which CVAT and this machine can reach, with
`AWS_REGION`, and `CVAT_BUCKET_ENDPOINT` where it is not at AWS; it is emptied after each test. Without one, CVAT must
reach this machine's loopback. `CVAT_FUNCTION` names a detector for the tests of serverless functions, which are skipped
without it. Projects, tasks and people that the tests make stay: give them a server that can be thrown away.
"""

_QUIRKS = """## Quirks that it keeps

- Media type `application/vnd.cvat+json`; `Accept: application/json` is 406. Errors come as objects, lists, strings,
  text and HTML pages. Lists ignore unknown parameters; pages past the end are 404.
- Sessions need the CSRF token; access tokens are read-only unless asked, and cannot make tokens.
- Where asked (`POST /emulator/throttle`), calls without credentials are limited to 100 a minute and address: 429 with
  `Retry-After`. It is off otherwise, since tests and the demo make many such calls from one address.
- A task without data has no `size`; `progress` stays 0; a finished creation is forgotten after 500 s; jobs appear with
  the last step; imports, exports and functions have queues of their own, first in, first out.
- Of an uploaded file only the base name is kept; two of one name are a 500; a second upload is 400.
- PUT of annotations replaces all; ids of created shapes come grouped by job; frames outside the job, inverted boxes and
  unknown attribute values are accepted.
- A new stage resets the state; an unknown assignee is a 500; an unknown field 403.
- One run of a function a task (409). The score is dropped, labels outside the mapping are skipped, a wrong mapping is
  accepted and fails later, the last run's error shows while the next one waits, `cleanup` deletes people's work too,
  and `/api/requests` does not know the runs.
- An issue's frame may be outside its job.
- A second export that is under way is 409 with the same id; HEAD of a download is 500; the old addresses are 410.
- Ground truth: one job a task; a report before it is accepted is 400. Replicas and ground truth count as the task's
  jobs, but their annotations are not the task's. Lists of requests by `subresource` or `format` are a 500 while there
  is one of quality.
- `start_frame`, `stop_frame`, `frame_filter`, validation, remote files and patterns of names are refused with 400.
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the SDK: its group, its name there, and the call that it makes."""

    group: str
    name: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"`{self.method} {self.path}`"


def operations() -> list[Operation]:
    """Everything that the SDK can call, by group."""
    client = ApiClient(Configuration(host="http://cvat.example"))
    found = []
    for group, api in sorted(inspect.getmembers(apis, inspect.isclass)):
        members = vars(api(client)) if group.endswith("Api") else {}
        for endpoint in (value for name, value in members.items() if name.endswith("_endpoint")):
            name, method, path = (endpoint.settings[key] for key in ("operation_id", "http_method", "endpoint_path"))
            found.append(Operation(group.removesuffix("Api").lower(), name, method, path))
    client.close()
    return sorted(found, key=lambda one: (one.group, one.path, one.method))


def served() -> set[tuple[str, str]]:
    """The emulator's methods and addresses, with ids left open."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Path(folder), Admin("admin", "only-for-this"))
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    paths = {(method, route.path) for route in routes for method in route.methods}
    return {(method, _open(path.replace("{targets}", kind))) for method, path in paths for kind in _TARGETS}


def _open(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.rstrip("/"))


def page() -> str:
    """The page's text."""
    known, groups = served(), defaultdict(list)
    for operation in operations():
        groups[operation.group].append(operation)
    is_served = {one: (one.method, _open(one.path)) in known for group in groups.values() for one in group}
    return "\n".join(
        [
            _HEAD,
            "## What it serves",
            "",
            f"{sum(is_served.values())} of the {len(is_served)} operations of `cvat-sdk` {cvat_sdk.__version__}.",
            "",
            "| group | served | of | not served |",
            "|---|---|---|---|",
            *(_line(group, members, is_served) for group, members in groups.items()),
            "",
            *_lists(groups, is_served),
            _QUIRKS,
            _checked(),
        ]
    )


def _line(group: str, members: list[Operation], is_served: dict[Operation, bool]) -> str:
    missing = [one for one in members if not is_served[one]]
    told = "all" if len(missing) == len(members) else ", ".join(f"`{one.name}`" for one in missing)
    return f"| {group} | {len(members) - len(missing)} | {len(members)} | {told} |"


def _lists(groups: dict[str, list[Operation]], is_served: dict[Operation, bool]) -> list[str]:
    lines = ["The calls that are served:", ""]
    for group, members in groups.items():
        calls = [str(one) for one in members if is_served[one]]
        lines += [f"- {group}: {', '.join(calls)}"] if calls else []
    return [*lines, ""]


def _checked() -> str:
    reasons: dict[str, int] = defaultdict(int)
    for lines in GRANTED.values():
        for reason, numbers in lines.items():
            reasons[reason] += len(numbers)
    grants = "\n".join(f"  - {count}: {reason}" for reason, count in sorted(reasons.items(), key=lambda one: -one[1]))
    calls = sum(len(rows(path.stem)) for path in FOLDER.glob("*.jsonl"))
    return _CHECKED.format(calls=calls, granted=sum(reasons.values()), grants=grants)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
