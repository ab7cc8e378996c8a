"""`python3 -m deploy.environment`: write deploy/labelcycle.env from the example, with fresh random secrets.

It needs Python alone: it runs on the host, where nothing of Labelcycle is installed.
"""

import base64
import os
import re
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
EXAMPLE = FOLDER / "labelcycle.env.example"
_MAKE = {
    "<random>": lambda: secrets.token_hex(24),
    "<fernet>": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}


def main() -> None:
    """Write the file for its owner alone; one that is there is never overwritten, for its secrets are in use."""
    target = FOLDER / "labelcycle.env"
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{target} is there already, and its secrets are in use: edit it, or move it away")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  (a descriptor)
        file.write(with_secrets(EXAMPLE.read_text(encoding="utf-8")))
    sys.stdout.write(f"{target} is written: now set CVAT_URL and CVAT_TOKEN in it\n")


def with_secrets(example: str) -> str:
    """The example with a fresh secret at every `=<random>` and `=<fernet>`."""
    return re.sub(r"(?<==)<\w+>$", lambda found: _MAKE[found[0]](), example, flags=re.MULTILINE)


def read_variables(text: str) -> dict[str, str]:
    """The variables of an env file: `NAME=value` lines, empty lines and whole-line comments."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    main()
