"""What config classes are made of: fields that are checked, and tools that are given other options."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar

import attrs

from navcore.contracts import Edge, Runner, Tool
from navcore.domain import DeviceKind
from navcore.errors import UsageError
from navcore.keywords import checked_options

__all__ = [
    "Arguments",
    "FormatConfig",
    "are_arguments",
    "as_tuple",
    "checked_fields",
    "each_of",
    "frozen_arguments",
    "has_option",
    "is_flag",
    "is_whole",
    "one_of",
    "refuse",
    "takes",
    "thawed_arguments",
    "with_options",
]

Arguments = tuple[tuple[str, Any], ...]
"""Keyword arguments for a call of a framework, in a form that can be hashed and sent to a worker."""

T = TypeVar("T", bound=type)


class _Kind(Enum):
    """What a tuple that begins with it was, before it was frozen."""

    LIST = "list"
    DICT = "dict"


def checked_fields(cls: T) -> T:
    """Return the attrs class, whose constructor raises an UnknownNameError for a field that does not exist.

    Fields are given by name. What else its converters and validators refuse is a UsageError too.
    """
    known = tuple(field.alias for field in attrs.fields(cls) if field.init and field.alias)
    construct = checked_options(cls).__init__  # type: ignore[misc]  # it is the class's own

    @functools.wraps(construct)
    def checked(self: Any, *values: Any, **options: Any) -> None:
        if values:
            raise UsageError(
                f"{cls.__name__}({values[0]!r}, ...): fields have names", f"name one of {', '.join(known)}"
            )
        construct(self, **options)

    cls.__init__ = checked  # type: ignore[misc]
    return cls


def refuse(config: object, field: str, value: object, rule: str, fix: str) -> UsageError:
    """Return the error for a value of a field of a config."""
    return UsageError(f"{type(config).__name__}({field}={value!r}): {rule}", fix)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a tuple of one value, or of those of a list or tuple, each once."""
    return tuple(dict.fromkeys(value)) if isinstance(value, list | tuple) else (value,)


def is_flag(config: object, field: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        raise refuse(config, field.name, value, "it is neither True nor False", f"write {field.name}=True or False")


def one_of(*known: Any) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Return a validator that refuses all other values."""

    def check(config: object, field: attrs.Attribute[Any], value: object) -> None:
        if not _is_among(value, known):
            listing = ", ".join(_shown(each) for each in known)
            raise refuse(config, field.name, value, f"it is none of {listing}", f"write one of {listing}")

    return check


def each_of(*known: Any) -> Callable[[object, attrs.Attribute[Any], tuple[object, ...]], None]:
    """Return a validator of a tuple with at least one value, and all of them among the known ones."""
    check = one_of(*known)

    def check_each(config: object, field: attrs.Attribute[Any], values: tuple[object, ...]) -> None:
        if not values:
            raise refuse(config, field.name, values, "it is empty", f"leave {field.name} out for its default")
        for value in values:
            check(config, field, value)

    return check_each


def _is_among(value: object, known: Iterable[object]) -> bool:
    """Return whether the value is one of these; 1 is not True."""
    return any(type(value) is type(each) and value == each for each in known)


def _shown(value: object) -> str:
    return repr(value.value if isinstance(value, Enum) else value)


def is_whole(smallest: int, largest: int | None = None) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Return a validator that takes None, and whole numbers in a range."""

    def check(config: object, field: attrs.Attribute[Any], value: object) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is None or (whole and smallest <= value and (largest is None or value <= largest)):  # type: ignore[operator]
            return
        until = "" if largest is None else f" to {largest}"
        rule = f"it is no whole number from {smallest}{until or ' on'}"
        raise refuse(config, field.name, value, rule, f"give one from {smallest}{until or ' on'}, or leave it out")

    return check


def frozen_arguments(value: Any) -> Any:
    """Return keyword arguments as pairs sorted by name; lists and dicts in them become tuples.

    What is no mapping of names comes back as it is, for `are_arguments` to refuse.
    """
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        return value
    return tuple(sorted(((name, _frozen(each)) for name, each in value.items()), key=lambda pair: str(pair[0])))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return (_Kind.DICT, *((key, _frozen(each)) for key, each in value.items()))
    if isinstance(value, list):
        return (_Kind.LIST, *map(_frozen, value))
    return tuple(map(_frozen, value)) if type(value) is tuple else value


def thawed_arguments(arguments: Arguments) -> dict[str, Any]:
    """Return the keyword arguments that `frozen_arguments` froze."""
    return {name: _thawed(value) for name, value in arguments}


def _thawed(value: Any) -> Any:
    if type(value) is not tuple:
        return value
    kind, rest = (value[0], value[1:]) if value and isinstance(value[0], _Kind) else (None, value)
    if kind is _Kind.DICT:
        return {key: _thawed(each) for key, each in rest}
    return [_thawed(each) for each in rest] if kind is _Kind.LIST else tuple(map(_thawed, rest))


def are_arguments(config: object, field: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no mapping of names to values that can be hashed."""
    pairs = value if isinstance(value, tuple) else ((None, value),)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise refuse(config, field.name, value, "it is no mapping of names", "write {'name': value}")
        try:
            hash(pair[1])
        except TypeError as error:
            name = f"{field.name}[{pair[0]!r}]"
            raise refuse(config, name, pair[1], str(error), "give numbers, texts, lists and dicts of them") from error


def _is_device(config: object, field: attrs.Attribute[Any], value: object) -> None:
    kinds = [kind.value for kind in DeviceKind]
    if value is None or value in kinds:
        return
    if isinstance(value, str) and value.partition(":")[0] in kinds:
        place = value.partition(":")[2]
        rule = "runners use the first device of its kind that they see"
        raise refuse(config, field.name, value, rule, f"show them that one only: CUDA_VISIBLE_DEVICES={place}")
    raise refuse(config, field.name, value, f"it is none of {', '.join(kinds)}", f"write one of {', '.join(kinds)}")


@checked_fields
@attrs.frozen(kw_only=True)
class FormatConfig:
    """Options that every format has.

    Attributes:
        custom_args: Further arguments for the call of the framework that makes the format, by name.
        device: `cpu` or `cuda`: only runners for that device are tried; None: all.
    """

    custom_args: Any = attrs.field(default=(), converter=frozen_arguments, validator=are_arguments)
    device: str | None = attrs.field(default=None, validator=_is_device)

    def on_device(self, tools: Iterable[Tool]) -> tuple[Tool, ...]:
        """Return the edges, and the runners for the device."""
        if self.device is None:
            return tuple(tools)
        return tuple(
            tool
            for tool in tools
            if not isinstance(tool, Runner) or self.device in [str(kind) for kind in tool.devices]
        )

    def with_custom_args(self, tools: Iterable[Tool]) -> tuple[Tool, ...]:
        """Return the tools, those that call a framework with the further arguments.

        Raises:
            UsageError: There are arguments, and no tool that takes some.
        """
        if not self.custom_args:
            return tuple(tools)
        return with_options(tools, self, custom_args=self.custom_args)


def has_option(tool: Tool, name: str) -> bool:
    """Return whether the tool has a field of that name."""
    return any(field.name == name for field in attrs.fields(type(tool)))


def with_options(tools: Iterable[Tool], config: object, **options: Any) -> tuple[Tool, ...]:
    """Return the tools, each with those of the options that it has.

    Raises:
        UsageError: No tool has one of them, or a tool refuses a value.
    """
    given = tuple(tools)
    for name, value in options.items():
        if not any(has_option(tool, name) for tool in given):
            raise refuse(config, name, value, _nobody(given, name), "leave it out, or install a plugin that has it")
    return tuple(
        _evolved(tool, config, {name: options[name] for name in options if has_option(tool, name)}) for tool in given
    )


def takes(tool: Tool, **options: Any) -> bool:
    """Return whether the tool has the options and refuses none of the values."""
    try:
        attrs.evolve(tool, **options)
    except (TypeError, ValueError):
        return False
    return True


def _nobody(tools: tuple[Tool, ...], name: str) -> str:
    names = ", ".join(tool.name for tool in tools if isinstance(tool, Edge)) or "no edge makes the format"
    return f"no tool here has an option {name!r} ({names})"


def _evolved(tool: Tool, config: object, options: Mapping[str, Any]) -> Tool:
    if not options:
        return tool
    try:
        return attrs.evolve(tool, **options)
    except (TypeError, ValueError) as error:  # as validators of attrs raise them, with more than the text
        name, value = next(iter(options.items()))
        reason = str(error.args[0] if error.args else error).partition("\n")[0]
        raise refuse(config, name, value, reason, f"give what {tool.name!r} takes, or leave it out") from error
