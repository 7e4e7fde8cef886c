"""Measures `leastwise ingest --cluster` with one scheduler and two one-core workers beside one machine's two threads, in one run.

usage: cluster.py LEASTWISE LOGS WORK [--rounds N] [--target RATIO]

Both are the same command, built with the feature `cluster`; times are wall time of the whole `ingest`, the best of the rounds,
taken in turns. The roles are started once and run between rounds, as they would. Exit status 1 when the target is missed, or
when the two rollups differ in a single byte.
"""

import argparse
import filecmp
import os
import subprocess
import sys
import time

from runs import folder_of_runs


def role(leastwise, *arguments):
    child = subprocess.Popen([leastwise, "cluster", *arguments], stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline().strip()


def ingest(leastwise, logs, out, *more):
    begun = time.monotonic()
    done = subprocess.run([leastwise, "ingest", logs, "--out", out, *more], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{more}: {done.stdout}{done.stderr}")
    return time.monotonic() - begun, done.stdout


def files(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names if name != ".lock")


def processor(child):
    with open(f"/proc/{child.pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("leastwise")
    parser.add_argument("logs")
    parser.add_argument("work")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--target", type=float, default=1.6)
    arguments = parser.parse_args()
    with folder_of_runs(arguments.work) as runs:
        measure(arguments, runs)


def measure(arguments, runs):
    """Runs both in turns, and ends with the status."""
    one, many = (os.path.join(runs, name) for name in ("one", "many"))
    roles = []
    try:
        scheduler, line = role(arguments.leastwise, "scheduler", "--listen", "127.0.0.1:0")
        roles.append(scheduler)
        address = line.split()[-1]
        for number in range(2):
            rows = os.path.join(arguments.work, f"rows-{number}")
            worker, line = role(arguments.leastwise, "worker", "--scheduler", address, "--cores", "1", "--port", "0", "--work", rows)
            roles.append(worker)
        time.sleep(2)
        best = {}
        for turn in range(arguments.rounds):
            for name, out, more in (("one machine, two threads", one, ("--threads", "2")), ("cluster, two workers", many, ("--cluster", address))):
                before = sum(map(processor, roles))
                seconds, told = ingest(arguments.leastwise, arguments.logs, f"{out}-{turn}", *more)
                spent = sum(map(processor, roles)) - before
                if seconds < best.get(name, (1e9,))[0]:
                    best[name] = (seconds, spent, told.strip())
    finally:
        for child in roles:
            child.terminate()
        for child in roles:
            child.wait()
    for name, (seconds, spent, told) in best.items():
        print(f"{name:<26} {seconds:.2f} s (processor time of the roles {spent:.2f} s): {told.split(': ', 1)[1]}")
    one, many = (f"{folder}-{arguments.rounds - 1}" for folder in (one, many))
    same = files(one) == files(many) and all(filecmp.cmp(os.path.join(one, name), os.path.join(many, name), shallow=False) for name in files(one))
    print("the rollups are the same, byte by byte" if same else "THE ROLLUPS DIFFER")
    ratio = best["cluster, two workers"][0] / best["one machine, two threads"][0]
    met = ratio <= arguments.target
    print(f"cluster by one machine: {ratio:.2f}; target: at most {arguments.target}: {'met' if met else 'MISSED'}")
    sys.exit(0 if same and met else 1)


main()
