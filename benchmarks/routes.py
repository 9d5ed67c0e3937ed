"""Try every route from a framework on every model of its zoo, and write a table such as docs/torch-routes.md.

python benchmarks/routes.py [--framework torch|tensorflow] [--size tiny|full] [--model NAME ...]
                            [--out docs/torch-routes.md] [--force] [--render]

Models come one after the other, each in a process of its own, so that a crash costs one of them. The facts are in a
JSON file beside the page, and what is there already is not tried again, as long as size, versions and routes are the
same.
"""

from __future__ import annotations

import argparse
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

from frameworks import FRAMEWORKS, Framework
from route_facts import every_tool, facts_of, ground, plan_of, routes_of, sentence, try_everything
from route_page import render

import navcore as nav

DOCS = Path(__file__).parents[1] / "docs"
SIZES = ("tiny", "full")


def main() -> int:
    """Write the page; the exit status is 1 where a model's process died."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=FRAMEWORKS, default="torch")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--model", nargs="+", help="by default all of the zoo")
    parser.add_argument("--out", type=Path, help="by default the page in docs/")
    parser.add_argument("--force", action="store_true", help="try again what is in the JSON file already")
    parser.add_argument("--render", action="store_true", help="write the page of the JSON file, and try nothing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    framework = FRAMEWORKS[asked.framework]
    if asked.one:
        print(json.dumps(tried(framework, asked.one, asked.size)))
        return 0
    models = list(framework.models())
    if unknown := set(asked.model or ()) - set(models):
        parser.error(f"no model {', '.join(sorted(unknown))}; there are {', '.join(models)}")
    page = asked.out or DOCS / f"{framework.name}-routes.md"
    beside = page.with_suffix(".json")
    if asked.render:
        write(framework, json.loads(beside.read_text("utf-8")), page)
        return 0
    facts = begun(framework, beside, asked.size)
    died = []
    for name in asked.model or models:
        if name in facts["models"] and not asked.force:
            print(f"{name}: in {beside.name} already")
            continue
        row = in_a_process(framework, name, asked.size)
        if row is None:
            died.append(name)
            continue
        rows = {**facts["models"], name: row}
        facts["models"] = {each: rows[each] for each in models if each in rows}
        write(framework, facts, page)
    write(framework, facts, page)
    if died:
        print(f"the process of {', '.join(died)} died, so there is no column for that")
    return 1 if died else 0


def begun(framework: Framework, path: Path, size: str) -> dict[str, Any]:
    """Return the facts of an earlier run that hold for this size, these versions and these routes; or none yet."""
    registry = nav.load_plugins()
    omissions = plan_of(framework, every_tool(framework, registry)).omissions
    facts: dict[str, Any] = {
        "size": size,
        "environment": ground(framework, registry),
        "routes": routes_of(framework, registry),
        "left_out": {omission.subject: sentence(omission.reason) for omission in omissions},
        "models": {},
    }
    earlier = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if {**earlier, "models": {}} == facts:
        return earlier
    if earlier:
        print(f"{path.name} is of another size, of other versions or routes, so everything is tried")
    return facts


def tried(framework: Framework, name: str, size: str) -> dict[str, Any]:
    """Return the row of one model."""
    loaded = framework.load(name, size)
    workspace = tempfile.mkdtemp()
    try:
        registry = every_tool(framework, nav.load_plugins())
        return facts_of(try_everything(loaded, registry, workspace=workspace), loaded)
    finally:
        shutil.rmtree(workspace)


def in_a_process(framework: Framework, name: str, size: str) -> dict[str, Any] | None:
    """Return the row of one model, or None where its process did not live to give it; its last words are printed."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--framework", framework.name, "--one", name, "--size", size]
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode:
        print(f"{name}: its process ended with {done.returncode} after {took:.0f} s:\n{done.stderr[-3000:]}")
        return None
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    working = sum(cell["works"] for cell in row["cells"].values())
    print(f"{name}: {working} of {len(row['cells'])} routes work, {took:.0f} s", flush=True)
    return row


def write(framework: Framework, facts: dict[str, Any], page: Path) -> None:
    """Write the JSON file and the page."""
    page.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    page.write_text(render(framework, facts), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
