"""Cloud storages."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, Response

from include.emulator import access, fields
from include.emulator.answers import CvatJson, Refusal, invalid, invalid_text
from include.emulator.bucket import Bucket, ObjectNotFoundError
from include.emulator.call import Call, Somebody, brief_user
from include.emulator.listing import Condition, Listing
from include.emulator.media import MediaError, is_image

router = APIRouter()

_CREDENTIALS = ("KEY_SECRET_KEY_PAIR", "ANONYMOUS_ACCESS")
_SETTINGS = (
    "resource",
    "display_name",
    "credentials_type",
    "key",
    "secret_key",
    "specific_attributes",
    "description",
)

_STORAGES = Listing(
    table="cloud_storages",
    source="cloud_storages",
    columns={
        "id": "cloud_storages.id",
        "name": "cloud_storages.display_name",
        "display_name": "cloud_storages.display_name",
        "resource": "cloud_storages.resource",
        "provider_type": "cloud_storages.provider_type",
        "credentials_type": "cloud_storages.credentials_type",
        "description": "cloud_storages.description",
        "owner": "(SELECT username FROM users WHERE users.id = cloud_storages.owner_id)",
        "updated_date": "cloud_storages.updated_date",
    },
    parameters={
        "name": str,
        "resource": str,
        "provider_type": ("AWS_S3_BUCKET",),
        "credentials_type": _CREDENTIALS,
        "owner": str,
    },
    searched=("provider_type", "name", "resource", "credentials_type", "owner", "description"),
)


@router.post("/api/cloudstorages")
def create_storage(call: Somebody) -> Response:
    body = call.json()
    wrong = {n: [fields.REQUIRED] for n in ("provider_type", "resource", "credentials_type") if not body.get(n)}
    if wrong:
        raise invalid(wrong)
    fields.choice(body, "provider_type", ("AWS_S3_BUCKET",), "")  # the one kind that the emulator can read
    fields.choice(body, "credentials_type", _CREDENTIALS, "")
    settings = {name: str(body.get(name) or "") for name in _SETTINGS}
    manifests = body.get("manifests") or []
    _check(settings, manifests)
    now = call.state.now()
    row = {"owner_id": call.user.id, "manifests": orjson.dumps(manifests), "created_date": now, "updated_date": now}
    row |= {"provider_type": body["provider_type"], **settings}
    with call.state.write() as connection:
        made = connection.execute(
            f"INSERT INTO cloud_storages ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) RETURNING *",
            tuple(row.values()),
        ).fetchone()
        return CvatJson(_storage(call, connection, made), 201)


def _check(settings: Mapping[str, Any], manifests: list[str]) -> None:
    """Raises a 400 refusal unless the bucket and the manifests are there. Asks the bucket: not for transactions."""
    bucket = Bucket(settings)
    if not bucket.is_reachable():
        raise invalid_text(f"resource: The resource {bucket.name} not found. It may have been deleted.\n")
    for manifest in manifests:
        if not bucket.has(manifest):
            text = f"The '{manifest}' file does not exist on '{bucket.name}' cloud storage"
            raise invalid({"manifests": text})


@router.get("/api/cloudstorages")
def list_storages(call: Somebody) -> Response:
    mine = Condition() if call.user.is_admin else Condition("cloud_storages.owner_id = ?", (call.user.id,))
    with call.state.read() as connection:
        return CvatJson(_STORAGES.answer(call, connection, mine, lambda row: _storage(call, connection, row)))


@router.get("/api/cloudstorages/{storage_id}")
def get_storage(call: Somebody, storage_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_storage(call, connection, access.own_storage(connection, call.user, storage_id)))


@router.patch("/api/cloudstorages/{storage_id}")
def patch_storage(call: Somebody, storage_id: int) -> Response:
    body = call.json()
    with call.state.read() as connection:
        row = access.own_storage(connection, call.user, storage_id)
    settings = {name: str(body.get(name, row[name]) or "") for name in _SETTINGS}
    manifests = body.get("manifests", orjson.loads(row["manifests"]))
    _check(settings, manifests)
    changes = {**settings, "manifests": orjson.dumps(manifests), "updated_date": call.state.now()}
    with call.state.write() as connection:
        access.own_storage(connection, call.user, storage_id)
        changed = connection.execute(
            f"UPDATE cloud_storages SET {', '.join(f'{name} = ?' for name in changes)} WHERE id = ? RETURNING *",
            (*changes.values(), storage_id),
        ).fetchone()
        return CvatJson(_storage(call, connection, changed))


@router.delete("/api/cloudstorages/{storage_id}")
def delete_storage(call: Somebody, storage_id: int) -> Response:
    with call.state.write() as connection:
        access.own_storage(connection, call.user, storage_id)
        connection.execute("DELETE FROM cloud_storages WHERE id = ?", (storage_id,))
    return Response(status_code=204)


@router.get("/api/cloudstorages/{storage_id}/status")
def storage_status(call: Somebody, storage_id: int) -> Response:
    with call.state.read() as connection:
        row = access.own_storage(connection, call.user, storage_id)
    return CvatJson("AVAILABLE" if Bucket(row).is_reachable() else "NOT_FOUND")


@router.get("/api/cloudstorages/{storage_id}/content-v2")
def storage_content(call: Somebody, storage_id: int) -> Response:
    with call.state.read() as connection:
        row = access.own_storage(connection, call.user, storage_id)
    prefix, manifest = call.query.get("prefix", ""), call.query.get("manifest_path", "")
    try:
        if manifest:
            folders, files = _level([frame.name for frame in Bucket(row).manifest(manifest)], prefix)
        else:
            folders, files = Bucket(row).level(prefix)
    except ObjectNotFoundError as error:
        raise Refusal(404, str(error)) from error
    except (MediaError, BotoCoreError, ClientError) as error:
        raise invalid([str(error)]) from error
    content = [{"name": name, "type": "DIR", "mime_type": "DIR"} for name in folders]
    content += [{"name": name, "type": "REG", "mime_type": "image" if is_image(name) else "unknown"} for name in files]
    return CvatJson({"next": None, "content": content})


def _level(names: list[str], prefix: str) -> tuple[list[str], list[str]]:
    """What lies directly below a prefix: folders, then files."""
    rests = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    folders = sorted({rest.partition("/")[0] for rest in rests if "/" in rest})
    return folders, [rest for rest in rests if "/" not in rest]


def _storage(call: Call, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "owner": brief_user(call, connection, row["owner_id"]),
        "manifests": orjson.loads(row["manifests"]),
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "provider_type": row["provider_type"],
        "resource": row["resource"],
        "display_name": row["display_name"],
        "credentials_type": row["credentials_type"],
        "specific_attributes": row["specific_attributes"],
        "description": row["description"],
        "organization": None,
    }
