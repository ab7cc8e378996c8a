"""What the embedded stack keeps between two starts."""

import socket
import stat
from pathlib import Path

import pytest

from include.local.state import State


def test_secrets_and_ports_are_made_once(tmp_path: Path) -> None:
    first = State(tmp_path / "new")
    made = (first.secret("a"), first.secret("b"), first.port("bucket"), first.port("cvat"))
    again = State(tmp_path / "new")
    assert (again.secret("a"), again.secret("b"), again.port("bucket"), again.port("cvat")) == made
    assert len(set(made)) == 4


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    assert State(tmp_path / "one").secret("a") != State(tmp_path / "two").secret("a")


def test_only_the_owner_reads_the_secrets(tmp_path: Path) -> None:
    State(tmp_path).secret("a")
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]


def test_a_port_that_another_process_took_is_an_error_that_names_it(tmp_path: Path) -> None:
    port = State(tmp_path).port("bucket")
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()
        with pytest.raises(OSError, match=f"port {port} on 127.0.0.1, .* keeps for the bucket, is taken"):
            State(tmp_path).port("bucket")
