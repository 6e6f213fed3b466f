"""Lays an Asterisk of Debian sid into a folder of its own, for `make asterisk`; needs root, debootstrap and 505 MB.

The exchange runs from there by chroot, with configuration that the tests write. Nothing of it touches the system.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from steps import StepError, is_done, mark_done, may_install_system_packages, run_step, stamp_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "asterisk"
SUITE = "sid"
SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
OWN_FOLDERS = ("run/asterisk", "var/log/asterisk", "var/lib/asterisk", "var/spool/asterisk", "etc/asterisk")


def mirror() -> str:
    """Where this machine's own packages come from: the first address of its sources that is not of security updates."""
    files = [file for place in SOURCES for file in (sorted(place.iterdir()) if place.is_dir() else [place])]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
    found = re.findall(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+)", text, re.MULTILINE)
    for address in found:
        if "security" not in address:
            return str(address)
    raise StepError("The sources of apt name no mirror of Debian.")


def lay() -> None:
    stamp = stamp_of([], SUITE, str(FOLDER))
    if is_done(FOLDER, "laid", stamp):
        return
    if os.geteuid() != 0:
        raise StepError("Asterisk is laid and run as root: it lives in a chroot.")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if shutil.which("debootstrap") is None:
        if not may_install_system_packages():
            raise StepError("debootstrap is needed: apt-get install debootstrap.")
        run_step("refreshing the package lists", ["apt-get", "update", "-q"], environment=environment)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "debootstrap"]
        run_step("installing debootstrap", install, environment=environment)
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    options = ["--variant=minbase", "--include=asterisk,ca-certificates"]
    run_step(
        "laying an Asterisk of Debian sid (505 MB, a few minutes)",
        ["debootstrap", *options, SUITE, str(FOLDER), mirror()],
        environment=environment,
    )
    # Else it says that it can't open its database, and ends.
    for name in OWN_FOLDERS:
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    own = ["chroot", str(FOLDER), "chown", "-R", "asterisk:asterisk", *(f"/{name}" for name in OWN_FOLDERS)]
    subprocess.run(own, check=True)
    mark_done(FOLDER, "laid", stamp)


def main() -> int:
    try:
        lay()
    except StepError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
