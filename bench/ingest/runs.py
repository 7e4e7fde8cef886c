"""The folder in which measured runs write, which `measure.py` and `cluster.py` share."""

import os
import shutil
import sys
import time
from contextlib import contextmanager

# Seconds after which ext4 takes a deleted inode for a free one.
AFTER_DELETION = 360


@contextmanager
def folder_of_runs(work):
    """An empty folder, gone at the end. ext4 steps round inodes that were deleted within some minutes, one by one, so making files
    takes the file system several times as long behind a deletion, and most of all for two threads. So what an earlier measurement
    deleted is waited for."""
    runs = os.path.join(work, "runs")
    deleted = os.path.join(work, "runs.deleted")

    def remove():
        shutil.rmtree(runs)
        open(deleted, "w").close()

    if os.path.exists(runs):
        remove()
    if os.path.exists(deleted) and (left := os.path.getmtime(deleted) + AFTER_DELETION - time.time()) > 0:
        print(f"waits {left:.0f} s, since the files of another measurement were deleted just now", file=sys.stderr, flush=True)
        time.sleep(left)
    os.makedirs(runs)
    try:
        yield runs
    finally:
        remove()
