"""Makes a checkout ready to run, with nothing but a Python interpreter to start from.

Three steps, each skipped when its inputs have not changed since it last succeeded:

1. `.venv`, with the packages of a lock file (every file checked against its hash) and the project itself,
   installed in place so that an edit takes effect at once;
2. Node.js, from the machine when it is new enough, else from a Python wheel in a folder of its own (`.node`);
3. the page, built by npm from `agent_web/ui` into `agent_web/static`.

What a step depended on is hashed into a stamp file that is written last, so a step that was interrupted is
done again. The stamps also hold the checkout's own path: a virtual environment does not survive being moved.

Only the standard library is used here, and this file must stay readable by the oldest supported Python.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from build_page import NODE_LOCK, build_page, find_node
from steps import StepError, is_done, mark_done, may_install_system_packages, run_step, say, stamp_of

ROOT = Path(__file__).resolve().parent.parent
PYTHON_OLDEST = (3, 11)
PYTHON_NEWEST = (3, 13)
RUN_LOCK = "requirements.lock"
DEVELOP_LOCK = "requirements-dev.lock"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bootstrap", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dev", action="store_true", help="also what the tests and checks need")
    parser.add_argument("--no-page", action="store_true", help="leave the page unbuilt")
    options = parser.parse_args(arguments)
    try:
        with only_one_at_a_time(ROOT):
            make_ready(ROOT, develop=options.dev, page=not options.no_page)
    except StepError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def make_ready(root: Path, *, develop: bool, page: bool) -> None:
    interpreter = find_interpreter()
    environment = make_environment(root, interpreter)
    install_packages(root, environment, develop=develop)
    install_project(root, environment)
    if page:
        build_page(root, lambda: find_node(root, lambda folder: install_node(root, interpreter, folder)))


class only_one_at_a_time:  # noqa: N801 - used as a statement, like the context managers of contextlib
    """Two `make` at once in one checkout would install over each other; the second waits for the first."""

    def __init__(self, root: Path) -> None:
        self._path = root / ".cache" / "bootstrap.lock"

    def __enter__(self) -> None:
        self._path.parent.mkdir(exist_ok=True)
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another bootstrap of this checkout to finish")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def find_interpreter() -> str:
    """The interpreter that runs this file when it is of a supported version, else the newest supported one on
    the path."""
    if PYTHON_OLDEST <= sys.version_info[:2] <= PYTHON_NEWEST:
        # Inside a virtual environment: the interpreter that it was made from. Without its links: python3 and python3.11 are
        # one, and an environment must not be made anew because it was called by the other name.
        return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    for minor in range(PYTHON_NEWEST[1], PYTHON_OLDEST[1] - 1, -1):
        name = f"python3.{minor}"
        probe = [name, "-c", "import sys; print(sys.executable)"]
        try:
            answer = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.returncode == 0:
            return os.path.realpath(answer.stdout.strip())
    found = ".".join(str(part) for part in sys.version_info[:3])
    raise StepError(f"Python 3.11, 3.12 or 3.13 is needed; this is {found} and the path has no other.")


def make_environment(root: Path, interpreter: str) -> Path:
    """`.venv` for this interpreter and place, made anew when either has changed."""
    environment = root / ".venv"
    stamp = stamp_of([], interpreter, version_of(interpreter), str(root))
    if is_done(environment, "environment", stamp) and (environment / "bin" / "python").exists():
        return environment
    make_virtual_environment(environment, interpreter)
    mark_done(environment, "environment", stamp)
    return environment


def make_virtual_environment(folder: Path, interpreter: str) -> None:
    require_venv(interpreter)
    run_step(f"making {folder.name}", [interpreter, "-m", "venv", "--clear", str(folder)])


def version_of(interpreter: str) -> str:
    probe = [interpreter, "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"]
    return subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip()


def require_venv(interpreter: str) -> None:
    """Debian splits venv's own pip off into a package: say which, or install it where that was allowed."""
    if has_venv(interpreter):
        return
    version = ".".join(version_of(interpreter).split(".")[:2])
    package = f"python{version}-venv" if "/usr/bin/" in interpreter else "python3-venv"
    command = f"apt-get install -y {package}"
    if may_install_system_packages():
        surroundings = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        run_step("refreshing the package lists", ["apt-get", "update", "-q"], environment=surroundings)
        run_step(
            f"installing {package}",
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", package],
            environment=surroundings,
        )
        if has_venv(interpreter):
            return
    raise StepError(
        f"Python's venv module is incomplete here: install {package} (as root: {command}), then repeat."
    )


def has_venv(interpreter: str) -> bool:
    probe = [interpreter, "-c", "import venv, ensurepip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def install_packages(root: Path, environment: Path, *, develop: bool) -> None:
    """The development lock holds all that the other holds, at the same versions: never go back from it."""
    locks = [root / RUN_LOCK, root / DEVELOP_LOCK]
    run_stamp, develop_stamp = stamp_of(locks[:1]), stamp_of(locks)
    if is_done(environment, "packages", develop_stamp):
        return
    if not develop and is_done(environment, "packages", run_stamp):
        return
    lock, stamp = (locks[1], develop_stamp) if develop else (locks[0], run_stamp)
    run_step(
        f"installing the packages of {lock.name} (a few minutes the first time)",
        [*pip(environment), "install", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)],
        hint="The packages come from the Python package index: check the network, then repeat.",
    )
    mark_done(environment, "packages", stamp)


def install_project(root: Path, environment: Path) -> None:
    stamp = stamp_of([root / "pyproject.toml"], str(root))
    if is_done(environment, "project", stamp):
        return
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--editable", str(root)]
    run_step("installing santral in place", [*pip(environment), "install", *options])
    mark_done(environment, "project", stamp)


def install_node(root: Path, interpreter: str, folder: Path) -> None:
    make_virtual_environment(folder, interpreter)
    lock = root / NODE_LOCK
    run_step(
        "installing Node.js from its wheel",
        [*pip(folder), "install", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)],
        hint="Or install Node.js 20 or newer yourself, then repeat.",
    )


def pip(environment: Path) -> list[str]:
    # "python -m pip" rather than "bin/pip": a script's first line holds no path with a space, nor a long one.
    python = str(environment / "bin" / "python")
    return [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    if code == 0 and time.monotonic() - began > 2:
        say(f"ready after {time.monotonic() - began:.0f} s")
    sys.exit(code)
