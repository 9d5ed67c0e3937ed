"""What is made of exceptions: kind, culprit and fix."""

from __future__ import annotations

import errno
import io
import os
import re

import pytest

from navcore.domain import Failure, FailureKind
from navcore.engine.failures import RULES, StepFailed, failure_from, recognised
from navcore.errors import NavError
from navcore.report.kinds import name_of

from .failure_messages import CASES


def failure(error: BaseException, kind: str = "exception") -> Failure:
    return failure_from(error, io.StringIO(), "logs/one.log", kind)


@pytest.mark.parametrize(("kind", "reason", "message"), CASES, ids=[reason[:60] for _, reason, _ in CASES])
def test_a_message_is_recognised_with_its_culprit(kind: str, reason: str, message: str) -> None:
    found = recognised(message)

    assert found is not None
    assert (kind, reason) == (found.kind, found.reason)


def test_every_rule_has_a_real_message() -> None:
    deciding = {next(rule for rule in RULES if rule.read(message)).pattern for _, _, message in CASES}

    assert [] == [rule.pattern for rule in RULES if rule.pattern not in deciding]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason[:60])
def test_the_texts_of_a_rule_use_its_groups_only(rule: object) -> None:
    assert isinstance(rule, type(RULES[0]))
    groups = set(re.compile(rule.pattern).groupindex)
    used = set(re.findall(r"{(\w+)", rule.reason + rule.fix)) - {"distribution"}

    assert used <= groups


@pytest.mark.parametrize("message", ["ValueError: a plain error", "KeyError: 'x'", "Exit: memory of an elephant", ""])
def test_other_messages_are_not_recognised(message: str) -> None:
    assert recognised(message) is None


def test_a_long_message_is_read_quickly() -> None:
    assert (
        recognised("Could not guard on data-dependent expression " + "Caused by \n -- with a message:\n" * 10**5)
        is None
    )


@pytest.mark.parametrize(
    ("fix", "module"),
    [
        ("pip install opencv-python", "cv2"),
        ("pip install pillow", "PIL"),
        ("pip install scikit-learn", "sklearn"),
        ("pip install pyyaml", "yaml"),
        ("pip install einops", "einops"),
    ],
)
def test_a_missing_module_is_installed_by_the_name_of_its_distribution(fix: str, module: str) -> None:
    assert fix == failure(ModuleNotFoundError(f"No module named '{module}'", name=module)).fix


def test_an_unknown_error_is_shown_as_it_is_with_its_log() -> None:
    log = io.StringIO()
    try:
        raise ValueError("first line\nsecond line")
    except ValueError as error:
        found = failure_from(error, log, "logs/one.log")

    assert Failure("exception", "ValueError: first line", "", "logs/one.log") == found
    assert "Traceback (most recent call last)" in log.getvalue()
    assert "second line" in log.getvalue()


def test_the_step_decides_the_kind_of_an_error_that_could_come_from_anywhere() -> None:
    assert FailureKind.MEASURE is failure(ValueError("what"), "measure").kind
    assert (
        FailureKind.MEASURE is failure(RuntimeError(".numpy() is not supported for tensor subclasses."), "measure").kind
    )
    assert FailureKind.OUT_OF_MEMORY is failure(MemoryError(), "measure").kind


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_whether_or_not_it_is_wrapped(number: int) -> None:
    error = RuntimeError("serialisation failed")
    error.__cause__ = OSError(number, os.strerror(number))

    assert FailureKind.DISK_FULL is failure(error.__cause__).kind
    assert FailureKind.DISK_FULL is failure(error).kind


def test_a_plugins_own_words_stand() -> None:
    assert Failure("exception", "no", "do", "logs/one.log") == failure(NavError("no", "do"))


def test_a_plugin_that_passes_a_known_error_on_does_not_hide_it() -> None:
    error = NavError("the export failed", "read the log")
    error.__cause__ = MemoryError()

    assert "memory ran out" == failure(error).reason


def test_a_suppressed_context_is_no_cause() -> None:
    error = RuntimeError("no such thing")
    error.__context__ = MemoryError()
    error.__suppress_context__ = True

    assert FailureKind.EXCEPTION is failure(error).kind


def test_a_circle_of_causes_ends() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one

    assert "RuntimeError: one" == failure(one).reason


def test_an_error_that_cannot_be_shown_is_named() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise ValueError("never")

    assert "Unspeakable, which has no message that can be read" == failure(Unspeakable()).reason


def test_a_failure_from_elsewhere_is_passed_on_with_the_path_of_the_log() -> None:
    crash = Failure("crash", "the worker died of SIGSEGV")

    assert Failure("crash", "the worker died of SIGSEGV", "", "logs/one.log") == failure(StepFailed(crash))


def test_a_log_that_cannot_be_written_costs_nothing_but_the_log() -> None:
    closed = io.StringIO()
    closed.close()

    assert "ValueError: what" == failure_from(ValueError("what"), closed, "logs/one.log").reason


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'explosion' is not a valid FailureKind"):
        Failure("explosion", "bang")


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_has_names_for_people(kind: FailureKind) -> None:
    names = name_of(kind)

    assert names.heading[0].isupper()
    assert len(names.short) <= 18
    assert f"{kind.name}:" in (FailureKind.__doc__ or "")
