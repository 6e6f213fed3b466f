"""The clock, limits of the system, and the libraries that audio and pages need."""

from __future__ import annotations

import ctypes
import importlib
import resource
import subprocess
import sys
import time
from pathlib import Path

from santral.checks.finding import Finding, fail, ok, warn

OPEN_FILES_MIN = 1024
OPEN_FILES_WANTED = 8192
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_BUILT_S = 1_767_225_600  # 2026-01-01; a clock before the product's own time is wrong
_TIMEX_BYTES = 512  # more than struct timex takes on any machine


def clock() -> Finding:
    """Reports and the order of calls rest on it."""
    if time.time() < _BUILT_S:
        return fail(f"the clock says {time.strftime('%Y-%m-%d')}", "set the clock")
    # modes = 0, the first field, asks and changes nothing; the kernel fills in the rest.
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(timex)
    if state in (-1, _TIME_ERROR):
        return warn("the clock is not known to be synchronised", "run chrony or systemd-timesyncd")
    return ok("synchronised")


def open_files() -> Finding:
    """A call takes about four descriptors in the media engine and a page one in the web."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return ok("no limit")
    if hard < OPEN_FILES_MIN:
        return fail(f"at most {hard} open files", f"raise the limit to {OPEN_FILES_WANTED} (ulimit -Hn)")
    if hard < OPEN_FILES_WANTED:
        return warn(f"at most {hard} open files", f"raise the limit to {OPEN_FILES_WANTED} for busy days")
    return ok(f"up to {hard}")


def raise_open_files() -> None:
    """As high as we may without asking anybody; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_WANTED)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def speech() -> Finding:
    """Whether the library that speaks prompts finds its voices; in a process of its own, as it may crash."""
    command = [sys.executable, "-c", "from gateways.speech.espeak import Voice; Voice()"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return fail("eSpeak NG does not answer", "install the packages again: make ready")
    if tried.returncode != 0:
        reason = (tried.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return fail(f"no prompts can be spoken ({reason})", "install the packages again: make ready")
    return ok("eSpeak NG speaks")


def browser_audio() -> Finding:
    """DTLS and SRTP for browsers' legs."""
    try:
        importlib.import_module("pylibsrtp").Session()
        importlib.import_module("OpenSSL.SSL")
    except (ImportError, OSError) as error:
        return fail(f"the browser audio libraries can't be loaded ({error})", "install them: make ready")
    return ok("DTLS and SRTP load")


def page(static: Path) -> Finding:
    if not (static / "index.html").is_file():
        return fail(f"the page isn't built ({static})", "build it: make ready")
    return ok("built")
