"""Runs the page's own checks (types, lint, tests) with the same Node.js that builds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bootstrap import ROOT, find_interpreter, install_node
from build_page import find_node, node_environment
from steps import StepError, say

SCRIPTS = ("check", "lint", "test")


def main() -> int:
    page = ROOT / "agent_web" / "ui"
    if not (page / "package.json").exists():
        say("no page to check")
        return 0
    present = json.loads((page / "package.json").read_text())["scripts"]
    try:
        tools = find_node(ROOT, lambda folder: install_node(ROOT, find_interpreter(), folder))
    except StepError as failure:
        print(failure, file=sys.stderr)
        return 1
    for script in SCRIPTS:
        if script not in present:
            print(f"agent_web/ui/package.json has no script {script!r}", file=sys.stderr)
            return 1
        command = ["npm", "run", script]
        code = subprocess.run(command, cwd=page, env=node_environment(tools), check=False).returncode
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
