"""Throughput and peak memory of `leastwise refine --batch` on one core and on two, and on ten times the input.

    python bench/batch.py LEASTWISE CASES.ndjson
"""

import os
import pathlib
import sys
import tempfile
import time


def run(command, cores):
    """Wall seconds, CPU seconds and peak megabytes of one run that may use these cores."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, cores)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.execv(command[0], command)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, status
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    leastwise, file = sys.argv[1:]
    available = sorted(os.sched_getaffinity(0))
    text = pathlib.Path(file).read_text()
    cases, peaks, walls = text.count("\n"), {}, {}
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as ten:
        ten.write(text * 10)
        ten.flush()
        for name, path, cores, count in (
            ("1 core", file, {available[0]}, cases),
            ("2 cores", file, set(available[:2]), cases),
            ("2 cores, 10 x", ten.name, set(available[:2]), cases * 10),
            ("1 core, 10 x", ten.name, {available[0]}, cases * 10),
        ):
            rows = [run([leastwise, "refine", "--batch", path], cores) for _ in range(1 if "10 x" in name else 5)]
            wall, cpu, _ = min(rows)
            walls[name], peaks[name] = wall, max(r[2] for r in rows)
            print(f"{name:14} {count:6} cases  {wall:6.2f} s  {count / wall:7.0f} cases/s  cpu {cpu:6.2f} s  peak {peaks[name]:5.0f} MB")
    flat = peaks["2 cores, 10 x"] <= 1.15 * peaks["2 cores"] and peaks["1 core, 10 x"] <= 1.15 * peaks["1 core"]
    small = max(peaks.values()) < 150
    print(f"batch: 2 cores {walls['1 core'] / walls['2 cores']:.2f} x one core; ten times the input keeps the peak: {'met' if flat else 'MISSED'};"
          f" under 150 MB: {'met' if small else 'MISSED'}")
    sys.exit(0 if flat and small else 1)


main()
