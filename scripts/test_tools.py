"""The programs that the end-to-end tests drive: a SIP phone, a SIP load generator and a browser of Debian.

As root with SANTRAL_INSTALL_SYSTEM_PACKAGES=1 what is missing is installed; else a line says what to install.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from steps import StepError, may_install_system_packages, run_step

# A program or a file that shows that the package is there. DejaVu has the letters of Turkish and Polish.
PACKAGES = {
    "baresip": "baresip",
    "sip-tester": "sipp",
    "chromium": "chromium",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
}


def missing_packages() -> list[str]:
    return [package for package, sign in PACKAGES.items() if not (shutil.which(sign) or Path(sign).exists())]


def main() -> int:
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
