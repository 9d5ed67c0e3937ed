"""What is written to disk: the workspace and the records in it."""

__all__: list[str] = []
