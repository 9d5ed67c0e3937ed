"""Changes package files guided by coverage, with atheris where that installs: python coverage_fuzz.py [seconds]

Half of the cases change the bytes of a package, the other half the bytes of its `package.json` or of a model in it,
under an honest directory. Anything that is not one of our errors ends it, with the bytes in a file `crash-*`.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import types
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["navcore.store", "navcore.errors"]):
    from navcore.errors import NavError
    from navcore.store.archive_read import open_archive

HERE = Path(__file__).resolve().parent
PLACES = ("package.json", "artifacts/onnx/model.onnx", "artifacts/onnx+openvino-ir/model.xml", "samples/inputs/0-0.npy")


def packages() -> types.ModuleType:
    """The builders of the tests, which are no package that could be imported by name."""
    parent = types.ModuleType("hostile")
    parent.__path__ = [str(HERE)]
    sys.modules["hostile"] = parent
    found = importlib.util.find_spec("hostile.packages")
    assert found is not None
    return importlib.import_module("hostile.packages")


def main() -> None:
    """Run for as many seconds as are given, 60 without."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    build, folder = packages(), Path(tempfile.mkdtemp(prefix="coverage-fuzz-"))
    file, corpus = folder / "model.nav", folder / "corpus"
    corpus.mkdir()
    (corpus / "whole").write_bytes(b"\xff" + build.packed())
    (corpus / "results").write_bytes(b"\x00" + build.manifest(build.status()))
    for number, name in enumerate(PLACES[1:], 1):
        (corpus / str(number)).write_bytes(bytes([number]) + build.CONTENTS[name])

    def one(data: bytes) -> None:
        if data[:1] >= b"\x80":
            file.write_bytes(data[1:])
        else:
            name = PLACES[data[0] % len(PLACES)] if data else PLACES[0]
            contents = {**build.CONTENTS, **({name: data[1:]} if name != PLACES[0] else {})}
            file.write_bytes(build.packed(contents, data[1:] if name == PLACES[0] else None))
        try:
            with open_archive(file) as archive:
                archive.verify()
        except NavError as error:
            str(error).encode("utf-8")

    atheris.Setup([sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-max_len=20000"], one)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
