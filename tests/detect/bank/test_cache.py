"""Where the compiled core is kept when nothing can be written."""

import os
from pathlib import Path

import pytest

from floodmark.detect.bank import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "kernel.nbi").write_bytes(b"compiled")
    monkeypatch.setattr(cache.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def test_a_folder_that_can_be_written_is_used_as_it_is(folder):
    cache.readable()
    assert str(folder) == cache.config.CACHE_DIR


def test_a_folder_that_can_only_be_read_is_copied_to_one_of_our_own(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    cache.readable()
    copy = Path(cache.config.CACHE_DIR)
    assert copy != folder
    assert (copy / "bank" / "kernel.nbi").read_bytes() == b"compiled"
    assert copy.stat().st_mode & 0o077 == 0  # what lies there is run as code


def test_without_a_place_for_files_it_is_compiled(folder, monkeypatch):
    def nowhere(**_):
        raise OSError("Read-only file system")

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(cache.tempfile, "mkdtemp", nowhere)
    cache.readable()
    assert str(folder) == cache.config.CACHE_DIR


@pytest.mark.parametrize("setting", ["", "/not/there"])
def test_no_folder_is_no_matter(setting, monkeypatch):
    monkeypatch.setattr(cache.config, "CACHE_DIR", setting)
    cache.readable()
    assert setting == cache.config.CACHE_DIR
