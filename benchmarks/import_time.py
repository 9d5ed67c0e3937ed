"""Print how long `import navcore` and `nav --help` take, beside what they cannot be faster than.

    python benchmarks/import_time.py [rounds]

Each row is a process of its own. The rows of a round run one after the other, in turn, so that a machine that becomes
slower meanwhile becomes slower for all; differences and ratios are medians over the rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROWS = {
    "python": "pass",
    "import numpy": "import numpy",
    "import navcore": "import navcore",
    "nav --help": "import sys; sys.argv = ['nav', '--help']; from navcore.cli import main; main()",
}


def main() -> None:
    """Measure, and print a table and the slowest imports."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for code in ROWS.values():  # the first run of each pays for cold files
        _seconds(code)
    times = {name: [] for name in ROWS}
    for _ in range(rounds):
        for name, code in ROWS.items():
            times[name].append(_seconds(code))
    print(f"{rounds} rounds, Python {sys.version.split()[0]}; median wall time of a process")
    for name, values in times.items():
        ratio = statistics.median(value / base for value, base in zip(values, times["python"], strict=True))
        print(f"  {name:<16}{1000 * statistics.median(values):7.0f} ms  {ratio:5.1f} x python")
    beyond = [a - b for a, b in zip(times["import navcore"], times["import numpy"], strict=True)]
    print(f"  navcore beyond numpy {1000 * statistics.median(beyond):.0f} ms, limit 100 ms")
    print(f"  nav --help {1000 * statistics.median(times['nav --help']):.0f} ms, limit 400 ms")
    print("slowest of `import navcore`, by themselves:")
    for own_us, module in _slowest():
        print(f"  {own_us / 1000:7.1f} ms  {module}")


def _seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _slowest(count: int = 12) -> list[tuple[int, str]]:
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import numpy, sys; print('-', file=sys.stderr); import navcore",
    ]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stderr.partition("\n-\n")[2]
    rows = [line.removeprefix("import time:").split("|") for line in report.splitlines() if line.count("|") == 2]
    return sorted(((int(own), module.strip()) for own, _, module in rows), reverse=True)[:count]


if __name__ == "__main__":
    main()
