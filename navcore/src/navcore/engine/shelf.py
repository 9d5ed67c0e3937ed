"""Shelf: the artifact cache as one run sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from navcore.contracts import Model
from navcore.domain import BuildResult, Failure, FileHash, Signature
from navcore.engine.plan import Build
from navcore.engine.reference import NotPortableError, reference_of
from navcore.store.cache import ArtifactCache, CachedBuild, CachedFailure
from navcore.store.cache_key import build_key, device_facts, examples_digest, tool_versions

__all__ = ["Shelf"]


@attrs.frozen
class Shelf:
    """Looks up and puts away what is built.

    Attributes:
        cache: None: nothing is looked up or put away.
        source: What identifies the user's model and how it is called; empty where that cannot be told, and then only
            what is made from files is cached.
        examples: Digest of the samples that tools are given.
        device: Facts about the machine that artifacts depend on.
    """

    cache: ArtifactCache | None
    source: str
    examples: str
    device: Mapping[str, str]

    @staticmethod
    def of(cache: ArtifactCache | None, fingerprint: str | None, model: Model, environment: Mapping[str, str]) -> Shelf:
        """Return the shelf for a run on a model."""
        if cache is None:
            return Shelf(None, "", "", {})
        source = f"{fingerprint} {model.call!r}" if fingerprint else ""
        return Shelf(cache, source, examples_digest(model.examples), device_facts(environment))

    def key(self, build: Build, model: Model, parent: BuildResult | None) -> str | None:
        """Return what a build is known by, or None where it cannot be cached."""
        versions = tool_versions(build.edge) if self.cache is not None else None
        files = None if parent is None or parent.artifact is None else _own(parent.artifact.files)
        source = self.source if parent is None else files
        if versions is None or not source:
            return None
        try:
            tool = reference_of(build.edge)
        except NotPortableError:
            return None
        return build_key(
            source=source,
            signature=model.signature,
            examples=self.examples,
            tool=tool,
            versions=versions,
            device=self.device,
        )

    def take(self, key: str | None, scratch: Path, log: Path) -> tuple[Signature, str] | Failure | None:
        """Return the signature and the main file of a cached artifact, copied into the folder, or its failure."""
        found = self.cache.lookup(key) if self.cache is not None and key else None
        if isinstance(found, CachedFailure):
            log.write_text(found.log, encoding="utf-8")
            return found.failure
        if isinstance(found, CachedBuild) and self.cache is not None and self.cache.restore(found, scratch):
            return found.signature, found.main
        return None

    def put(self, key: str | None, folder: Path, main: str, signature: Signature, build: Build) -> None:
        """Put an artifact away."""
        if self.cache is not None and key:
            self.cache.store(key, folder, main, signature, tool=build.edge.name, route=build.route.id)

    def put_failure(self, key: str | None, failure: Failure, log: Path, build: Build) -> None:
        """Put a failure away, if it is of a kind that would come again."""
        if self.cache is not None and key:
            self.cache.store_failure(key, failure, log=log, tool=build.edge.name, route=build.route.id)


def _own(files: tuple[FileHash, ...]) -> tuple[FileHash, ...]:
    """Return the files with paths relative to their artifact's folder: `artifacts/<route>/<path>` in a workspace."""
    return tuple(attrs.evolve(file, path=file.path.split("/", 2)[2]) for file in files)
