"""`nav plugins`."""

from __future__ import annotations

from navcore.cli.arguments import AsJson
from navcore.cli.outcome import reserved_stdout

__all__ = ["plugins"]


def plugins(as_json: AsJson = False) -> None:
    """Print what is installed and what it adds.

    Prints each plugin with its version, its tools, and which of them cannot work on this machine and why.

    Edges lead from one format to another, runners run a format on a device, strategies pick among the results. Their
    names are what --target-format, --runner and --strategy take. A plugin that is broken stands under Problems, with
    what to do about it; the others work.

    \b
    Examples:
      nav plugins
      nav plugins --json

    Exit codes: 0 whatever is installed, 2 wrong use.
    """
    from navcore.plugins import load_plugins
    from navcore.report.page import print_page
    from navcore.report.plugins import inventory, inventory_json, inventory_page

    with reserved_stdout(as_json) as stdout:
        found = inventory(load_plugins())
        if as_json:
            stdout.write(inventory_json(found))
        else:
            print_page(lambda _: inventory_page(found), stdout)
