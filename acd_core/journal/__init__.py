"""The journal: every input event in checksummed segment files on the core's own disk, and snapshots of the
domain's state.

The core appends and never waits: a write goes to the kernel at once (so `kill -9` loses nothing), a thread
syncs to disk every few milliseconds (so power loss costs at most what was not yet synced). The store process
reads the same files from behind.
"""
