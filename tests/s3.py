"""A real S3 server for tests, over HTTP on a free loopback port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer

from digistore.files import BlobBackend, open_backend

CREDENTIALS = {"key": "testing", "secret": "testing-secret"}


@dataclass(frozen=True, slots=True)
class S3:
    """The server, and a client of another library that looks at what is there."""

    endpoint: str
    client: Any

    def bucket(self) -> str:
        """Make an empty bucket."""
        name = f"shop-{uuid4()}"
        self.client.create_bucket(Bucket=name)
        return name

    def backend(self, place: str, **options: Any) -> BlobBackend:
        """Open a bucket, or a prefix of it, as a place for files."""
        return open_backend(
            f"s3://{place}", endpoint_url=self.endpoint, **{**CREDENTIALS, **options}
        )

    def keys(self, bucket: str) -> list[str]:
        found = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [one["Key"] for one in found]

    def pending(self, bucket: str) -> list[str]:
        found = self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return [one["Key"] for one in found]


@contextmanager
def running_s3() -> Iterator[S3]:
    """Run a server until the end of a block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["key"],
        aws_secret_access_key=CREDENTIALS["secret"],
    )
    try:
        yield S3(endpoint, client)
    finally:
        client.close()
        server.stop()
