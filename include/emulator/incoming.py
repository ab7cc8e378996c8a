"""Files that clients send to be imported: annotations and backups.

Each lies in one folder until its request, which has `{"file": name}` among its parameters, has ended.
"""

import sqlite3

import orjson

from include.emulator.state import State


def sweep(state: State) -> None:
    """Removes the files that no request needs any more. What is still arriving has a name that begins with a dot."""
    with state.write() as connection:
        kept = set(_awaited(connection))
        for path in state.incoming.glob("[!.]*"):
            if path.name not in kept:
                path.unlink()


def _awaited(connection: sqlite3.Connection) -> list[str | None]:
    rows = connection.execute("SELECT parameters FROM requests WHERE status IN ('queued', 'started')").fetchall()
    return [orjson.loads(row["parameters"]).get("file") for row in rows]
