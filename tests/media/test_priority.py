from __future__ import annotations

import os
import subprocess
import sys

import pytest

# In a process of its own: what is tried here would stay with all other tests.
_BUSY = """
import os, threading, time
from gateways.media import priority
granted = priority.take()
beside = threading.Thread(target=time.sleep, args=(600,), daemon=True)
beside.start()
policies = {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}
until = time.monotonic() + 60
while os.sched_getscheduler(0) == os.SCHED_RR and time.monotonic() < until:
    pass
after = {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}
print(granted, policies == {os.SCHED_RR}, after == {os.SCHED_OTHER})
"""


def test_an_engine_without_a_pause_gives_its_privilege_back() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _BUSY], capture_output=True, text=True, check=True, timeout=100
    )
    if not result.stdout.startswith("real-time"):
        pytest.skip("no right to real-time scheduling here")
    assert result.stdout.split() == ["real-time", "True", "True"]


def test_without_the_right_it_goes_on_as_ordinary() -> None:
    if os.geteuid() == 0:
        script = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    else:
        script = ""
    script += "from gateways.media import priority\nassert priority.take() in ('real-time', 'ordinary', 'niceness -10')"
    # Imported before the rights are dropped: another user may not reach this folder.
    script = "import gateways.media.priority\n" + script
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
