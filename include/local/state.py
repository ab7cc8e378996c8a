"""What the embedded stack keeps between two starts: secrets and ports, made once and never changed."""

import fcntl
import json
import os
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PORTS = range(20000, 32000)  # below the range from which Linux gives ports to outgoing connections


class InUse(Exception):
    """Another process runs a stack on the folder."""


@dataclass(frozen=True, slots=True)
class State:
    """A folder that holds all of the embedded stack's files."""

    folder: Path

    def secret(self, name: str) -> str:
        """A random secret of 32 characters without punctuation, the same at every start."""
        return self._once(name, lambda: secrets.token_hex(16))

    def port(self, service: str) -> int:
        """The loopback port of a service, the same at every start, because addresses are written down: in CVAT's
        cloud storages, in dvc's remotes.

        Raises OSError if another process has taken it since.
        """
        port = int(self._once(f"{service} port", lambda: str(_free_port())))
        if not _is_free(port):
            raise OSError(
                f"port {port} on 127.0.0.1, which {self._file} keeps for the {service}, is taken: end the process "
                f"that listens there (ss -ltnp shows it), or delete {self.folder} to begin anew"
            )
        return port

    def address(self, service: str) -> str:
        """Where a service of the running stack answers, on the port that it was given."""
        return f"http://127.0.0.1:{self._once(f'{service} port', lambda: str(_free_port()))}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from running a stack on this folder for as long as the context lasts. A lock on the folder
        itself: it ends with the process, and needs no file that could be left behind.

        Raises InUse where another process runs one.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            _lock(folder, self.folder)
            yield
        finally:
            os.close(folder)

    def is_in_use(self) -> bool:
        """Whether a stack runs on this folder."""
        if not self.folder.is_dir():
            return False
        try:
            with self.alone():
                return False
        except InUse:
            return True

    def log(self, service: str) -> Path:
        """Where a service writes its log."""
        return self.folder / "logs" / f"{service}.log"

    @property
    def _file(self) -> Path:
        return self.folder / "local.json"

    def _once(self, name: str, make: Callable[[], str]) -> str:
        """The value under this name; it is made and kept the first time. Only the owner can read the file."""
        kept: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        if name not in kept:
            kept[name] = make()
            self.folder.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(".new")
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
                json.dump(kept, file, indent=1)
            new.replace(self._file)
        return kept[name]


def _lock(opened: int, folder: Path) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUse(f"a stack runs on {folder} already: stop it first (Ctrl-C where it was started)") from None


def _free_port() -> int:
    for port in random.SystemRandom().sample(_PORTS, 100):
        if _is_free(port):
            return port
    raise OSError(f"none of 100 ports tried between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1 is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
