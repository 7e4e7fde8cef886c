"""Whole process: `leastwise refine` on the shipped example beside `jq . policy.json`, interleaved, in the same run.

    python bench/startup.py LEASTWISE EXAMPLE_FOLDER [--rounds N]

Prints medians of wall time, minima, and CPU time (user and system) of the children; the target is on the medians.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time


def one(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1e3, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("leastwise")
    arguments.add_argument("example")
    arguments.add_argument("--rounds", type=int, default=100)
    given = arguments.parse_args()
    policy, unused = (os.path.join(given.example, name) for name in ("policy.json", "unused.json"))
    ours = [given.leastwise, "refine", policy, "--unused", unused]
    theirs = [shutil.which("jq"), ".", policy]
    times = {"leastwise": [], "jq": [], "true": []}
    for _ in range(given.rounds):
        for name, command in (("leastwise", ours), ("jq", theirs), ("true", ["/bin/true"])):
            times[name].append(one(command))
    for name, rows in times.items():
        wall, cpu = zip(*rows)
        print(f"{name:10} wall median {statistics.median(wall):6.2f} ms  least {min(wall):6.2f} ms   cpu mean {statistics.mean(cpu):6.2f} ms")
    median = lambda name: statistics.median(w for w, _ in times[name])
    ratio = median("leastwise") / median("jq")
    met = ratio <= 0.5
    print(f"startup: {ratio:.2f} of jq; target: at most 0.50: {'met' if met else 'MISSED'}")
    sys.exit(0 if met else 1)


main()
