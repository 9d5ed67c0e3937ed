"""The command line: one file per command, and what turns its texts into models and samples."""

from navcore.cli.app import app, main

__all__ = ["app", "main"]
