"""Starts the emulator: `python -m include.emulator --data DIR`."""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from include.emulator.app import Admin, create_app
from include.emulator.state import OldFolderError

_SHUTDOWN_TIMEOUT_S = 5


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        host, port = sockets[0].getsockname()[:2]
        sys.stdout.write(f"CVAT emulator on http://{host}:{port}\n")
        sys.stdout.flush()


def main() -> None:
    arguments = _arguments()
    password = os.environ.get(arguments.password_env)
    if not password:
        sys.exit(f"Set the administrator's password in the environment variable {arguments.password_env}.")
    try:
        app = create_app(arguments.data, Admin(arguments.admin, password))
    except OldFolderError as error:
        sys.exit(str(error))
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_S)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again when it has shut down
    with socket.create_server((arguments.host, arguments.port), backlog=128) as listener:
        _Server(config).run([listener])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m include.emulator", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that keeps everything")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--admin", default="admin", help="the administrator's name")
    parser.add_argument(
        "--password-env",
        default="CVAT_ADMIN_PASSWORD",
        help="the environment variable with the administrator's password",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
