"""`python3 -m deploy.pin`: write the digest of every image beside its tag, in the compose files and the Dockerfile.

A tag can be moved, a digest cannot. It asks each image's registry through `docker buildx`, so run it where Docker may
reach them; run it again after a tag has been changed.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (ROOT / "docker-compose.yaml", ROOT / "deploy/monitoring/compose.yaml", ROOT / "Dockerfile")
_OURS = "labelcycle:"
_IMAGE = re.compile(r"(?P<before>^\s*image: |^FROM )(?P<tag>[^\s@]+:[^\s@]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
_SECONDS = 60


def main() -> None:
    """Ask first, write then: a registry that does not answer changes nothing."""
    texts = {path: path.read_text(encoding="utf-8") for path in FILES}
    digests = {tag: digest_of(tag) for tag in sorted({tag for text in texts.values() for tag in tags(text)})}
    for path, text in texts.items():
        path.write_text(pinned(text, digests), encoding="utf-8")
    for tag, digest in digests.items():
        sys.stdout.write(f"{tag} {digest}\n")


def tags(text: str) -> list[str]:
    """The images, by tag, that a text takes from registries."""
    return [found["tag"] for found in _IMAGE.finditer(text) if not found["tag"].startswith(_OURS)]


def pinned(text: str, digests: dict[str, str]) -> str:
    """The text with each image's digest; the image that is built here has none."""

    def image(found: re.Match[str]) -> str:
        tag = found["tag"]
        return found[0] if tag.startswith(_OURS) else f"{found['before']}{tag}@{digests[tag]}"

    return _IMAGE.sub(image, text)


def digest_of(tag: str) -> str:
    """The digest under which the registry has a tag now, for all platforms at once."""
    command = ["docker", "buildx", "imagetools", "inspect", tag, "--format", "{{.Manifest.Digest}}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        sys.exit(f"{tag} cannot be looked up, nothing is changed: {error}")
    if answer.returncode or not re.fullmatch(r"sha256:[0-9a-f]{64}", answer.stdout.strip()):
        sys.exit(f"{tag} cannot be looked up, nothing is changed: {(answer.stderr or answer.stdout).strip()}")
    return answer.stdout.strip()


if __name__ == "__main__":
    main()
