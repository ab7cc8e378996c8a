"""The compose file's services as processes of the machine. Commands, environments and health checks are the file's;
only what another image brings of its own is done here: Debian's PostgreSQL, and rclone's S3 server for SeaweedFS."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.bare.machine import Machine, MachineFailed
from deploy.compose import ROOT, Mount, Service
from include.local.processes import running

CVAT_PORT = 8090
_S3_FOLDER = "/srv/s3"
_POSTGRES = Path("/usr/lib/postgresql")
_INIT_SECONDS = 300.0
_START_SECONDS = 180.0
_HEALTH_SECONDS = 30.0


def mounts_of(services: Iterable[Service]) -> Iterator[Mount]:
    """Where the services' volumes are on the machine, which has one file system for all."""
    for service in services:
        for mount in service.mounts:
            yield Mount(mount.source, _S3_FOLDER) if service.name == "seaweedfs" else mount


@contextmanager
def serve(service: Service, machine: Machine, logs: Path) -> Iterator[None]:
    """Run a service for as long as the context lasts; it begins when the service is well, or has done its work.

    Raises ServerFailed or MachineFailed, with what the service wrote, if it does not come to that.
    """
    if not service.health:
        (logs / f"{service.name}.log").write_text(machine.run(service.command, service.environment, _INIT_SECONDS))
        yield
    elif service.name == "postgres":
        with _postgres(service, machine, logs):
            yield
    elif service.name == "seaweedfs":
        with _rclone(service, machine, logs):
            yield
    else:
        with _running(service, machine, logs, service.command, service.health):
            yield


@contextmanager
def serve_cvat(machine: Machine, password: str, logs: Path) -> Iterator[None]:
    """The CVAT emulator, for the CVAT that a deployment already has: http://cvat:8090."""
    folder = machine.volumes / "cvat"
    folder.mkdir(parents=True)
    with running(
        "CVAT emulator",
        [
            *(sys.executable, "-m", "include.emulator", "--data", str(folder)),
            *("--host", "0.0.0.0", "--port", str(CVAT_PORT)),
        ],
        log=logs / "cvat.log",
        answers=lambda: _healthy(machine, ("curl", "-sf", f"http://cvat:{CVAT_PORT}/emulator/health"), {}),
        environment={"CVAT_ADMIN_PASSWORD": password, "PYTHONPATH": str(ROOT)},
    ):
        yield


@contextmanager
def _running(
    service: Service, machine: Machine, logs: Path, command: tuple[str, ...], health: tuple[str, ...]
) -> Iterator[None]:
    with running(
        service.name,
        machine.command(command),
        log=logs / f"{service.name}.log",
        answers=lambda: _healthy(machine, health, service.environment),
        environment=machine.environment(service.environment),
        within=_START_SECONDS,
    ):
        yield


def _healthy(machine: Machine, health: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    try:
        machine.run(health, environment, _HEALTH_SECONDS)
    except MachineFailed:
        return False
    return True


@contextmanager
def _postgres(service: Service, machine: Machine, logs: Path) -> Iterator[None]:
    """What the image's entry point does: make the cluster, serve it, run the mounted SQL as the superuser."""
    programs = max(_POSTGRES.iterdir(), key=lambda folder: int(folder.name)) / "bin"
    data, script = (mount.target for mount in service.mounts)
    making = (str(programs / "initdb"), "-D", data, "--username=postgres", "--auth-local=trust")
    machine.run((*making, "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"), {}, _INIT_SECONDS)
    command = (str(programs / "postgres"), "-D", data, "-h", "*", "-k", "/tmp")
    with _running(service, machine, logs, command, service.health):
        asking = ("psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--host=/tmp", "--username=postgres")
        machine.run((*asking, "--dbname=postgres", "--file", script), service.environment, _INIT_SECONDS)
        yield


@contextmanager
def _rclone(service: Service, machine: Machine, logs: Path) -> Iterator[None]:
    """SeaweedFS is in no Debian: rclone's server on the same port, with the same keys."""
    access_key, secret_key = service.environment["AWS_ACCESS_KEY_ID"], service.environment["AWS_SECRET_ACCESS_KEY"]
    settings = {"RCLONE_AUTH_KEY": f'"{access_key},{secret_key}"', "RCLONE_CONFIG": ""}  # one CSV field: rclone's rule
    with running(
        service.name,
        machine.command(["rclone", "serve", "s3", "--addr", ":8333", _S3_FOLDER]),
        log=logs / f"{service.name}.log",
        answers=lambda: _healthy(machine, ("curl", "-s", "-o", "/dev/null", "http://127.0.0.1:8333/"), {}),
        environment=machine.environment(settings),
    ):
        yield
