#!/usr/bin/env python3
"""Simulates an organization of that many roles: made-up accounts (ten, copied under other ids), and rollups of what they used, written straight as Parquet (no
logs in between), are given to `leastwise analyze`; time and memory per role must stay flat as their number grows.

usage: bench/scale.py LEASTWISE WORK [--roles 10000,100000,1000000] [--group 10000] [--whole 10000,100000]

Needs pyarrow and numpy. An organization is cut into groups of accounts (--group: roles in one), as docs/scale.md plans it: each group
has a rollup and an analysis of its own. --whole names sizes at which one rollup and one analysis hold all of it. What is made of a
group is deleted when it was measured; the next one is made meanwhile, on another processor. Exit status 1 when the processor time of a role grows by half from the smallest to the largest
organization, or a group takes more than 1,000 MB.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet

ROLES_OF_ACCOUNT = 100
DAYS = 95
END = 1_793_491_200  # 2026-11-01
REGIONS = ("eu-west-1", "us-east-1")
CALLS = [(f"{service}.amazonaws.com", name) for service, names in {
    "s3": "ListBuckets GetBucketPolicy PutBucketTagging GetBucketLocation CreateBucket",
    "ec2": "DescribeInstances RunInstances StopInstances DescribeVolumes CreateTags DescribeSubnets",
    "dynamodb": "DescribeTable ListTables CreateTable UpdateTable",
    "sqs": "ListQueues CreateQueue GetQueueAttributes",
    "sts": "AssumeRole GetCallerIdentity",
    "iam": "ListRoles GetRole GetPolicy ListAttachedRolePolicies",
    "logs": "CreateLogStream DescribeLogGroups CreateLogGroup",
    "lambda": "ListFunctions20150331 GetFunction20150331v2 UpdateFunctionCode20150331v2",
    "kms": "Decrypt GenerateDataKey DescribeKey",
    "ecr": "GetAuthorizationToken BatchGetImage DescribeRepositories",
    "secretsmanager": "GetSecretValue DescribeSecret",
    "ssm": "GetParameter GetParametersByPath DescribeInstanceInformation",
    "rds": "DescribeDBInstances CreateDBSnapshot",
    "cloudformation": "DescribeStacks CreateChangeSet",
}.items() for name in names.split()]


def text(name, nullable=False):
    return pyarrow.field(name, pyarrow.string(), nullable)


CALLS_SCHEMA = pyarrow.schema([
    text("account", True), text("day"), text("principal"), text("principalType"), text("eventSource"), text("eventName"),
    text("outcome"), text("eventType"), pyarrow.field("mayTag", pyarrow.bool_(), False), text("resource", True),
    pyarrow.field("resourceLevel", pyarrow.uint8(), False), pyarrow.field("count", pyarrow.uint64(), False),
    pyarrow.field("firstSeen", pyarrow.int64(), False), pyarrow.field("lastSeen", pyarrow.int64(), False),
    pyarrow.field("regions", pyarrow.list_(pyarrow.field("item", pyarrow.string(), False)), False),
])
COVERAGE_SCHEMA = pyarrow.schema([
    text("account"), text("region"), text("origin"), pyarrow.field("hours", pyarrow.uint64(), False),
    pyarrow.field("from", pyarrow.int64(), False), pyarrow.field("to", pyarrow.int64(), False),
    *(pyarrow.field(name, pyarrow.bool_(), False) for name in ("reads", "writes", "kms", "rdsData")),
])
FILES_SCHEMA = pyarrow.schema([
    text("file"), text("state"), pyarrow.field("since", pyarrow.int64()), pyarrow.field("events", pyarrow.uint64(), False), text("trouble", True),
])


def name_of(day):
    return time.strftime("%Y-%m-%d", time.gmtime(day * 86_400))


def write(path, schema, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), path, compression="snappy")


def calls_of_day(account, day, arns, habits, chance):
    """Half of the roles work on a day, each with some of its habitual calls."""
    rows = []
    for arn, habit in zip(arns, habits):
        if not len(habit) or chance.random() < 0.5:
            continue
        for call in habit[: 1 + chance.integers(len(habit))]:
            rows.append((arn, *CALLS[call]))
    rows.sort()
    n = len(rows)
    first = day * 86_400 + chance.integers(0, 43_200, n)
    principal, source, name = zip(*rows) if rows else ((), (), ())
    return [
        [account] * n, [name_of(day)] * n, principal, ["Role"] * n, source, name, ["ok"] * n, ["AwsApiCall"] * n, [False] * n, [None] * n, [0] * n,
        chance.integers(1, 300, n), first, first + chance.integers(0, 43_200, n), [[REGIONS[0]]] * n,
    ]


def rollup(folder, roles, seed):
    """A rollup of version 2 (docs/usage.md) of complete trails; gives the number of its rows."""
    chance = numpy.random.default_rng(seed)
    days = range(END // 86_400 - DAYS, END // 86_400)
    (folder / "events").mkdir(parents=True)
    rows = 0
    for account, arns in roles.items():
        # A tenth never works.
        habits = [chance.choice(len(CALLS), chance.integers(1, 9), replace=False) if chance.random() < 0.9 else [] for _ in arns]
        for day in days:
            columns = calls_of_day(account, day, arns, habits, chance)
            rows += len(columns[0])
            write(folder / "calls" / account / f"{name_of(day)}.parquet", CALLS_SCHEMA, columns)
    places = [(account, region) for account in roles for region in REGIONS]
    n = len(places)
    for day in days:
        write(folder / "coverage" / f"{name_of(day)}.parquet", COVERAGE_SCHEMA, [
            [account for account, _ in places], [region for _, region in places], ["trail"] * n, [(1 << 24) - 1] * n,
            [day * 86_400] * n, [day * 86_400 + 86_399] * n, [True] * n, [True] * n, [True] * n, [False] * n,
        ])
    # A log an hour, account and region.
    files = [f"logs/{account}/{region}/{day}/{hour:02}.json.gz" for account, region in sorted(places) for day in days for hour in range(24)]
    n = len(files)
    write(folder / "files.parquet", FILES_SCHEMA, [files, ["1 1"] * n, [None] * n, [100] * n, [None] * n])
    (folder / "usage.json").write_text('{"schema":"leastwise.usage/2"}\n')
    return rows


# A small process in between, since what a child inherits of a large one counts as its peak.
BETWEEN = """
import os, resource, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
print(sum(1 for _ in process.stdout))
status = process.wait()
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(status)
"""


def measured(command):
    """Seconds, seconds of processor, peak MB and findings of an analysis."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-S", "-c", BETWEEN, *map(str, command)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr}")
    findings, cpu, peak = done.stdout.split()
    return time.monotonic() - begun, float(cpu), float(peak), int(findings)


def models(options):
    """Ten made-up accounts, which are copied under other ids."""
    folder = options.work / "models"
    texts = []
    for seed in range(1, 11):
        made = folder / str(seed)
        if not made.exists():
            subprocess.run([options.leastwise, "demo", "--out", made, "--accounts", "1", "--roles", str(ROLES_OF_ACCOUNT), "--users", "0", "--events", "0",
                            "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL)
        [page] = (made / "account").iterdir()
        texts.append(page.read_text())
    return texts


def accounts(folder, models, first, number):
    """Writes so many accounts from that number on; gives their roles."""
    (folder / "account").mkdir(parents=True)
    roles = {}
    for at in range(first, first + number):
        model = models[at % len(models)]
        own = json.loads(model)["RoleDetailList"][0]["Arn"].split(":")[4]
        account = str(100_000_000_000 + at)
        text = model.replace(own, account)
        (folder / "account" / f"{account}.json").write_text(text)
        roles[account] = [role["Arn"] for role in json.loads(text)["RoleDetailList"]]
    return roles


def make(folder, models, first, number):
    """Makes a group; gives the numbers of its roles and of the rows of what they used."""
    shutil.rmtree(folder, ignore_errors=True)
    known = accounts(folder, models, first, number)
    return sum(map(len, known.values())), rollup(folder / "usage", known, first)


def groups(options, models, number, each):
    """The groups, analysed one after the other; while one is, another process makes the next."""
    folder_of = lambda at: options.work / f"group-{os.getpid()}-{at % 2}"
    with ProcessPoolExecutor(1) as maker:
        made = maker.submit(make, folder_of(0), models, 0, each)
        for at in range(number):
            folder, (roles, rows) = folder_of(at), made.result()
            if at + 1 < number:
                made = maker.submit(make, folder_of(at + 1), models, (at + 1) * each, each)
            yield roles, rows, measured([options.leastwise, "analyze", "--account", folder / "account", "--usage", folder / "usage",
                                         "--as-of", "2026-11-01", "--format", "ndjson"])
    if not options.keep:
        for at in range(2):
            shutil.rmtree(folder_of(at), ignore_errors=True)


def organization(options, models, total, size):
    seconds = cpu = peak = roles = rows = findings = 0
    slowest, quickest = 0, float("inf")
    size = min(size, total)
    for number, one in enumerate(groups(options, models, total // size, size // ROLES_OF_ACCOUNT)):
        own, own_rows, (own_seconds, own_cpu, own_peak, found) = one
        seconds, cpu, peak, roles = seconds + own_seconds, cpu + own_cpu, max(peak, own_peak), roles + own
        rows, findings = rows + own_rows, findings + found
        if number % 10 == 9:
            print(f"... {roles} roles: {cpu / roles * 1e6:.0f} µs a role, at most {peak:.0f} MB", file=sys.stderr, flush=True)
        slowest, quickest = max(slowest, own_cpu / own), min(quickest, own_cpu / own)
    each = cpu / roles
    print(f"{roles} roles in {total // size} groups: {seconds:.0f} s, {cpu:.0f} s of processor: {each * 1e6:.0f} µs a role "
          f"({quickest * 1e6:.0f} to {slowest * 1e6:.0f} by group); at most {peak:.0f} MB at a time ({peak * 1048576 / size:.0f} bytes a role); "
          f"{rows} rows of use, {findings} findings", flush=True)
    return each, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("leastwise")
    parser.add_argument("work", type=Path)
    parser.add_argument("--roles", default="10000,100000,1000000")
    parser.add_argument("--group", type=int, default=10_000)
    parser.add_argument("--whole", default="100000")
    parser.add_argument("--keep", action="store_true", help="keep the last two groups")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    made = models(options)
    totals = [int(n) for n in options.roles.split(",") if n]
    for total in [int(n) for n in options.whole.split(",") if n]:
        print("as a whole: ", end="")
        organization(options, made, total, total)
    figures = [organization(options, made, total, options.group) for total in totals]
    flat = figures[-1][0] < 1.5 * figures[0][0]
    small = max(peak for _, peak in figures) < 1000
    print(f"processor time a role at {totals[-1]} is {figures[-1][0] / figures[0][0]:.2f} of that at {totals[0]}: flat: {'yes' if flat else 'NO'}; "
          f"under 1,000 MB: {'yes' if small else 'NO'}")
    sys.exit(0 if flat and small else 1)


if __name__ == "__main__":
    main()
