"""A run that starts from a package: artifacts that are given in place of exports, and stored samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import Exporter, Model, Tensors
from navcore.domain import Artifact, FileHash, Omission, Request, Signature
from navcore.engine.by_signature import feeds_of
from navcore.engine.describe import Opener, Sample, Source, examples_of
from navcore.engine.fleet import HandOver
from navcore.engine.plan import Plan
from navcore.engine.shapes import batch_size
from navcore.errors import DataloaderError, WorkspaceError
from navcore.formats import Format
from navcore.store.copying import copy_file
from navcore.store.origin import Origin, copy_origin
from navcore.store.workspace import Workspace

__all__ = ["Given", "PackageStart", "given"]


@attrs.frozen(kw_only=True)
class Given(Exporter):
    """Stands for an exporter, and gives what that one has exported before.

    Attributes:
        workspace: Folder that the artifact lies in.
        main: Its main file or folder, relative to the workspace.
        files: All its files.
        signature: Its inputs and outputs.
    """

    workspace: str = attrs.field(eq=False, repr=False)  # a run is the same wherever the package was unpacked
    main: str
    files: tuple[FileHash, ...]
    signature: Signature

    def write(self, model: Model, out: Path) -> Signature:
        """Copy the files; the main one gets the name that it should have."""
        space = Workspace(Path(self.workspace))
        folder = Path(self.main).parent
        for file in self.files:
            relative = Path(file.path).relative_to(folder)
            target = out.parent / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if not space.holds(file):
                raise WorkspaceError(f"{file.path} of the package has changed", "load the package again")
            copy_file(space.root / file.path, target)
        made = out.parent / Path(self.main).name
        if made != out:
            made.rename(out)
        return self.signature


def given(artifact: Artifact, name: str, source: Format, held: Format, workspace: Path) -> Given:
    """Return the stand-in for the exporter `name` that gives an artifact of a package.

    Args:
        artifact: What it gives.
        name: Of the exporter that made it.
        source, held: The two formats, as they are known here.
        workspace: Folder of the package.
    """
    return Given(
        name=name,
        source=source,
        target=held,
        bound_to=tuple(fact for fact, _ in artifact.built_for),
        workspace=str(workspace),
        main=artifact.path,
        files=artifact.files,
        signature=artifact.signature,
    )


@attrs.frozen(eq=False, kw_only=True)
class PackageStart:
    """A run on the models in a package.

    Attributes:
        model: The source, with its live object where that was loaded, or its path where it is a file, or with neither.
        pairs: Stored samples, with the outputs that the source gave.
        given: Which of them the user gave; the others were made of those.
        title: What is optimised, for people.
        omissions: What of the package cannot be used here.
        origin: The source where it is a file.
    """

    model: Model
    pairs: Sequence[tuple[Tensors, Tensors]]
    given: Sequence[bool]
    title: str
    omissions: tuple[Omission, ...]
    origin: Origin | None = None

    @property
    def format(self) -> Format:
        """Format of the source."""
        return self.model.format

    def hand_over(self, asked: bool) -> HandOver | None:
        """Return None: there is nothing to export."""
        return None

    def narrowed(self, plan: Plan) -> Plan:
        """Return the plan, without trials of a source that is not there, and with what the package cannot give."""
        if self.model.object is not None or self.model.path is not None:
            return attrs.evolve(plan, omissions=_merged(plan.omissions, self.omissions))
        away = Omission(
            self.format.name, "the package does not hold the source", "call package.load_source_model(model) first"
        )
        said = tuple(omission for omission in plan.omissions if omission.subject != self.format.name)
        return attrs.evolve(
            plan,
            trials=tuple(trial for trial in plan.trials if not trial.route.is_source),
            omissions=_merged(said, (*self.omissions, away)),
        )

    def source(self, request: Request, opener: Opener) -> Source:
        """Return the source, with the stored outputs as reference; nothing is run."""
        signature = self.model.signature
        samples = tuple(
            Sample(inputs, outputs, batch_size(signature, inputs), given)
            for (inputs, outputs), given in zip(self.pairs, self.given, strict=True)
        )
        notice = "it starts from a package: the outputs that are stored in it are what candidates are compared with"
        model = attrs.evolve(self.model, examples=examples_of(samples, signature))
        return Source(model, samples, self.title, (notice,))

    def timed_inputs(self, source: Source, request: Request) -> Tensors | None:
        """Return the first sample of the profile's own dataloader, by name or in the order of the inputs."""
        dataloader: Any = request.profile.dataloader
        if dataloader is None:
            return None
        try:
            sample = next(iter(dataloader))
        except (TypeError, StopIteration) as error:
            raise DataloaderError(
                "optimization_profile.dataloader gave no samples", "give it one sample in a list, or leave it out"
            ) from error
        return feeds_of(sample, source.model.signature, 0)

    def fingerprint(self) -> str | None:
        """Return the hashes of a source on disk; a live one is not exported, so nothing of it is cached."""
        if self.origin is None:
            return None
        return " ".join(f"{file.path}:{file.sha256}" for file in self.origin.artifact.files)

    def settled(self, source: Source, space: Workspace) -> Source:
        """Copy a source on disk into the workspace, so that the results do not depend on the package's folder."""
        if self.origin is None:
            return source
        copied = copy_origin(space, self.origin)
        return attrs.evolve(source, model=attrs.evolve(source.model, path=copied.path))


def _merged(first: Sequence[Omission], second: Sequence[Omission]) -> tuple[Omission, ...]:
    return tuple(sorted({*first, *second}, key=attrs.astuple))
