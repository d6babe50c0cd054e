"""Print the covered lines and branches of each package, from the file `.coverage` of a test run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path


def main() -> None:
    """Summarise `coverage json` by package."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)], check=True)
        files = json.loads(report.read_text())["files"]
    keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    packages: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, entry in files.items():
        parts = Path(name).with_suffix("").parts
        parts = parts[parts.index("whatsit_client") :] if "whatsit_client" in parts else parts[parts.index("whatsit") :]
        for package in ("/".join(parts[:2]) if len(parts) > 2 else parts[0], "all"):
            packages[package] = [a + entry["summary"][key] for a, key in zip(packages[package], keys, strict=True)]
    print(f"{'package':32}{'lines':>16}{'branches':>18}")
    for package, (lines, hit, branches, taken) in sorted(
        packages.items(), key=lambda item: (item[0] == "all", item[0])
    ):
        row = f"{package:32}{hit:6} / {lines:<6}{hit / max(lines, 1):5.0%}"
        print(row + f"{taken:6} / {branches:<6}{taken / max(branches, 1):5.0%}")


if __name__ == "__main__":
    main()
