"""`nav cache`: what was built before and is not built again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from navcore.cli.arguments import AsJson
from navcore.cli.outcome import errors_told

__all__ = ["cache"]

cache = typer.Typer(name="cache", no_args_is_help=True, rich_markup_mode=None)


@cache.callback()
def group() -> None:
    """Look at the artifacts that are kept from run to run, or remove them.

    What a tool made is kept, and used again when model, samples' shapes and contents, tool, versions and machine are
    the same. The environment variable NAVCORE_CACHE_DIR says where, NAVCORE_CACHE_MAX_BYTES how much (default 20GiB);
    beyond that, what was not used for the longest time goes.

    \b
    Examples:
      nav cache list
      nav cache gc --max-size 5GB
      nav cache clear

    Exit codes: 0 done, 2 wrong use.
    """


@cache.command("list")
def list_entries(as_json: AsJson = False) -> None:
    """Print what is in the cache: the least recently used first, and the size of all.

    \b
    Examples:
      nav cache list
      nav cache list --json

    Exit codes: 0 whatever is in it, 2 wrong use.
    """
    with errors_told():
        from navcore.report.cache import cache_json, cache_page
        from navcore.report.page import print_page
        from navcore.store.cache import open_cache

        found = open_cache()
        if as_json:
            sys.stdout.write(cache_json(found))
        else:
            print_page(lambda _: cache_page(found), sys.stdout)


@cache.command("gc")
def collect(
    max_size: Annotated[
        str | None,
        typer.Option(
            "--max-size", metavar="SIZE", show_default=False, help="Such as 5GB or 500MiB. Default: the cache's limit."
        ),
    ] = None,
) -> None:
    """Remove what was not used for the longest time, until the rest fits, and what is damaged.

    \b
    Examples:
      nav cache gc
      nav cache gc --max-size 5GB

    Exit codes: 0 done, 2 wrong use.
    """
    with errors_told():
        from navcore.report.cache import removed_text
        from navcore.store.cache import open_cache
        from navcore.store.size import parse_size

        found = open_cache()
        removed = found.gc(None if max_size is None else parse_size(max_size, "--max-size"))
        typer.echo(removed_text(removed, found))


@cache.command("clear")
def clear() -> None:
    """Remove everything from the cache. Workspaces and packages keep their own files.

    \b
    Examples:
      nav cache clear

    Exit codes: 0 done, 2 wrong use.
    """
    with errors_told():
        from navcore.report.cache import removed_text
        from navcore.store.cache import open_cache

        found = open_cache()
        typer.echo(removed_text(found.clear(), found))
