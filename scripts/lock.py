"""Writes the lock files: one version of each package, with its files' hashes, for Python 3.11 to 3.13.

Run with `make lock` when a dependency of pyproject.toml changes; needs uv. A lock names packages, versions
and hashes only, so it says nothing of the machine or the index it was made with.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.lock": ["pyproject.toml", "--group", "build"],
    "requirements-dev.lock": [
        *("pyproject.toml", "--group", "build", "--group", "dev"),
        *("--constraints", "requirements.lock"),
    ],
    "requirements-node.lock": ["--group", "node"],
    "requirements-sippy.lock": ["--group", "sippy"],
}
OPTIONS = [
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
    *("--no-header", "--no-emit-index-url", "--no-annotate"),
]


def main() -> int:
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    for lock, sources in LOCKS.items():
        command = ["uv", "pip", "compile", *sources, *OPTIONS, *upgrade, "--output-file", lock]
        try:
            code = subprocess.run(command, cwd=ROOT, check=False).returncode
        except FileNotFoundError:
            print("uv is needed to write the locks: pip install uv", file=sys.stderr)
            return 1
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
