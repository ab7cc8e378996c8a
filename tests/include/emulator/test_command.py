"""How the emulator starts."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import include.emulator


def test_no_password_no_server(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "CVAT_ADMIN_PASSWORD"}
    command = [sys.executable, "-m", "include.emulator", "--data", str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "CVAT_ADMIN_PASSWORD" in ended.stderr


def test_it_shares_no_code_with_the_rest():
    for path in Path(include.emulator.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours = [name for name in names if name.split(".")[0] in ("include", "plugins", "labelcycle")]
            assert all(name.startswith("include.emulator") for name in ours), path
