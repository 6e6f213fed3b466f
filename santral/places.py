"""Where the parts of the installation lie."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
PAGE = _ROOT / "agent_web" / "static"
EXAMPLE_CITY = _ROOT / "examples" / "city-water"
