"""Routes: how an artifact comes from the source."""

from __future__ import annotations

import attrs

from navcore.formats import Format

__all__ = ["Route"]


@attrs.frozen
class Route:
    """The chain of edges from the source to one artifact.

    Attributes:
        source: Format of the model that the user gave.
        edges: Names of the exporter and the converters, in order; empty for the source itself.
        format: Format at the end.
    """

    source: Format
    edges: tuple[str, ...]
    format: Format

    @property
    def id(self) -> str:
        """Readable and unique within a run: `torch`, `onnx`, `onnx/openvino-ir`.

        A source on disk stands first, so that an ONNX file and an exported ONNX give the same id.
        """
        first = () if self.source.live and self.edges else (self.source.name,)
        return "/".join((*first, *self.edges))

    @property
    def is_source(self) -> bool:
        """Whether this is the user's own model, untouched."""
        return not self.edges

    def then(self, edge: str, target: Format) -> Route:
        """Return the route one edge longer."""
        return Route(self.source, (*self.edges, edge), target)

    @property
    def parent(self) -> tuple[str, ...]:
        """Edge names of the route one edge shorter."""
        return self.edges[:-1]

    def __str__(self) -> str:
        return self.id
