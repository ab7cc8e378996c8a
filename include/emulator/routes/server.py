"""What the server says of itself, but for its version."""

from fastapi import APIRouter, Response
from starlette.responses import JSONResponse

from include.emulator.answers import CvatJson
from include.emulator.call import Anyone, Somebody

router = APIRouter()

_PARTS = (
    *("Cache backend: default", "Cache backend: media", "DatabaseBackend", "DatabaseBackend[default]"),
    *("DiskUsage", "MemoryUsage", "OPAHealthCheck"),
)


@router.get("/api/server/health/")
def health(_: Anyone) -> Response:
    return JSONResponse(dict.fromkeys(_PARTS, "working"))


@router.get("/api/server/plugins")
def plugins(_: Somebody) -> Response:
    return CvatJson({"ANALYTICS": False, "MODELS": True})
