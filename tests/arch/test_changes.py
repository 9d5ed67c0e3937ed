"""Every user-visible change has a fragment that a user can read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FRAGMENTS = sorted(path for path in (Path(__file__).parents[2] / "changes").iterdir() if path.name != "README.md")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.(added|changed|fixed|removed|security)\.md")


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_named_by_its_subject_and_kind(fragment: Path) -> None:
    assert NAME.fullmatch(fragment.name)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_one_paragraph_of_whole_sentences(fragment: Path) -> None:
    text = fragment.read_text("utf-8")

    assert text == f"{text.strip()}\n"
    assert "\n\n" not in text
    assert text.rstrip().endswith(".")
    assert max(len(line) for line in text.splitlines()) <= 120


def test_the_kinds_are_explained(root: Path) -> None:
    explained = (root / "changes/README.md").read_text("utf-8")

    assert [] == [kind for kind in ("added", "changed", "fixed", "removed", "security") if f"`{kind}`" not in explained]


def test_the_changelog_points_to_the_fragments(root: Path) -> None:
    assert "changes/" in (root / "CHANGELOG.md").read_text("utf-8")
