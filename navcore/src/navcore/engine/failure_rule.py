"""Rule: what one kind of message means."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from navcore.domain import FailureKind

__all__ = ["Rule"]

_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
_LONGEST_GROUP = 300


@attrs.frozen
class Rule:
    """One kind of message.

    Attributes:
        kind: What happened.
        pattern: Regular expression, found in `ClassOfTheError: message`; its groups fill the two texts.
        reason, fix: As in a Failure. A group whose name ends in `bytes` becomes a size that people can read, and
            `{distribution}` is what to install for the group `module`.
    """

    kind: FailureKind
    pattern: str
    reason: str
    fix: str = ""

    def read(self, message: str) -> tuple[str, str] | None:
        """Return reason and fix, or None where this is no such message."""
        found = re.search(self.pattern, message)
        if found is None:
            return None
        words = _words(found.groupdict(default=""))
        return self.reason.format_map(words).strip(), self.fix.format_map(words)


def _words(groups: Mapping[str, str]) -> dict[str, str]:
    words = {name: " ".join(text.split())[:_LONGEST_GROUP] for name, text in groups.items()}
    for name, text in words.items():
        if name.endswith("bytes"):
            words[name] = _size(int(text))
    top = words.get("module", "").partition(".")[0]
    return {**words, "distribution": _DISTRIBUTIONS.get(top, top)}


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB" if count < 1000 else f"{count:,.0f} TB"
