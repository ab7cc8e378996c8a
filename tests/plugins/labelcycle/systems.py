"""Systems that refuse: an S3 that knows users and their rights, servers with one answer, ports where nobody listens."""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import httpx


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class S3:
    """moto with the rights of its users enforced; `keys` are access and secret key by user."""

    url: str
    keys: Mapping[str, tuple[str, str]]

    def connection(self, user: str = "all", **changes: str) -> dict[str, object]:
        """An Airflow connection of that user."""
        access, secret = self.keys[user]
        extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
        fields = {"conn_type": "aws", "login": access, "password": secret, "extra": extra}
        return fields | changes

    def keys_in(self, bucket: str) -> list[str]:
        """What a bucket holds."""
        with closing(_client("s3", self.url, self.keys["all"])) as client:
            return [row["Key"] for row in client.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        """What an object holds."""
        with closing(_client("s3", self.url, self.keys["all"])) as client:
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return content

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Let an object hold this."""
        with closing(_client("s3", self.url, self.keys["all"])) as client:
            client.put_object(Bucket=bucket, Key=key, Body=content)


RIGHTS = {
    "all": ["s3:*"],
    "cannot list": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
    "cannot write": ["s3:GetObject", "s3:ListBucket"],
}


@contextmanager
def serve_s3(*buckets: str) -> Iterator[S3]:
    """An S3 with these buckets and a user for each of RIGHTS."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(url, server)
            yield S3(url, _set_up(url, buckets))
        finally:
            server.kill()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            httpx.get(f"{url}/moto-api/")
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("moto did not start")


def _set_up(url: str, buckets: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    anybody = ("setting", "up")
    keys: dict[str, tuple[str, str]] = {"unknown": anybody}
    with closing(_client("s3", url, anybody)) as s3, closing(_client("iam", url, anybody)) as iam:
        for bucket in buckets:
            s3.create_bucket(Bucket=bucket)
        for number, (user, actions) in enumerate(RIGHTS.items()):
            name = f"user{number}"
            rule = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            iam.create_user(UserName=name)
            document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
            iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            keys[user] = (key["AccessKeyId"], key["SecretAccessKey"])
    httpx.post(f"{url}/moto-api/reset-auth", content=b"0").raise_for_status()  # from now on rights are enforced
    return keys | {"wrong secret": (keys["all"][0], "wrong")}


def _client(service: str, url: str, keys: tuple[str, str]):  # type: ignore[no-untyped-def]
    access, secret = keys
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
    )


@dataclass
class OneAnswer:
    """A server that answers everything in one way, and keeps the headers that it was sent."""

    url: str
    asked: list[Mapping[str, str]]


@contextmanager
def answering(status: int, body: str, content_type: str = "text/plain") -> Iterator[OneAnswer]:
    """A server with this one answer."""
    asked: list[Mapping[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(dict(self.headers))
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield OneAnswer(f"http://127.0.0.1:{server.server_port}", asked)
        server.shutdown()


@contextmanager
def refusing_postgres(message: str) -> Iterator[int]:
    """The port of a PostgreSQL that lets nobody in. The error's form is the protocol's (PostgreSQL: message formats),
    its words those of PostgreSQL 15."""
    fields = b"SFATAL\0VFATAL\0C28P01\0M" + message.encode() + b"\0\0"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    while struct.unpack("!i", client.recv(4096)[4:8])[0] in (80877103, 80877104):
                        client.sendall(b"N")  # neither TLS nor GSS
                    client.sendall(b"E" + struct.pack("!i", 4 + len(fields)) + fields)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
