#!/usr/bin/env python3
"""Times `leastwise analyze --out` (findings and proved, replayed recommendations for all) beside `cloudsplaining scan`, on the same
account file in the same run; then on ten and a hundred times as many roles, for time and memory per role.

usage: bench/analyze.py LEASTWISE WORK [--cloudsplaining PYTHON] [--roles 1000] [--rounds 3] [--scale 10000,100000]

Needs python3 only; PYTHON is an interpreter that has PyPI cloudsplaining (0.9.1 was used). WORK is a folder for what is made.
Exit status 1 when a target is missed: a quarter of cloudsplaining's time, a third of its memory, linear in the number of roles.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

AS_OF = "2026-11-01"


def timed(command, environment=None):
    """Seconds and peak MB of a command, which must not end with 2 or more."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        sys.exit(f"{command} ended with {code}")
    return seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def organization(leastwise, work, roles):
    """An account of that many roles with its reports of last access, and no logs."""
    folder = work / f"org-{roles}"
    if not folder.exists():
        made = work / f"made-{roles}"
        shutil.rmtree(made, ignore_errors=True)
        subprocess.run([leastwise, "demo", "--out", made, "--accounts", "1", "--roles", str(roles), "--users", "0", "--events", "0"],
                       check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(made / "cloudtrail", ignore_errors=True)
        made.rename(folder)
    return folder


def plain_documents(value):
    """Percent-encoded documents as objects, which is what cloudsplaining takes; pages put together."""
    if isinstance(value, dict):
        return {k: json.loads(urllib.parse.unquote(v)) if k in ("PolicyDocument", "Document", "AssumeRolePolicyDocument") and isinstance(v, str)
                else plain_documents(v) for k, v in value.items()}
    return [plain_documents(v) for v in value] if isinstance(value, list) else value


def one_file(folder, target):
    whole = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    for page in sorted((folder / "account").iterdir()):
        for key, rows in json.loads(page.read_text()).items():
            if key in whole:
                whole[key] += plain_documents(rows)
    target.write_text(json.dumps(whole, indent=4))
    return len(whole["RoleDetailList"])


def analyse(leastwise, folder, account, out):
    shutil.rmtree(out, ignore_errors=True)
    return timed([leastwise, "analyze", "--account", account, "--last-accessed", folder / "last-accessed",
                  "--service-reference", folder / "service-reference", "--as-of", AS_OF, "--out", out])


def median(runs):
    return [sorted(column)[len(column) // 2] for column in zip(*runs)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("leastwise")
    parser.add_argument("work", type=Path)
    parser.add_argument("--cloudsplaining", help="a python that has it")
    parser.add_argument("--roles", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", default="10000,100000")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    sys.stdout.reconfigure(line_buffering=True)
    met = True

    folder = organization(options.leastwise, options.work, options.roles)
    account = options.work / "account.json"
    roles = one_file(folder, account)
    out = options.work / "out"
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(analyse(options.leastwise, folder, account, out))
        if options.cloudsplaining:
            report = options.work / "cloudsplaining"
            shutil.rmtree(report, ignore_errors=True)
            report.mkdir()
            theirs.append(timed([options.cloudsplaining, "-m", "cloudsplaining.bin.cli", "scan", "--input-file", account, "--output", report,
                                 "--skip-open-report"]))
    findings = sum(1 for _ in open(out / "findings.ndjson"))
    recommendations = sum(1 for _ in open(out / "recommendations.ndjson"))
    seconds, peak, cpu = median(ours)
    print(f"leastwise       {roles} roles: {seconds:.2f} s ({cpu:.2f} s of processor), {peak:.0f} MB; {findings} findings, {recommendations} recommendations")
    if theirs:
        their_seconds, their_peak, their_cpu = median(theirs)
        print(f"cloudsplaining  {roles} roles: {their_seconds:.2f} s ({their_cpu:.2f} s of processor), {their_peak:.0f} MB")
        fast, small = seconds < their_seconds / 4, peak < their_peak / 3
        met = fast and small
        print(f"time {seconds / their_seconds:.3f} of cloudsplaining's (target under 0.25: {'met' if fast else 'MISSED'}), "
              f"memory {peak / their_peak:.3f} (target under 0.333: {'met' if small else 'MISSED'})")

    previous = None
    for count in [int(n) for n in options.scale.split(",") if n]:
        folder = organization(options.leastwise, options.work, count)
        account = folder / "account"
        seconds, peak, cpu = analyse(options.leastwise, folder, account, out)
        print(f"leastwise       {count} roles: {seconds:.1f} s ({cpu:.1f} s of processor), {peak:.0f} MB: "
              f"{seconds / count * 1e6:.0f} µs and {peak * 1048576 / count:.0f} bytes a role")
        if previous:
            linear = cpu / count < 1.5 * previous[1] / previous[0]
            met = met and linear
            print(f"processor time a role is {cpu / count / (previous[1] / previous[0]):.2f} of that at {previous[0]} (linear: {'yes' if linear else 'NO'})")
        previous = (count, cpu)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
