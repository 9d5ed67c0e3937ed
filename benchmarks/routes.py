"""Try every route from a framework on every model of its zoo, and write the table of docs/FRAMEWORK-routes.md.

python benchmarks/routes.py [--framework torch|jax|tensorflow] [--size tiny|full] [--model NAME ...] [--out FILE]
                            [--force] [--render]

Models come one after the other, each in a process of its own, so that a crash costs one of them. The facts are in a
JSON file beside the page, and what is there already is not tried again, as long as size, versions and routes are the
same.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from route_facts import every_tool, facts_of, ground, plan_of, routes_of, sentence, try_everything
from route_page import render
from zoo import SIZES, Zoo

import navcore as nav

ZOOS = {"torch": "torch_zoo", "jax": "jax_zoo", "tensorflow": "tf_zoo"}
"""The package of each framework's models."""


def main() -> int:
    """Write the page; the exit status is 1 where a model's process died."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=ZOOS, default="torch")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--model", nargs="+", metavar="NAME", help="of the zoo; by default all of them")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--force", action="store_true", help="try again what is in the JSON file already")
    parser.add_argument("--render", action="store_true", help="write the page of the JSON file, and try nothing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    zoo = zoo_of(asked.framework)
    if asked.one:
        print(json.dumps(tried(asked.one, asked.size, zoo)))
        return 0
    out = asked.out or zoo.page
    beside = out.with_suffix(".json")
    if asked.render:
        write(json.loads(beside.read_text("utf-8")), out, zoo)
        return 0
    facts = begun(beside, asked.size, zoo)
    died = []
    for name in asked.model or zoo.models:
        if name in facts["models"] and not asked.force:
            print(f"{name}: in {beside.name} already")
            continue
        row = in_a_process(name, asked.size, zoo)
        if row is None:
            died.append(name)
            continue
        rows = {**facts["models"], name: row}
        facts["models"] = {each: rows[each] for each in zoo.models if each in rows}
        write(facts, out, zoo)
    write(facts, out, zoo)
    if died:
        print(f"the process of {', '.join(died)} died, so there is no column for that")
    return 1 if died else 0


def zoo_of(framework: str) -> Zoo:
    """Return the zoo of a framework, whose package is imported."""
    zoo: Zoo = importlib.import_module(ZOOS[framework]).ZOO
    return zoo


def begun(path: Path, size: str, zoo: Zoo) -> dict[str, Any]:
    """Return the facts of an earlier run that hold for this size, these versions and these routes; or none yet."""
    registry = nav.load_plugins()
    omissions = plan_of(every_tool(registry, zoo), zoo).omissions
    facts: dict[str, Any] = {
        "size": size,
        "environment": ground(registry, zoo),
        "routes": routes_of(registry, zoo),
        "left_out": {omission.subject: sentence(omission.reason) for omission in omissions},
        "models": {},
    }
    earlier = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if {**earlier, "models": {}} == facts:
        return earlier
    if earlier:
        print(f"{path.name} is of another size, of other versions or routes, so everything is tried")
    return facts


def tried(name: str, size: str, zoo: Zoo) -> dict[str, Any]:
    """Return the row of one model."""
    loaded = zoo.load(name, size)
    workspace = tempfile.mkdtemp()
    try:
        return facts_of(try_everything(loaded, every_tool(nav.load_plugins(), zoo), workspace=workspace), loaded)
    finally:
        shutil.rmtree(workspace)


def in_a_process(name: str, size: str, zoo: Zoo) -> dict[str, Any] | None:
    """Return the row of one model, or None where its process did not live to give it; its last words are printed."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--framework", zoo.name, "--one", name, "--size", size]
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode:
        print(f"{name}: its process ended with {done.returncode} after {took:.0f} s:\n{done.stderr[-3000:]}")
        return None
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    working = sum(cell["works"] for cell in row["cells"].values())
    print(f"{name}: {working} of {len(row['cells'])} routes work, {took:.0f} s", flush=True)
    return row


def write(facts: dict[str, Any], page: Path, zoo: Zoo) -> None:
    """Write the JSON file and the page."""
    page.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    page.write_text(render(facts, zoo), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
