"""The folders renderers read: one body for those on disk and in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.sim.render.folder import DiskFolder, Folder, MemoryFolder, OutOfBounds, TooLarge, clean, is_directory

FILES = {"top": b"1", "a/b/c.yaml": b"2", "a/x": b"3", "a-b/y": b"4"}
Make = Callable[[], Folder]


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "memory":
        return MemoryFolder(FILES)
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return DiskFolder(tmp_path)


def test_reading(folder: Folder) -> None:
    assert folder.read("a/b/c.yaml") == folder.read("./a//b/../b/c.yaml") == b"2"
    assert folder.list("") == folder.list(".") == ["a-b/", "a/", "top"]
    assert folder.list("a") == folder.list("a/") == ["b/", "x"]
    assert [folder.exists(path) for path in ("", "a", "top", "a/b/c.yaml", "b")] == [True] * 4 + [False]
    assert is_directory(folder, "a")
    assert not is_directory(folder, "top")
    for path in ("none", "a", "top/x", ""):
        with pytest.raises(KeyError):
            folder.read(path)
    for path in ("none", "top"):
        with pytest.raises(KeyError):
            folder.list(path)


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "/etc/passwd", "a\0b"])
def test_paths_that_leave_the_root(folder: Folder, path: str) -> None:
    with pytest.raises(OutOfBounds):
        folder.read(path)
    with pytest.raises(OutOfBounds):
        folder.list(path)
    assert not folder.exists(path)


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [("", ""), (".", ""), ("./", ""), ("a/", "a"), ("a//b/./c/..", "a/b"), ("a/..", ""), ("...", "...")],
)
def test_clean(path: str, cleaned: str) -> None:
    assert clean(path) == cleaned


def test_links_on_disk(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("secret")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a/file").write_text("in")
    (root / "inside").symlink_to("a/file")
    (root / "folder").symlink_to("a")
    (root / "out").symlink_to("../outside")
    (root / "absolute").symlink_to(outside)
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "a/up").symlink_to("../..")
    folder = DiskFolder(root)
    assert folder.read("inside") == folder.read("folder/file") == b"in"
    assert folder.list("") == ["a/", "absolute", "folder/", "inside", "loop", "out", "up"]
    for path in ("out", "absolute", "up/outside", "folder/up/outside"):
        with pytest.raises(OutOfBounds):
            folder.read(path)
        assert not folder.exists(path)
    with pytest.raises(KeyError):
        folder.read("loop")


def test_neighbours_with_the_roots_name_are_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root-2").write_text("x")
    (tmp_path / "root/link").symlink_to("../root-2")
    with pytest.raises(OutOfBounds):
        DiskFolder(tmp_path / "root").read("link")


def test_only_files_of_bounded_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)
    folder = DiskFolder(tmp_path, limit=10)
    with pytest.raises(KeyError):
        folder.read("pipe")
    with pytest.raises(TooLarge, match="large is larger than 10 bytes"):
        folder.read("large")
