"""The artifact cache, on real files and with real processes."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from navcore.domain import Failure, FailureKind, Signature, TensorSpec
from navcore.errors import UsageError
from navcore.store.cache import CACHEABLE_FAILURES, ArtifactCache, CachedBuild, CachedFailure, open_cache

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")
FAILURE = Failure(FailureKind.EXCEPTION, "ValueError: no such operator", "use opset 18", "logs/build-onnx.log")
BIG = 1_000_000


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def size(cache: ArtifactCache) -> int:
    return sum(entry.size_bytes for entry in cache.entries())


@pytest.fixture
def cache(tmp_path: Path) -> ArtifactCache:
    return ArtifactCache(tmp_path / "cache", BIG)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A folder with a main file, a side file that may be executed, a folder in a folder, and an empty folder."""
    folder = tmp_path / "artifact"
    (folder / "weights" / "deep").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "model.onnx").write_bytes(b"graph" * 100)
    (folder / "weights" / "deep" / "data.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "run.so").write_bytes(b"code")
    (folder / "run.so").chmod(0o755)
    return folder


def tree(folder: Path) -> dict[str, bytes | None]:
    """Contents by path; None for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def stored(cache: ArtifactCache, text: str, artifact: Path, last_used: float | None = None) -> str:
    assert cache.store(key(text), artifact, "model.onnx", SIGNATURE, tool="onnx", route=f"onnx/{text}")
    if last_used is not None:
        os.utime(cache.root / "entries" / key(text) / "entry.json", (last_used, last_used))
    return key(text)


def found(cache: ArtifactCache, name: str) -> CachedBuild:
    cached = cache.lookup(name)
    assert isinstance(cached, CachedBuild)
    return cached


def test_what_was_stored_comes_back_the_same(cache: ArtifactCache, artifact: Path, tmp_path: Path) -> None:
    cached = found(cache, stored(cache, "a", artifact))

    assert ("model.onnx", SIGNATURE) == (cached.main, cached.signature)
    assert cache.restore(cached, tmp_path / "out")
    assert tree(artifact) == tree(tmp_path / "out")
    assert os.access(tmp_path / "out" / "run.so", os.X_OK)


def test_a_folder_can_be_the_main_thing(cache: ArtifactCache, artifact: Path) -> None:
    cache.store(key("a"), artifact, "weights", SIGNATURE)

    assert "weights" == found(cache, key("a")).main


def test_an_unknown_key_is_a_miss_and_makes_nothing(cache: ArtifactCache) -> None:
    assert cache.lookup(key("a")) is None
    assert () == cache.entries() == cache.gc() == cache.clear()
    assert not cache.root.exists()


def test_a_key_is_a_sha256(cache: ArtifactCache) -> None:
    with pytest.raises(ValueError, match=r"key='\.\./x' is not a SHA-256"):
        cache.lookup("../x")


def test_files_are_real_ones_on_both_sides(cache: ArtifactCache, artifact: Path, tmp_path: Path) -> None:
    cached = found(cache, stored(cache, "a", artifact))
    cache.restore(cached, tmp_path / "out")
    files = [path for folder in (cached.folder, tmp_path / "out") for path in folder.rglob("*") if path.is_file()]

    assert 6 == len(files)
    assert [] == [path for path in files if path.is_symlink() or path.stat().st_nlink != 1]


def test_writing_to_a_restored_file_does_not_change_the_cache(
    cache: ArtifactCache, artifact: Path, tmp_path: Path
) -> None:
    name = stored(cache, "a", artifact)
    cache.restore(found(cache, name), tmp_path / "out")
    (tmp_path / "out" / "model.onnx").write_bytes(b"other")

    assert cache.restore(found(cache, name), tmp_path / "again")
    assert tree(artifact) == tree(tmp_path / "again")


def test_links_are_not_stored(
    cache: ArtifactCache, artifact: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (artifact / "secret").symlink_to(tmp_path)

    assert not cache.store(key("a"), artifact, "model.onnx", SIGNATURE)
    assert "is a link or a special file" in caplog.text
    assert cache.lookup(key("a")) is None


def test_restoring_into_a_folder_with_contents_is_a_mistake(cache: ArtifactCache, artifact: Path) -> None:
    cached = found(cache, stored(cache, "a", artifact))

    with pytest.raises(ValueError, match="is not empty"):
        cache.restore(cached, artifact)


@pytest.mark.parametrize("damage", ["changed", "truncated", "missing", "link"])
def test_a_damaged_entry_is_a_miss_and_dropped(
    damage: str, cache: ArtifactCache, artifact: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached = found(cache, stored(cache, "a", artifact))
    file = cached.folder / "weights" / "deep" / "data.bin"
    content = file.read_bytes()
    file.unlink()
    if damage == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        file.symlink_to(tmp_path / "elsewhere")
    elif damage != "missing":
        file.write_bytes(content[:-1] if damage == "truncated" else content[:-1] + b"!")

    assert not cache.restore(cached, tmp_path / "out")
    assert [] == os.listdir(tmp_path / "out")
    assert "is damaged and was dropped" in caplog.text
    assert cache.lookup(cached.key) is None
    assert stored(cache, "a", artifact)
    assert cache.restore(found(cache, cached.key), tmp_path / "out")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 99}', '{"schema": 1, "key": "KEY", "tool": "", "route": ""}', "\udce9"]
)
def test_a_damaged_record_is_a_miss_and_dropped(text: str, cache: ArtifactCache, artifact: Path) -> None:
    name = stored(cache, "a", artifact)
    record = cache.root / "entries" / name / "entry.json"
    record.write_bytes(text.replace("KEY", name).encode(errors="surrogateescape"))

    assert cache.lookup(name) is None
    assert not record.parent.exists()


def test_a_record_that_leads_outside_its_entry_is_damaged(cache: ArtifactCache, artifact: Path, tmp_path: Path) -> None:
    name = stored(cache, "a", artifact)
    record = cache.root / "entries" / name / "entry.json"
    record.write_text(record.read_text().replace('"run.so"', '"../../run.so"'))

    assert cache.lookup(name) is None


def test_an_entry_that_vanishes_between_lookup_and_restore_is_a_miss(
    cache: ArtifactCache, artifact: Path, tmp_path: Path
) -> None:
    cached = found(cache, stored(cache, "a", artifact))
    cache.clear()

    assert not cache.restore(cached, tmp_path / "out")
    assert [] == os.listdir(tmp_path / "out")


def test_a_destination_that_cannot_be_written_does_not_cost_the_entry(
    cache: ArtifactCache, artifact: Path, tmp_path: Path
) -> None:
    (artifact / ("n" * 250)).write_text("long name")
    cached = found(cache, stored(cache, "a", artifact))
    deep = tmp_path / "out"
    while len(str(deep)) < 3900:
        deep = deep / ("d" * 100)

    assert not cache.restore(cached, deep)
    assert cache.lookup(cached.key) is not None


def test_the_first_to_store_a_key_wins(cache: ArtifactCache, artifact: Path, tmp_path: Path) -> None:
    name = stored(cache, "a", artifact)
    before = tree(artifact)
    (artifact / "model.onnx").write_bytes(b"second")

    assert cache.store(name, artifact, "model.onnx", SIGNATURE)
    cache.restore(found(cache, name), tmp_path / "out")
    assert before == tree(tmp_path / "out")


def test_processes_that_store_one_key_at_the_same_time_leave_one_whole_entry(
    cache: ArtifactCache, artifact: Path, tmp_path: Path
) -> None:
    code = f"""
        import sys
        from pathlib import Path
        from navcore.domain import Signature
        from navcore.store.cache import ArtifactCache
        folder = Path(sys.argv[1])
        folder.mkdir()
        (folder / "model.onnx").write_bytes(sys.argv[2].encode() * 50_000)
        cache = ArtifactCache(Path({str(cache.root)!r}), 10**9)
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(20):
            key = f"{{number:064x}}"
            assert cache.store(key, folder, "model.onnx", Signature((), ()))
            cached = cache.lookup(key)
            assert cached is not None and cache.restore(cached, folder.parent / f"{{folder.name}}-{{number}}")
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    racers = [
        subprocess.Popen(
            [*command, str(tmp_path / name), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("ab", "cd")
    ]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        racer.communicate(timeout=60)

    assert [0, 0] == [racer.returncode for racer in racers]
    assert 20 == len(cache.entries())
    assert not (cache.root / "scratch").exists()
    for number in range(20):
        contents = {(tmp_path / f"{name}-{number}" / "model.onnx").read_bytes() for name in ("ab", "cd")}
        assert contents in ({b"ab" * 50_000}, {b"cd" * 50_000})


def test_the_least_recently_used_entry_goes_first(tmp_path: Path, artifact: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache", BIG)
    for age, text in enumerate(("newest", "middle", "oldest")):
        stored(cache, text, artifact, last_used=1_700_000_000 - age)
    each = size(cache) // 3

    assert ["onnx/oldest"] == [entry.route for entry in cache.gc(each * 2 + 100)]
    assert ["onnx/middle", "onnx/newest"] == [entry.route for entry in cache.entries()]


def test_a_lookup_counts_as_use(cache: ArtifactCache, artifact: Path) -> None:
    for age, text in enumerate(("newest", "middle", "oldest")):
        stored(cache, text, artifact, last_used=1_700_000_000 - age)
    cache.lookup(key("oldest"))

    assert ["onnx/middle"] == [entry.route for entry in cache.gc(size(cache) - 1)]


def test_storing_beyond_the_limit_removes_the_oldest(tmp_path: Path, artifact: Path) -> None:
    roomy = ArtifactCache(tmp_path / "cache", BIG)
    stored(roomy, "old", artifact, last_used=1_700_000_000)
    cache = ArtifactCache(tmp_path / "cache", size(roomy) + 2000)
    stored(cache, "new", artifact)

    assert ["onnx/new"] == [entry.route for entry in cache.entries()]


@pytest.mark.parametrize("limit", [0, 3000])
def test_an_artifact_larger_than_the_limit_is_not_stored(limit: int, tmp_path: Path, artifact: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache", limit)

    assert not cache.store(key("a"), artifact, "model.onnx", SIGNATURE)
    assert not cache.root.exists()


def test_gc_removes_what_a_killed_process_left(cache: ArtifactCache, artifact: Path) -> None:
    stored(cache, "a", artifact)
    (cache.root / "scratch" / "half").mkdir(parents=True)
    (cache.root / "entries" / key("b")).mkdir()

    assert () == cache.gc()
    assert [key("a")] == os.listdir(cache.root / "entries")
    assert not (cache.root / "scratch").exists()


def test_clearing_keeps_what_is_not_an_entry(cache: ArtifactCache, artifact: Path) -> None:
    stored(cache, "a", artifact)
    (cache.root / "notes.txt").write_text("mine")

    assert ["onnx/a"] == [entry.route for entry in cache.clear()]
    assert () == cache.entries()
    assert "mine" == (cache.root / "notes.txt").read_text()


def test_entries_say_what_they_are(cache: ArtifactCache, artifact: Path) -> None:
    stored(cache, "a", artifact, last_used=1_700_000_000)
    cache.store_failure(key("f"), FAILURE, tool="trt", route="onnx/trt")
    first, second = cache.entries()

    assert (key("a"), "onnx", "onnx/a", False, 1_700_000_000) == (
        first.key, first.tool, first.route, first.failed, first.last_used,
    )  # fmt: skip
    assert sum(path.stat().st_size for path in (cache.root / "entries" / key("a")).rglob("*") if path.is_file()) == (
        first.size_bytes
    )
    assert ("trt", "onnx/trt", True) == (second.tool, second.route, second.failed)


def test_a_failure_comes_back_with_the_end_of_its_log_and_without_its_path(
    cache: ArtifactCache, tmp_path: Path
) -> None:
    log = tmp_path / "build.log"
    log.write_text("x" * 300_000 + "Traceback: the end")

    assert cache.store_failure(key("f"), FAILURE, log=log)
    cached = cache.lookup(key("f"))
    assert isinstance(cached, CachedFailure)
    assert Failure(FAILURE.kind, FAILURE.reason, FAILURE.fix) == cached.failure
    assert cached.log.endswith("Traceback: the end")
    assert len(cached.log) <= 200_000


@pytest.mark.parametrize(
    "kind", ["timeout", "out-of-memory", "interrupted", "disk-full", "crash", "missing-dependency"]
)
def test_a_failure_that_the_key_does_not_decide_is_not_stored(kind: FailureKind, cache: ArtifactCache) -> None:
    assert FailureKind.TIMEOUT not in CACHEABLE_FAILURES
    assert not cache.store_failure(key("f"), Failure(kind, "it was the machine's fault"))
    assert cache.lookup(key("f")) is None


def test_which_failures_are_kept_can_be_chosen(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache", BIG, failure_kinds=frozenset({FailureKind.CRASH}))

    assert cache.store_failure(key("f"), Failure(FailureKind.CRASH, "SIGSEGV"))
    assert not cache.store_failure(key("g"), FAILURE)


def test_a_folder_with_other_contents_is_refused_and_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path))

    with pytest.raises(UsageError, match=r"is not empty and not a cache of navcore \(it holds thesis\.txt\)") as caught:
        open_cache()

    assert "set NAVCORE_CACHE_DIR to a new or empty folder" == caught.value.fix
    assert ["thesis.txt"] == os.listdir(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="is a file"):
        ArtifactCache(tmp_path / "file", BIG)


def test_nothing_is_removed_once_the_marker_is_gone(cache: ArtifactCache, artifact: Path) -> None:
    stored(cache, "a", artifact)
    (cache.root / ".navcore-cache").unlink()

    assert () == cache.clear() == cache.gc(0)
    assert not cache.store(key("b"), artifact, "model.onnx", SIGNATURE)
    assert [key("a")] == os.listdir(cache.root / "entries")


def test_a_cache_that_cannot_be_made_is_a_miss_and_told_once(
    tmp_path: Path, artifact: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ArtifactCache(tmp_path / "cache", BIG)
    cache.root.parent.joinpath("cache").write_text("a file appeared")

    with caplog.at_level(logging.WARNING):
        assert not cache.store(key("a"), artifact, "model.onnx", SIGNATURE)
        assert not cache.store(key("b"), artifact, "model.onnx", SIGNATURE)
    assert cache.lookup(key("a")) is None
    assert () == cache.entries()
    assert 1 == len([record for record in caplog.records if "cannot be written" in record.message])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_only_others_may_write_still_serves(cache: ArtifactCache, artifact: Path, tmp_path: Path) -> None:
    name = stored(cache, "a", artifact)
    cache.root.chmod(0o500)
    try:
        assert cache.restore(found(cache, name), tmp_path / "out")
        assert not cache.store(key("b"), artifact, "model.onnx", SIGNATURE)
    finally:
        cache.root.chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everywhere")
def test_a_cache_of_somebody_else_is_a_miss_and_cannot_be_cleared(cache: ArtifactCache, artifact: Path) -> None:
    name = stored(cache, "a", artifact)
    cache.root.chmod(0)
    try:
        other = ArtifactCache(cache.root, BIG)
        assert other.lookup(name) is None
        assert () == other.entries()
        assert not other.store(key("b"), artifact, "model.onnx", SIGNATURE)
        with pytest.raises(UsageError, match=r"cannot be changed: .*Permission denied"):
            other.clear()
    finally:
        cache.root.chmod(0o700)


def test_the_place_and_the_size_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAVCORE_CACHE_DIR", str(tmp_path / "here"))
    monkeypatch.setenv("NAVCORE_CACHE_MAX_BYTES", "1.5 GiB")

    assert ArtifactCache(tmp_path / "here", 3 * 2**29) == open_cache()


def test_without_settings_the_cache_is_the_users_and_holds_20_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAVCORE_CACHE_DIR", raising=False)
    monkeypatch.delenv("NAVCORE_CACHE_MAX_BYTES", raising=False)
    cache = open_cache()

    assert 20 * 2**30 == cache.max_bytes
    assert ("navcore", "artifacts") == cache.root.parts[-2:]


@pytest.mark.parametrize("text", ["much", "-1", "5 XB", "1ib"])
def test_a_size_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAVCORE_CACHE_MAX_BYTES", text)

    with pytest.raises(UsageError, match=rf"NAVCORE_CACHE_MAX_BYTES='{text}' is not a size\n  fix: give bytes"):
        open_cache()
