"""The Dockerfile, as far as it says what of the project is in the image and where."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploy.compose import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Copy:
    """A file or folder of the project, and its place in the image."""

    source: str
    target: PurePosixPath


def copies(path: Path = DOCKERFILE) -> list[Copy]:
    """What the last stage copies out of the project, in order; what it takes from other stages is left out."""
    folder, found = PurePosixPath("/"), list[Copy]()
    for line in path.read_text(encoding="utf-8").splitlines():
        match line.split():
            case ["FROM", *_]:
                folder, found = PurePosixPath("/"), []
            case ["WORKDIR", place]:
                folder /= place
            case ["COPY", *words] if not words[0].startswith("--"):
                found += _copies(words[:-1], words[-1], folder)
            case _:
                pass
    return found


def workdir(path: Path = DOCKERFILE) -> PurePosixPath:
    """The folder in which the image's commands run."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return PurePosixPath(next(line.split()[1] for line in reversed(lines) if line.startswith("WORKDIR ")))


def _copies(sources: list[str], target: str, folder: PurePosixPath) -> list[Copy]:
    into = target.endswith("/")  # Docker's rule: then it is a folder, and a file keeps its name
    place = folder / target
    return [Copy(source, place / PurePosixPath(source).name if into else place) for source in sources]
