"""Digests of large files are kept, and never given for another content."""

import hashlib
import json
import os
import time

import pytest

from thesis_facts import digests
from thesis_facts.digests import file_digest

LIMIT = 1000  # bytes; stands for the size from which digests are kept


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, for files of any age from `LIMIT` on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "_KEPT_FROM", LIMIT)
    monkeypatch.setattr(digests, "_SETTLED_AFTER", 0)
    return tmp_path / "cache" / "thesis-ml" / "digests"


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "events.h5"
    path.write_bytes(b"a" * LIMIT)
    time.sleep(0.02)  # longer than a tick of the file system's clock
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plant(cache, digest="0" * 64):
    """Give the one entry a digest that tells where it came from."""
    (entry,) = cache.iterdir()
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"sha256": digest}))
    return digest


def test_a_large_file_is_hashed_once(cache, large, tmp_path):
    assert file_digest(large) == sha256(large)
    planted = plant(cache)
    (tmp_path / "link.h5").symlink_to(large)
    assert file_digest(large) == file_digest(tmp_path / "link.h5") == planted


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_file_is_hashed_again(cache, large, keep_time):
    file_digest(large)
    plant(cache)
    before = large.stat()
    time.sleep(0.02)
    large.write_bytes(b"b" * LIMIT)
    if keep_time:  # as `cp --preserve` or `rsync --times` do
        os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    time.sleep(0.02)
    assert file_digest(large) == sha256(large)
    assert file_digest(large) == sha256(large)  # and the new one is kept in the old one's place
    assert len(list(cache.iterdir())) == 1


def test_a_file_that_takes_anothers_name_is_hashed(cache, large, tmp_path):
    file_digest(large)
    plant(cache)
    (tmp_path / "other.h5").write_bytes(b"b" * LIMIT)
    os.replace(tmp_path / "other.h5", large)
    assert file_digest(large) == sha256(large)


def test_small_files_and_those_of_just_now_leave_no_trace(cache, large, tmp_path, monkeypatch):
    (tmp_path / "small").write_bytes(b"a" * (LIMIT - 1))
    file_digest(tmp_path / "small")
    monkeypatch.setattr(digests, "_SETTLED_AFTER", 5_000_000_000)
    assert file_digest(large) == sha256(large)
    assert not cache.exists()


def test_a_file_that_changes_while_it_is_read_is_not_kept(cache, large, monkeypatch):
    hash_whole = hashlib.file_digest

    def hash_and_change(file, name):
        digest = hash_whole(file, name)
        large.write_bytes(b"b" * LIMIT)
        return digest

    monkeypatch.setattr(hashlib, "file_digest", hash_and_change)
    file_digest(large)
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", "\0", '{"sha256": 3}', "not a digest"])
def test_a_damaged_entry_is_replaced(cache, large, damage):
    file_digest(large)
    (entry,) = cache.iterdir()
    whole = entry.read_text()
    if damage == "not a digest":
        plant(cache, damage)
    else:
        entry.write_text(damage)
    assert file_digest(large) == sha256(large)
    assert entry.read_text() == whole


def test_a_cache_that_cannot_be_written_is_done_without(cache, large):
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file, which stops root too")
    assert file_digest(large) == sha256(large)
    cache.parent.unlink()
    file_digest(large)
    (entry,) = cache.iterdir()
    entry.unlink()
    entry.mkdir()
    assert file_digest(large) == sha256(large)


def test_a_relative_cache_folder_is_not_used(cache, large, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    file_digest(large)
    assert not (tmp_path / "cache").exists()
    assert (tmp_path / "home" / ".cache" / "thesis-ml" / "digests").is_dir()
