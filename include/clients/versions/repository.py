"""The versions of a dataset: publish one, list them, read what git tracks of them."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import yaml

from include.clients.versions.clone import Clone
from include.clients.versions.errors import PushRefusedError, VersionsError
from include.clients.versions.remote import DataRemote

log = logging.getLogger(__name__)

ATTEMPTS = 3  # at a branch that others move


@dataclass(frozen=True, slots=True)
class Published:
    """A version that is in the remote. `dvc_md5` is DVC's hash of the folder; `already`: the tag was there before."""

    tag: str
    commit: str
    dvc_md5: str
    already: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the remote: the commit that it names, and its message with the trailer lines."""

    name: str
    commit: str
    message: str


@dataclass(frozen=True, slots=True)
class DatasetRepository:
    """The dataset versions of one git repository, made and read without a lasting clone.

    `url` is git's (an absolute path, ssh or https); a password in it is refused (ValueError): it would get into logs.
    `scratch` is where temporary clones are made (by default the system's temporary folder): it needs room for the data
    of one version. No command runs longer than `seconds`. All methods raise VersionsError.
    """

    url: str
    branch: str
    author_name: str
    author_email: str
    data: DataRemote
    scratch: Path | None = None
    seconds: float = 3600.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.password or (parts.username and parts.scheme in {"http", "https"}):
            raise ValueError(
                f"The URL of the git repository at {parts.hostname} holds a user name or password: "
                "take it out, and give it to git by a credential helper, or use ssh"
            )
        if not parts.scheme and ":" not in self.url and not Path(self.url).is_absolute():
            raise ValueError(f"The git repository {self.url!r} must be given by a URL or an absolute path")
        if not self.author_name.strip() or not self.author_email.strip():
            raise ValueError(f"Releases in {self.url} need the name and the e-mail address of an author")

    def check(self) -> None:
        """See within 20 s that git reaches the repository and may read it; nothing is changed."""
        with replace(self, seconds=20.0)._clone() as clone:
            clone.git("ls-remote", "--", self.url, f"refs/heads/{self.branch}")

    def publish(self, tag: str, path: str, message: str, write: Callable[[Path], None]) -> Published:
        """Make a version of what `write` puts into the empty folder that it is given.

        `path` is where that folder is in the repository; `message` is the commit's and the tag's. If the tag is there,
        nothing is made or changed. If another writer moves the branch meanwhile, all is done again on top of its work,
        `write` included. Wherever it fails, the tag is not there, and the next call makes it.
        """
        _check_path(path)
        for attempt in range(1, ATTEMPTS + 1):
            heads = self._heads(tag)
            if commit := heads.get(f"refs/tags/{tag}^{{}}") or heads.get(f"refs/tags/{tag}"):
                return Published(tag, commit, _md5(self.read(tag, f"{path}.dvc")), already=True)
            try:
                return self._make(tag, path, message, write, on=heads.get(f"refs/heads/{self.branch}"))
            except PushRefusedError as error:
                # What the remote holds now decides, not the words of the refusal: servers differ in them, and a push
                # whose answer got lost may have worked.
                if self._heads(tag) == heads:
                    raise
                log.warning("%s: %s moved while %s was made (attempt %d)", error, self.branch, tag, attempt)
        raise VersionsError(
            f"Others moved {self.branch} of {self.url} {ATTEMPTS} times while {tag} was made. "
            "See what else pushes there, and release again"
        )

    def tags(self, prefix: str = "") -> tuple[Tag, ...]:
        """The remote's tags whose names begin with `prefix`, in the order of their versions (v1.9 before v1.10)."""
        fields = "%00".join(("%(refname:strip=2)", "%(*objectname)", "%(objectname)", "%(contents)", ""))
        pattern = f"refs/tags/{prefix}*"
        with self._clone() as clone:
            if not clone.git("ls-remote", "--", self.url, pattern):
                return ()  # a shallow fetch of nothing fails
            clone.fetch(self.url, f"+{pattern}:{pattern}")
            text = clone.git("for-each-ref", "--sort=version:refname", f"--format={fields}", "refs/tags").decode()
        values = [value.strip() for value in text.split("\0")[:-1]]
        rows = zip(values[0::4], values[1::4], values[2::4], values[3::4], strict=True)
        return tuple(Tag(name, peeled or plain, message) for name, peeled, plain, message in rows)

    def read(self, tag: str, path: str) -> bytes:
        """A file that git itself tracks, as it is at the tag: a `.dvc` file, not the data that it points to."""
        with self._clone() as clone:
            clone.fetch(self.url, f"+refs/tags/{tag}:refs/tags/{tag}")
            return clone.git("show", f"refs/tags/{tag}:{path}")

    def fetch(self, tag: str, path: str, folder: Path) -> None:
        """The data of a version into a folder, which must not be there."""
        _check_path(path)
        with self._clone() as clone:
            clone.dvc("get", self.url, path, "--rev", tag, "--out", str(folder))

    def _heads(self, tag: str) -> dict[str, str]:
        """What the branch and the tag are in the remote, by reference; `…^{}` is the commit of an annotated tag."""
        refs = (f"refs/heads/{self.branch}", f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}")
        with self._clone() as clone:
            lines = clone.git("ls-remote", "--", self.url, *refs).decode().splitlines()
        return {ref: id_ for id_, _, ref in (line.partition("\t") for line in lines) if ref in refs}

    def _make(self, tag: str, path: str, message: str, write: Callable[[Path], None], on: str | None) -> Published:
        """Make the version on top of a commit of the branch, or of nothing. The data goes before the references."""
        branch = f"refs/heads/{self.branch}"
        with self._clone() as clone:
            if on:
                clone.fetch(self.url, branch)
                clone.git("reset", "--quiet", "--hard", "FETCH_HEAD")
            clone.prepare()
            _write(clone.folder / path, write)
            clone.push_data(path)
            clone.commit(message)
            clone.git("tag", "--annotate", "--cleanup=whitespace", f"--message={message}", "--", tag)
            commit = clone.git("rev-parse", "HEAD").decode().strip()
            md5 = _md5(clone.git("show", f"HEAD:{path}.dvc"))
            try:
                clone.git("push", "--quiet", "--atomic", "--", self.url, f"HEAD:{branch}", f"refs/tags/{tag}")
            except VersionsError as error:
                raise PushRefusedError(str(error)) from None
        return Published(tag, commit, md5, already=False)

    @contextmanager
    def _clone(self) -> Iterator[Clone]:
        with tempfile.TemporaryDirectory(prefix="labelcycle-versions-", dir=self.scratch) as temporary:
            clone = Clone(Path(temporary), self.branch, self.author_name, self.author_email, self.data, self.seconds)
            clone.start()
            yield clone


def _check_path(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "-")) or any(part.startswith(".") for part in parts):
        raise ValueError(f"{path!r} cannot be a folder of a dataset repository: it must look like street_signs")


def _write(folder: Path, write: Callable[[Path], None]) -> None:
    if folder.exists():
        raise VersionsError(
            f"git itself tracks files in {folder.name}/ of the repository: move them, DVC needs the name"
        )
    folder.mkdir(parents=True)
    write(folder)
    if not any(file.is_file() for file in folder.rglob("*")):
        raise VersionsError(f"There is nothing to release: no file was written into {folder.name}/")


def _md5(pointer: bytes) -> str:
    """DVC's hash of the one thing that a `.dvc` file points to."""
    return str(yaml.safe_load(pointer)["outs"][0]["md5"])
