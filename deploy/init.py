"""`python -m deploy.init`: set up or upgrade what the stack keeps. Run again, every step changes nothing.

It reads the environment that docker-compose.yaml gives its `init` service.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class InitFailed(Exception):
    """A step failed; the sentence says which, and why where that is known."""


def main() -> None:
    """Databases, bucket, datasets, administrator: in this order, because each is of no use without those before."""
    try:
        _step("Airflow's database", "airflow", "db", "migrate")
        _step("the ledger's database", sys.executable, "-m", "include.clients.ledger", "upgrade")
        make_bucket(os.environ["BUCKET"])
        make_repository(os.environ["DATASETS_REPOSITORY"])
        make_administrator(os.environ)
    except InitFailed as error:
        sys.exit(str(error))


def make_bucket(name: str) -> None:
    """Make the bucket, unless it is there. The AWS variables say where and with which keys."""
    try:
        with closing(boto3.Session().client("s3")) as s3:
            if not _is_there(s3, name):
                s3.create_bucket(Bucket=name)
    except (BotoCoreError, ClientError) as error:
        raise InitFailed(
            f"the bucket {name} cannot be reached or made: {error}. Check S3_ENDPOINT, S3_ACCESS_KEY and "
            "S3_SECRET_KEY; where the keys may not make buckets, make it by hand"
        ) from None


def _is_there(s3: "S3Client", name: str) -> bool:
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def make_repository(place: str) -> None:
    """Make a bare git repository where the place is a path and nothing is there; a URL is somebody else's."""
    if place.startswith("/") and not Path(place, "HEAD").exists():
        _step("the datasets' repository", "git", "init", "--quiet", "--bare", "--initial-branch=main", place)


def make_administrator(environment: Mapping[str, str]) -> None:
    """Make the first user of Airflow. One who is there keeps the password they have.

    The password goes through standard input, where Airflow asks for it twice: others can read a command line.
    """
    name, password = environment["ADMIN_USERNAME"], environment["ADMIN_PASSWORD"]
    command = ["airflow", "users", "create", "--username", name, "--role", "Admin", "--email", f"{name}@localhost"]
    command += ["--firstname", name, "--lastname", "Labelcycle"]
    _step("Airflow's administrator", *command, answers=f"{password}\n{password}\n")


def _step(what: str, *command: str, answers: str = "") -> None:
    # In a session of its own a program finds no terminal to ask on, and reads the answers.
    code = subprocess.run(command, input=answers, text=True, check=False, start_new_session=True).returncode
    if code:
        raise InitFailed(f"setting up {what} failed with code {code}; its own words stand above")


if __name__ == "__main__":
    main()
