"""Measures `leastwise ingest` beside unpacking alone, chdb and DuckDB on the same logs, in one run.

usage: measure.py LEASTWISE UNPACK LOGS WORK [--rounds N] [--skip-peers]

Times are processor time (user and system) of whole processes, since other work may run beside; the speed-up of two threads is
wall time, and says little on a busy machine. Exit status 1 when a target is missed.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

from runs import folder_of_runs

CHDB = """
import chdb, sys
print(chdb.query(f'''select count() from (select arrayJoin(JSONExtractArrayRaw(line, 'Records')) as r,
    JSONExtractString(r, 'eventSource') as s, JSONExtractString(r, 'eventName') as n, JSONExtractString(r, 'errorCode') as e,
    JSONExtractString(r, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn') as p
    from file('{sys.argv[1]}/AWSLogs/*/*/*/*/*/*/*.json.gz', LineAsString)) group by s, n, e, p settings max_threads=1,
    input_format_allow_errors_num=0''', 'CSV').bytes().count(b'\\n'))
"""
DUCKDB = """
import duckdb, sys
duckdb.sql("set threads = 1; set memory_limit = '6GB'")
print(len(duckdb.sql(f'''select r.eventSource, r.eventName, r.errorCode, r.userIdentity.sessionContext.sessionIssuer.arn, count(*)
    from (select unnest(Records) as r from read_json('{sys.argv[1]}/AWSLogs/*/*/*/*/*/*/*.json.gz', maximum_object_size = 67108864,
    columns = {{Records: 'STRUCT(eventSource VARCHAR, eventName VARCHAR, errorCode VARCHAR, userIdentity STRUCT(sessionContext STRUCT(sessionIssuer STRUCT(arn VARCHAR))))[]'}}))
    group by all''').fetchall()))
"""


def run(command, **extra):
    begun = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **extra)
    out, err = child.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode != 0:
        sys.exit(f"{command[:3]}: {err.decode()[-2000:]}")
    return time.monotonic() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out.decode()


def peak(command):
    """Peak memory of one run, in MB."""
    done = subprocess.run([sys.executable, "-c", "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
                           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)", *command], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("leastwise")
    parser.add_argument("unpack")
    parser.add_argument("logs")
    parser.add_argument("work")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip-peers", action="store_true")
    arguments = parser.parse_args()
    best = {}

    def note(name, wall, processor):
        known = best.get(name, (1e9, 1e9))
        best[name] = (min(known[0], wall), min(known[1], processor))

    with folder_of_runs(arguments.work) as runs:

        def fresh():
            return os.path.join(runs, str(len(os.listdir(runs))))

        def ingest(threads):
            return run([arguments.leastwise, "ingest", arguments.logs, "--out", fresh(), "--threads", str(threads)])

        run([arguments.unpack, arguments.logs])  # the files are in memory from here on
        for _ in range(arguments.rounds):
            wall, processor, told = run([arguments.unpack, arguments.logs])
            note("unpack", wall, processor)
            size = int(told) / 1e6
            for threads in (1, 2):
                wall, processor, told = ingest(threads)
                note(f"ingest {threads}", wall, processor)
        again = run([arguments.leastwise, "ingest", arguments.logs, "--out", os.path.join(runs, "0")])[0]
        memory = peak([arguments.leastwise, "ingest", arguments.logs, "--out", fresh(), "--threads", "2"])
    if not arguments.skip_peers:
        for name, script in (("chdb", CHDB), ("duckdb", DUCKDB)):
            wall, processor, _ = run([sys.executable, "-c", script, arguments.logs])
            note(name, wall, processor)
    print(f"{size:.0f} MB unpacked; MB/s of processor time, whole process:")
    for name, (wall, processor) in best.items():
        print(f"  {name:<10} {size / processor:8.0f} MB/s   wall {wall:.2f} s, processor {processor:.2f} s")
    missed = 0
    processor = {name: times[1] for name, times in best.items()}

    def target(what, value, least, at_most=False):
        nonlocal missed
        met = value <= least if at_most else value >= least
        missed += not met
        print(f"{what}: {value:.2f}; target: {'at most' if at_most else 'at least'} {least}: {'met' if met else 'MISSED'}")

    target("ingest by unpacking alone", processor["unpack"] / processor["ingest 1"], 0.3)
    if not arguments.skip_peers:
        target("ingest by chdb", processor["chdb"] / processor["ingest 1"], 1.3)
        target("ingest by DuckDB", processor["duckdb"] / processor["ingest 1"], 20)
    target("two threads by one, wall", best["ingest 1"][0] / best["ingest 2"][0], 1.85)
    target("peak memory of two threads, MB", memory, 300, at_most=True)
    target("second run, seconds", again, 1, at_most=True)
    sys.exit(1 if missed else 0)


main()
