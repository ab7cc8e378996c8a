"""The stack's CVAT: the emulator as a server that can be stopped and started again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from include.local.cvat import serve_cvat
from include.local.people import Account, register
from include.local.state import State

pytestmark = pytest.mark.slow


def test_cvat_keeps_its_people_and_its_address_over_a_restart_and_its_password_to_itself(
    tmp_path: Path, command_lines: Callable[[], list[bytes]]
) -> None:
    state, anna = State(tmp_path), Account("annotator-one", "a-long-password")
    with serve_cvat(state) as before:
        user_id = register(before.url, anna)
        lines = command_lines()
    with serve_cvat(state) as after:
        assert after == before
        assert register(after.url, anna) == user_id
    assert any(str(tmp_path).encode() in line for line in lines)
    assert not any(before.password.encode() in line for line in lines)
    assert before.password not in state.log("cvat").read_text()
