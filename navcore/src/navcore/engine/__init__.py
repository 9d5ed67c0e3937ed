"""The engine: describe the source, plan routes, build, try, compare, measure, choose. Knows no framework."""

__all__: list[str] = []
