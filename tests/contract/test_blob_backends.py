import errno
import os
from pathlib import Path

import pytest

from digistore.files import BlobBackend
from digistore.files.local import LocalBackend
from digistore.files.memory import MemoryBackend
from digistore.testing.blobs import BlobBackendContract
from tests.s3 import S3


class TestLocalBackend(BlobBackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> BlobBackend:
        return LocalBackend(tmp_path / "files")


class TestLocalBackendWithoutDescriptors(BlobBackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> BlobBackend:
        return LocalBackend(tmp_path / "files", descriptors=False)


class TestLocalBackendWithoutHardLinks(BlobBackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobBackend:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)  # as exFAT and some network disks do
        return LocalBackend(tmp_path / "files")


class TestMemoryBackend(BlobBackendContract):
    @pytest.fixture
    def backend(self) -> BlobBackend:
        return MemoryBackend()


class TestS3Backend(BlobBackendContract):
    @pytest.fixture
    def backend(self, s3: S3) -> BlobBackend:
        return s3.backend(s3.bucket())


class TestS3BackendBelowAPrefix(BlobBackendContract):
    @pytest.fixture
    def backend(self, s3: S3) -> BlobBackend:
        return s3.backend(f"{s3.bucket()}/shops/first")
