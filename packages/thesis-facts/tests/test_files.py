"""Files named by their content."""

import hashlib

from thesis_facts import describe_file


def test_a_file_is_named_by_size_and_content(tmp_path):
    path = tmp_path / "events.h5"
    path.write_bytes(b"events" * 1000)
    digest = hashlib.sha256(b"events" * 1000).hexdigest()
    assert describe_file(path) == {"path": str(path), "size": 6000, "sha256": digest}


def test_what_is_not_at_hand_is_null(tmp_path):
    for path in (tmp_path / "missing.h5", tmp_path):  # a folder has no content of its own
        described = describe_file(path)
        assert (described["path"], described["sha256"]) == (str(path), None)
