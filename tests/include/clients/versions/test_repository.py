"""Real git, real DVC, S3 by moto over HTTP. A release costs seconds of DVC's imports, so the first one is shared."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from include.clients.versions import DataRemote, DatasetRepository, Published, PushRefusedError, Tag, VersionsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY, SECRET = "AKIDOFTHETESTS", "sEcReT/of+the+tests"
MESSAGE = "signs signs-v1.0.0\n\nLabelcycle-Digest: 5f70bf18\n"
FIRST = {"annotations/train.json": b'{"images": [1]}', "manifest.jsonl": b'{"uri": "s3://photos/1.jpg"}\n'}
SECOND = FIRST | {"annotations/train.json": b'{"images": [1, 2]}', "annotations/val.json": b'{"images": [3]}'}


def writer(files: dict[str, bytes]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)

    return write


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def git(bare: str, *arguments: str) -> str:
    identity = ("-c", "user.name=Other", "-c", "user.email=other@example.org")
    command = ("git", "--git-dir", bare, *identity, *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def objects(s3: "S3Client", data: DataRemote) -> dict[str, str]:
    bucket, _, prefix = data.url.removeprefix("s3://").partition("/")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {item["Key"].rpartition("/")[2]: item["Key"] for item in found}


@pytest.fixture(scope="module", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """DVC's modules are compiled once, not at every call, even where Python was told to keep no bytecode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture(scope="module")
def data(s3: "S3Client", s3_endpoint: str) -> DataRemote:
    bucket = f"datasets-{uuid4()}"
    s3.create_bucket(Bucket=bucket)
    return DataRemote(f"s3://{bucket}/dvc", "us-east-1", s3_endpoint, KEY, SECRET)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, data: DataRemote) -> tuple[DatasetRepository, Published]:
    """A repository that was empty, and its first version. Tests that write work on copies of it."""
    folder = tmp_path_factory.mktemp("first")
    subprocess.run(("git", "init", "--quiet", "--bare", str(folder / "datasets.git")), check=True)
    repository = DatasetRepository(str(folder / "datasets.git"), "main", "Releaser", "releaser@example.org", data)
    return repository, repository.publish("signs-v1.0.0", "signs", MESSAGE, writer(FIRST))


@pytest.fixture
def repository(first: tuple[DatasetRepository, Published], tmp_path: Path) -> DatasetRepository:
    shutil.copytree(first[0].url, tmp_path / "datasets.git")
    (tmp_path / "scratch").mkdir()
    return replace(first[0], url=str(tmp_path / "datasets.git"), scratch=tmp_path / "scratch")


def refuse_pushes(repository: DatasetRepository, script: str, name: str = "pre-receive") -> Path:
    hook = Path(repository.url, "hooks", name)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    return hook


def dvc_get(repository: DatasetRepository, tag: str, folder: Path) -> dict[str, bytes]:
    """What a user gets, with the bucket's access in the environment and an empty HOME."""
    access = {"AWS_ENDPOINT_URL": repository.data.endpoint_url or "", "AWS_ACCESS_KEY_ID": KEY}
    own = {"AWS_SECRET_ACCESS_KEY": SECRET, "HOME": str(folder), "DVC_SITE_CACHE_DIR": str(folder / "cache")}
    command = (sys.executable, "-m", "dvc", "get", repository.url, "signs", "--rev", tag, "--out", "got")
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=os.environ | access | own)
    return files_in(folder / "got")


def test_the_first_version_of_an_empty_repository(first: tuple[DatasetRepository, Published]) -> None:
    repository, published = first
    assert git(repository.url, "cat-file", "-t", "signs-v1.0.0") == "tag"
    assert git(repository.url, "rev-parse", "main", "signs-v1.0.0^{commit}").split() == [published.commit] * 2
    assert git(repository.url, "log", "-1", "--format=%an <%ae> %cn", "main") == (
        "Releaser <releaser@example.org> Releaser"
    )
    assert git(repository.url, "show", "main:.dvc/config").split() == (
        ["[core]", "remote", "=", "storage", "['remote", '"storage"\']', "url", "=", repository.data.url]
    )
    assert published.dvc_md5 in git(repository.url, "show", "main:signs.dvc")
    assert not published.already


def test_git_tracks_the_pointer_and_not_the_data(first: tuple[DatasetRepository, Published]) -> None:
    tracked = git(first[0].url, "ls-tree", "-r", "--name-only", "main").split()
    assert tracked == [".dvc/.gitignore", ".dvc/config", ".dvcignore", ".gitignore", "signs.dvc"]


def test_no_key_is_in_the_repository(first: tuple[DatasetRepository, Published], data: DataRemote) -> None:
    command = ("git", "--git-dir", first[0].url, "cat-file", "--batch-all-objects", "--batch")
    everything = subprocess.run(command, check=True, capture_output=True).stdout
    assert data.url.encode() in everything
    assert KEY.encode() not in everything
    assert SECRET.encode() not in everything
    assert SECRET not in repr(first[0])


def test_publishing_again_changes_nothing(first: tuple[DatasetRepository, Published]) -> None:
    repository, published = first
    before = git(repository.url, "for-each-ref")
    again = repository.publish("signs-v1.0.0", "signs", "another message", writer(SECOND))
    assert again == replace(published, already=True)
    assert git(repository.url, "for-each-ref") == before


@pytest.mark.slow
def test_a_tag_is_made_once_though_its_first_push_failed(
    repository: DatasetRepository, s3: "S3Client", tmp_path: Path
) -> None:
    """As after a kill between `dvc push` and `git push`: data without a tag is harmless, and is taken up again."""
    hook = refuse_pushes(repository, "echo closed on Sundays; exit 1")
    before, stored = git(repository.url, "for-each-ref"), len(objects(s3, repository.data))
    with pytest.raises(PushRefusedError, match=r"closed on Sundays.*hook declined.*The git server's rules"):
        repository.publish("signs-v1.1.0", "signs", "two", writer(SECOND))
    assert git(repository.url, "for-each-ref") == before
    assert len(objects(s3, repository.data)) == stored + 3  # two files and their list came before the references
    hook.unlink()

    second = repository.publish("signs-v1.1.0", "signs", "two", writer(SECOND))
    assert [tag.name for tag in repository.tags()] == ["signs-v1.0.0", "signs-v1.1.0"]
    assert git(repository.url, "rev-list", "--count", "main") == "3"  # init and two versions
    assert not second.already
    assert dvc_get(repository, "signs-v1.0.0", tmp_path) == FIRST
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.slow
def test_another_writer_moves_the_branch(repository: DatasetRepository) -> None:
    def move_branch(folder: Path) -> None:
        if git(repository.url, "rev-list", "--count", "main") == "2":
            commit = git(repository.url, "commit-tree", "main^{tree}", "-p", "main", "-m", "by another")
            git(repository.url, "update-ref", "refs/heads/main", commit)
        writer({"one.json": b"1"})(folder)

    repository.publish("signs-v1.1.0", "signs", "ours", move_branch)
    assert git(repository.url, "log", "--format=%s", "main").splitlines() == (
        ["ours", "by another", "signs signs-v1.0.0", "Keep datasets with DVC"]
    )


def test_a_push_whose_answer_is_lost_has_worked(repository: DatasetRepository) -> None:
    refuse_pushes(repository, "kill -9 $PPID", name="post-receive")
    published = repository.publish("signs-v1.1.0", "signs", "two", writer({"two.json": b"2"}))
    assert published.commit == git(repository.url, "rev-parse", "signs-v1.1.0^{commit}")


def test_an_unreachable_bucket_makes_no_tag(repository: DatasetRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # botocore's own setting: do not wait between attempts
    nowhere = replace(repository, data=replace(repository.data, endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(VersionsError, match=r"dvc push.*127\.0\.0\.1:9.*See that the S3 endpoint") as caught:
        nowhere.publish("signs-v1.1.0", "signs", "two", writer({"three.json": b"3"}))
    assert [tag.name for tag in repository.tags()] == ["signs-v1.0.0"]
    assert SECRET not in str(caught.value)
    assert list(Path(str(repository.scratch)).iterdir()) == []


def test_data_that_the_remote_has_lost_gets_no_tag(repository: DatasetRepository, s3: "S3Client") -> None:
    """`dvc push` finds the folder's list in the remote and believes that its files are there."""
    bucket = repository.data.url.split("/")[2]
    lost = "78546d6f95d7a2de0f60af847ef7fe"  # MD5 of b'{"images": [1]}' less its first two digits
    key = objects(s3, repository.data)[lost]
    s3.delete_object(Bucket=bucket, Key=key)
    try:
        with pytest.raises(VersionsError, match=f"s3://{bucket}/{key} is missing"):
            repository.publish("signs-v1.1.0", "signs", "the same data", writer(FIRST))
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=FIRST["annotations/train.json"])
    assert [tag.name for tag in repository.tags()] == ["signs-v1.0.0"]


def test_tags_come_in_the_order_of_their_versions(repository: DatasetRepository) -> None:
    commit = git(repository.url, "rev-parse", "main")
    git(repository.url, "tag", "-a", "-m", "ten\n\nLabelcycle-Digest: 10", "signs-v1.10.0", "main")
    git(repository.url, "tag", "-a", "-m", "nine", "signs-v1.9.0", "main")
    git(repository.url, "tag", "other-v1.0.0", "main")
    assert repository.tags("signs-") == (
        Tag("signs-v1.0.0", commit, MESSAGE.strip()),
        Tag("signs-v1.9.0", commit, "nine"),
        Tag("signs-v1.10.0", commit, "ten\n\nLabelcycle-Digest: 10"),
    )
    assert repository.tags("other-") == (
        Tag("other-v1.0.0", commit, "signs signs-v1.0.0\n\nLabelcycle-Digest: 5f70bf18"),
    )
    assert repository.tags("none-") == ()


def test_a_file_is_read_as_it_was_at_the_tag(first: tuple[DatasetRepository, Published]) -> None:
    assert first[1].dvc_md5.encode() in first[0].read("signs-v1.0.0", "signs.dvc")
    with pytest.raises(VersionsError, match=r"nothing\.json"):
        first[0].read("signs-v1.0.0", "nothing.json")


def test_a_repository_with_its_data_elsewhere_is_left_alone(repository: DatasetRepository) -> None:
    moved = replace(repository, data=replace(repository.data, url="s3://elsewhere/dvc"))
    with pytest.raises(
        VersionsError, match=r"keeps the data in s3://datasets-.*but the project says s3://elsewhere/dvc"
    ):
        moved.publish("signs-v1.1.0", "signs", "two", writer(SECOND))


def test_a_failing_writer_leaves_nothing(repository: DatasetRepository) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.json").write_bytes(b"{")
        raise RuntimeError("no annotations")

    with pytest.raises(RuntimeError, match="no annotations"):
        repository.publish("signs-v1.1.0", "signs", "two", fail)
    with pytest.raises(VersionsError, match="no file was written into signs/"):
        repository.publish("signs-v1.1.0", "signs", "two", writer({}))
    assert list(Path(str(repository.scratch)).iterdir()) == []


def test_the_git_settings_of_the_user_change_nothing(
    repository: DatasetRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ignored").write_text("*.dvc\n")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "hooks" / "pre-commit").chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[core]\nhooksPath = {tmp_path}/hooks\nexcludesFile = {tmp_path}/ignored\n"
        "[commit]\ngpgSign = true\n[tag]\ngpgSign = true\n[gpg]\nprogram = false\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))  # as inside a git hook
    with repository._clone() as clone:
        (clone.folder / "signs.dvc").write_text("outs: []\n")
        clone.commit("x")
        clone.git("tag", "--annotate", "--message=x", "v1")
        assert clone.git("show", "v1:signs.dvc") == b"outs: []\n"


def test_a_git_server_that_never_answers_is_waited_for_until_the_deadline(repository: DatasetRepository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = replace(repository, url=f"git://127.0.0.1:{server.getsockname()[1]}/datasets", seconds=2)
        with pytest.raises(VersionsError, match=r"ls-remote.*still running after 2 s.*See that the git server"):
            silent.publish("signs-v1.1.0", "signs", "two", writer(SECOND))


def test_a_missing_repository_says_what_to_look_at(repository: DatasetRepository, tmp_path: Path) -> None:
    with pytest.raises(VersionsError, match=r"ls-remote.*See that the git URL is right"):
        replace(repository, url=str(tmp_path / "typo.git")).publish("v1", "signs", "x", writer(FIRST))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"url": "https://ci:token@git.example.org/datasets.git"}, "holds a user name or password"),
        ({"url": "https://token@git.example.org/datasets.git"}, "holds a user name or password"),
        ({"url": "datasets.git"}, "absolute path"),
        ({"author_email": " "}, "e-mail address of an author"),
    ],
)
def test_settings_that_cannot_work(
    first: tuple[DatasetRepository, Published], changed: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        replace(first[0], **changed)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "/signs", "../signs", "a/../b", ".dvc", "-f"])
def test_paths_outside_of_the_repository(first: tuple[DatasetRepository, Published], path: str) -> None:
    with pytest.raises(ValueError, match="cannot be a folder of a dataset repository"):
        first[0].publish("v1", path, "x", writer(FIRST))
