"""What the embedded stack keeps between two starts."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from include.local.state import InUse, State

ROOT = Path(__file__).parents[3]


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


def test_one_process_at_a_time_has_a_folder(tmp_path: Path) -> None:
    state = State(tmp_path)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom include.local.state import State\n"
        f"with State(Path({str(tmp_path)!r})).alone():\n    print('mine', flush=True)\n    time.sleep(60)\n"
    )
    assert not state.is_in_use()
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"mine\n"
        assert state.is_in_use()
        with pytest.raises(InUse, match=f"a stack runs on {tmp_path} already: stop it first"), state.alone():
            pass
        other.kill()
    with state.alone():
        pass


def test_a_folder_that_is_not_there_is_not_in_use_and_not_made(tmp_path: Path) -> None:
    assert not State(tmp_path / "none").is_in_use()
    assert not (tmp_path / "none").exists()
