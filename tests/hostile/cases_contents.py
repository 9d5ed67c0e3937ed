"""Packages whose `package.json` does not fit the files, or is no such record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .packages import CONTENTS, Entry, digest, manifest, packed, status, with_files, zipped

__all__ = ["CONTENT_CASES", "JSON_CASES"]

Case = tuple[Callable[[], bytes], str]
MODEL, WEIGHTS = "artifacts/onnx/model.onnx", "artifacts/onnx/model.onnx.data"
SCRIPT = "reproduce/onnx.py"


def changed(change: Callable[[Any], object]) -> Callable[[], bytes]:
    """A package of honest contents whose `package.json` was changed."""
    return lambda: packed(text=manifest(status(), change))


def text(data: bytes) -> Callable[[], bytes]:
    """A package whose `package.json` is this, compressed where that makes no bomb of it."""
    return lambda: zipped([Entry(name="package.json", data=data)])


def put(*path: str | int, value: Any) -> Callable[[], bytes]:
    """A package of honest contents with another value at one place of `package.json`."""

    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return changed(change)


def swapped() -> bytes:
    """Two files of equal size, each in the place of the other."""
    one, two = CONTENTS["samples/inputs/0-0.npy"], CONTENTS["samples/outputs/0-0.npy"].replace(b"\x80?", b"\0@")
    honest = {**CONTENTS, "samples/outputs/0-0.npy": two}
    listed = manifest(with_files(honest))
    return packed({**honest, "samples/inputs/0-0.npy": two, "samples/outputs/0-0.npy": one}, listed)


def without(path: str) -> dict[str, bytes]:
    return {name: data for name, data in CONTENTS.items() if name != path}


def left_out(data: Any) -> None:
    """Take a file out of the list, and not out of its artifact."""
    data["files"] = [file for file in data["files"] if file["path"] != WEIGHTS]


def other_hash(data: Any) -> None:
    data["files"][3]["sha256"] = "0" * 64


def nested(levels: int) -> bytes:
    return b'{"schema": 1, "title": ' + b"[" * levels + b"]" * levels + b"}"


CONTENT_CASES: Mapping[str, Case] = {
    "wrong hash": (
        lambda: packed({**CONTENTS, SCRIPT: b"print('howdy')\n"}, manifest(status())),
        f"'{SCRIPT}' is not what",
    ),
    "wrong CRC": (
        lambda: packed(
            without(SCRIPT),
            manifest(status()),
            [Entry(name=SCRIPT, data=CONTENTS[SCRIPT], central={"crc": 1}, local={"crc": 1})],
        ),
        f"'{SCRIPT}' is not what package.json says",
    ),
    "wrong size": (
        lambda: packed({**CONTENTS, SCRIPT: b"longer" * 9}, manifest(status())),
        f"'{SCRIPT}' has 54 bytes, and pack",
    ),
    "swapped": (swapped, "'samples/inputs/0-0.npy' is not what package.json says"),
    "extra file": (
        lambda: packed(extra=[Entry(name="logs/extra.log", data=b"x")]),
        "'logs/extra.log' is not in the list",
    ),
    "missing file": (lambda: packed(without(SCRIPT), manifest(status())), f"'{SCRIPT}' is missing"),
    "file of no artifact": (
        lambda: packed({**CONTENTS, "artifacts/onnx2/run.so": b"\x7fELF"}),
        "'artifacts/onnx2/run.so' belongs to no",
    ),
    "part of an artifact": (lambda: packed(without(WEIGHTS), manifest(status(), left_out)), f"'{WEIGHTS}' is missing"),
    "no source": (
        lambda: packed(
            without("artifacts/source/model.onnx"),
            manifest(attrs.evolve(status(), files=with_files(without("artifacts/source/model.onnx"), status()).files)),
        ),
        "'artifacts/source/model.onnx' is missing, which is the source",
    ),
    "two hashes": (changed(other_hash), "is listed with two hashes or sizes"),
    "hash that is none": (put("files", 0, "sha256", value="../../x"), "is listed with a hash or a size that is none"),
    "negative size": (put("files", 0, "size_bytes", value=-1), "is listed with a hash or a size that is none"),
    "listed twice": (changed(lambda data: data["files"].append(data["files"][-1])), "npy' is there twice"),
    "another order": (changed(lambda data: data["files"].reverse()), "lists its files in another order"),
    "lists itself": (
        changed(lambda data: data["files"].insert(8, attrs.asdict(digest("package.json", b"")))),
        "'package.json' is listed with a hash|'package.json' is there twice",
    ),
    "artifact elsewhere": (
        put("builds", 0, "artifact", "path", value="../../thesis.txt"),
        r"\.\./\.\./thesis\.txt' is not a relative, normalised path inside",
    ),
    "absolute artifact": (
        put("builds", 0, "artifact", "path", value="/etc/passwd"),
        "'/etc/passwd' is not a relative, normalised path",
    ),
    "artifact is a log": (
        put("builds", 0, "artifact", "path", value="logs/x.log"),
        "'logs/x.log' is an artifact without a folder",
    ),
    "artifact in another's folder": (
        put("builds", 0, "artifact", "path", value=WEIGHTS),
        f"'{WEIGHTS}' is not what an artifact of onnx is called",
    ),
    "file in another's folder": (
        put("builds", 1, "artifact", "files", 0, "path", value=MODEL),
        "is an artifact whose files are not those in",
    ),
    "artifact without files": (put("builds", 2, "artifact", "files", value=[]), "whose files are not those in"),
    "code under a data format's name": (
        put("builds", 2, "artifact", "format", "name", value="onnx"),
        "model.pt' is not what an artifact of onnx is",
    ),
    "artifact that is alive": (
        put("builds", 2, "artifact", "format", value={"name": "torch", "suffix": "", "live": True, "risk": "data"}),
        "model.pt' is not what an artifact of torch is called",
    ),
    "log elsewhere": (put("builds", 4, "failure", "log", value="../../x.log"), "not a relative, normalised path"),
    "log that is none": (
        put("builds", 4, "failure", "log", value="artifacts/onnx/model.onnx"),
        "has a log of onnx/trt outside of logs/",
    ),
    "sample too many": (
        lambda: packed({**CONTENTS, "samples/inputs/7-0.npy": CONTENTS["samples/inputs/0-0.npy"]}),
        "lists 3 files of samples|'samples/inputs/7-0.npy' is a sample that the run did not have",
    ),
    "sample missing": (
        lambda: packed(without("samples/inputs/0-0.npy")),
        "'samples/inputs/0-0.npy' is missing",
    ),
    "a million samples": (
        put("samples", value=[{"shapes": [], "batch_size": None}] * 50_000),
        "the run had 100000",
    ),
    "route that breaks shells": (put("builds", 0, "route", value="onnx; rm -rf ~"), "names a route or tool 'onnx; rm"),
    "route that leads elsewhere": (put("builds", 0, "route", value="../../x"), r"names a route or tool '\.\./\.\./x'"),
    "tool that breaks shells": (put("builds", 0, "tool", value="$(id)"), r"names a route or tool '\$\(id\)'"),
    "runner that breaks lines": (put("trials", 0, "runner", value="Onnx\nCPU"), r"names a route or tool 'Onnx\\nCPU'"),
    "strategy that is a command": (put("choices", 0, "strategy", value="`id`"), "names a route or tool '`id`'"),
    "tensor that breaks pbtxt": (
        put("signature", "inputs", 0, "name", value='x" } parameters { key: "a'),
        "has a tensor named 'x\" } param",
    ),
    "tensor that breaks shells": (
        put("builds", 0, "artifact", "signature", "outputs", 0, "name", value="$(id)"),
        r"has a tensor named '\$\(id",
    ),
    "tensor that breaks lines": (put("signature", "inputs", 0, "name", value="x\ny"), r"has a tensor named 'x\\ny'"),
    "tensor that breaks scripts": (put("signature", "inputs", 0, "name", value="x'"), 'has a tensor named "x\'"'),
    "tensor without end": (put("signature", "inputs", 0, "name", value="x" * 2000), "has a tensor named 'xxx"),
    "dtype that is a command": (put("signature", "inputs", 0, "dtype", value="`id`"), "has a tensor named '`id`'"),
    "dimension that is code": (
        put("signature", "inputs", 0, "shape", value=["__import__('os')", 4]),
        "neither a size >= 0 nor an identifier",
    ),
    "built without an artifact": (put("builds", 0, "artifact", value=None), "was built without an artifact"),
    "failed without a reason": (put("builds", 4, "failure", value=None), "failed without saying why"),
    "works without a measurement": (put("trials", 0, "measurements", value=[]), "works on OnnxCPU without a measure"),
    "no time at all": (put("trials", 0, "measurements", 0, "p50_ms", value=0.0), "that no clock gives"),
    "time that is no number": (put("trials", 0, "measurements", 0, "p50_ms", value="nan"), "that no clock gives"),
    "infinite ratio": (put("noise_floors", 0, "ratio", "high", value=0.0), "has a noise floor that no clock gives"),
    "two results for one route": (put("builds", 1, "route", value="onnx"), "has two results for one route"),
}

JSON_CASES: Mapping[str, Case] = {
    "no JSON": (text(b"{"), "package.json is not JSON"),
    "not ASCII": (text('{"schema": 1, "title": "é"}'.encode()), "'package.json' is not ASCII"),
    "not UTF-8": (text(b'{"schema": 1, "title": "\xff"}'), "'package.json' is not ASCII"),
    "NaN": (text(b'{"schema": 1, "duration_s": NaN}'), "holds NaN, which JSON does not have"),
    "Infinity": (text(b'{"schema": 1, "duration_s": -Infinity}'), "holds -Infinity, which JSON does not have"),
    "number too large": (text(b'{"schema": 1, "duration_s": 1e999}'), "holds the number 1e999"),
    "number of a million digits": (text(b'{"schema": ' + b"9" * 1_000_000 + b"}"), "a whole number of 1000000 digits"),
    "key twice": (text(b'{"schema": 1, "schema": 2}'), "has the key 'schema' twice"),
    "key twice, deep": (text(b'{"schema": 1, "request": {"a": [{"b": 1, "b": 1}]}}'), "has the key 'b' twice"),
    "deep": (text(nested(40)), "is nested more than 32 levels deep"),
    "bottomless": (text(nested(90_000)), "is nested more than 32 levels deep"),
    "huge": (text(b'{"schema": 1, "title": "' + b"x" * (16 << 20) + b'"}'), "has 16777242 bytes; at most 16777216"),
    "one long text": (
        text(b'{"schema": 1, "title": "\\ud83d\\ude00' + b"x" * (15 << 20) + b'"}'),
        "is damaged",
    ),
    "many lists": (text(b"[" + b"[]," * 300_000 + b"[]]"), "has 300002 lists and objects; at most 200000"),
    "many objects": (text(b"[" + b"{}," * 300_000 + b"[]]"), "has 300002 lists and objects; at most 200000"),
    "many values": (text(b"[" + b'"ab",' * 1_500_000 + b"1]"), "has 1500000 values; at most 1000000"),
    "as many values as are read": (
        text(b'{"schema": 1, "notices": [' + b'"abcd",' * 999_000 + b"1]}"),
        "is damaged",
    ),
    "as many objects as are read": (
        text(b'{"schema": 1, "builds": [' + b'{"a":1},' * 199_000 + b"1]}"),
        "is damaged",
    ),
    "as many wrong values": (put("notices", value=[1] * 990_000), "is not a text"),
    "a list": (text(b"[]"), "has schema None; this navcore reads 1"),
    "no schema": (put("schema", value=None), "has schema None; this navcore reads 1"),
    "schema 0": (put("schema", value=0), "has schema 0; this navcore reads 1"),
    "schema true": (put("schema", value=True), "has schema True; this navcore reads 1"),
    "schema 1.0": (put("schema", value=1.0), r"has schema 1\.0; this navcore reads 1"),
    "schema as text": (put("schema", value="1"), "has schema '1'; this navcore reads 1"),
    "schema that is a list": (put("schema", value=[1]), "has schema a list; this navcore reads 1"),
    "schema of the future": (
        changed(lambda data: data.update(schema=7, written_by="navcore 3.2.1")),
        "has schema 7; this navcore reads 1, and navcore 3.2.1 wrote it",
    ),
    "schema of a liar": (
        changed(lambda data: data.update(schema=7, written_by="navcore 1; curl x | sh")),
        "has schema 7; this navcore reads 1$|has schema 7; this navcore reads 1\n",
    ),
    "unknown field": (put("_target_", value="os.system"), "_target_"),
    "missing field": (changed(lambda data: data.pop("trials")), r"required field missing @ \$\.trials"),
}
