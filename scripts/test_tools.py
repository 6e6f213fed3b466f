"""The programs that tests drive: SIP phones, a proxy, load and rubbish generators and a browser of Debian, and sippy.

As root with SANTRAL_INSTALL_SYSTEM_PACKAGES=1 what is missing of Debian's is installed; else a line says what to install.
sippy is installed from its lock into an environment of its own, `.cache/sippy-venv`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bootstrap import find_interpreter, make_virtual_environment, only_one_at_a_time, pip
from steps import StepError, is_done, mark_done, may_install_system_packages, run_step, stamp_of

ROOT = Path(__file__).resolve().parent.parent
SIPPY_LOCK = "requirements-sippy.lock"

# A program or a file that shows that the package is there. DejaVu has the letters of Turkish and Polish.
PACKAGES = {
    "baresip": "baresip",
    "sip-tester": "sipp",
    "sipsak": "sipsak",
    "linphone-cli": "linphonec",
    "kamailio": "kamailio",
    "kamailio-tls-modules": "/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so",
    "tcpdump": "tcpdump",
    "dnsmasq-base": "/usr/sbin/dnsmasq",
    "chromium": "chromium",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
}


def missing_packages() -> list[str]:
    return [package for package, sign in PACKAGES.items() if not (shutil.which(sign) or Path(sign).exists())]


def install_sippy() -> None:
    """Two steps: its source distribution is built with the locked builder, not with one from the network."""
    environment = ROOT / ".cache" / "sippy-venv"
    interpreter = find_interpreter()
    lock = ROOT / SIPPY_LOCK
    stamp = stamp_of([lock], interpreter, str(environment))
    with only_one_at_a_time(ROOT):
        if is_done(environment, "packages", stamp):
            return
        make_virtual_environment(environment, interpreter)
        install = [*pip(environment), "install", "--require-hashes"]
        builder = environment / "builder.lock"
        builder.write_text(entry_of(lock.read_text(), "setuptools"))
        run_step(
            "installing what builds sippy",
            [*install, "--only-binary", ":all:", "--requirement", str(builder)],
        )
        run_step("installing sippy", [*install, "--no-build-isolation", "--requirement", str(lock)])
        mark_done(environment, "packages", stamp)


def entry_of(lock: str, package: str) -> str:
    """The lines of one package: itself and its files' hashes."""
    lines = lock.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    rest = itertools.takewhile(lambda line: line.startswith(" "), lines[first + 1 :])
    return "\n".join([lines[first], *rest]) + "\n"


def main() -> int:
    try:
        install_sippy()
    except StepError as failure:
        print(failure, file=sys.stderr)
        return 1
    return install_packages()


def install_packages() -> int:
    missing = missing_packages()
    if not missing:
        return 0
    if not may_install_system_packages():
        names = " ".join(missing)
        print(f"The tests need {names}. As root: apt-get install {names}.", file=sys.stderr)
        print("Without them: make unit", file=sys.stderr)
        return 1
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    try:
        run_step("refreshing the package lists", ["apt-get", "update", "-q"], environment=environment)
        run_step(f"installing {', '.join(missing)}", install, environment=environment)
    except StepError as failure:
        print(failure, file=sys.stderr)
        return 1
    still = missing_packages()
    if still:
        print(f"Still missing after the installation: {' '.join(still)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
