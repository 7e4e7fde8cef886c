#!/usr/bin/env python3
"""Measures `leastwise serve` under load: a store of a million made-up findings, asked over HTTP with signed requests while an analysis
runs; a recommendation for a role of ten policies; the first page in Chromium.

usage: bench/serve.py LEASTWISE LOAD WORK [--findings 1000000] [--seconds 60] [--rate 200] [--browser FOLDER] [--only load|recommend|page]

LOAD is the example `load` of crates/server. FOLDER has node_modules with playwright-core; without it the page is not measured.
Everything is on loopback. Exit status 1 when a target is missed.
"""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

MISSED = []


def told(what, value, unit, most):
    met = value < most
    if not met:
        MISSED.append(what)
    print(f"{what}: {value:.1f} {unit}; target: under {most} {unit}: {'met' if met else 'MISSED'}", flush=True)


def serving(load, store, findings, command="serve"):
    """A server over the store beside analyses without end (none if `findings` is 0): process, address, key, secret."""
    process = subprocess.Popen([load, command, store, str(findings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: [print(f"  {line.rstrip()}", flush=True) for line in process.stderr], daemon=True).start()
    address, key, secret = process.stdout.readline().split()
    return process, address, key, secret


def memory(process):
    facts = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return int(facts["VmHWM"].split()[0]) / 1024


def stop(process):
    process.stdin.close()
    process.wait(30)


def under_load(load, store, options):
    process, address, key, secret = serving(load, store, options.findings)
    try:
        done = subprocess.run([load, "drive", address, key, secret, str(options.seconds), str(options.rate)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        got = json.loads(done.stdout.splitlines()[-1])
        print(json.dumps(got), flush=True)
        lists, sums = got["lists"], got["statistics"]
        if got["failures"]:
            MISSED.append("failures")
            print(f"{got['failures']} requests failed, such as {done.stderr.splitlines()[0]}")
        told(f"ListFindingsV2 over {options.findings} findings, p99 of {lists['requests']} at {options.rate}/s, beside an analysis", lists["p99"], "ms", 25)
        told(f"GetFindingsStatistics, p99 of {sums['requests']}", sums["p99"], "ms", 50)
        told("the server's memory at most", memory(process), "MB", 500)
    finally:
        stop(process)


TEN = ["s3", "ec2", "sqs", "sns", "dynamodb", "lambda", "kms", "logs", "glue", "athena"]


def ten_policies(folder):
    """Exports of one account with one role, which has ten managed policies and has used two actions of each."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    account, name = "111122223333", "ten"
    actions = {service: [f"{service}:{verb}" for verb in verbs] for service, verbs in VERBS.items()}
    policy = lambda service: json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Action": actions[service][:-2], "Resource": "*"},
        {"Sid": "Write", "Effect": "Allow", "Action": [f"{service}:*"], "Resource": f"arn:aws:{service}:*:{account}:team-*",
         "Condition": {"StringEquals": {"aws:PrincipalTag/team": "a"}}}]})
    arn = lambda service: f"arn:aws:iam::{account}:policy/use-{service}"
    version = lambda service: {"VersionId": "v1", "IsDefaultVersion": True, "CreateDate": "2025-01-01T00:00:00Z", "Document": json.loads(policy(service))}
    (folder / "account.json").write_text(json.dumps({
        "UserDetailList": [], "GroupDetailList": [], "IsTruncated": False,
        "RoleDetailList": [{"Path": "/", "RoleName": name, "RoleId": "AROAEXAMPLEEXAMPLEAB", "Arn": f"arn:aws:iam::{account}:role/{name}", "CreateDate": "2024-01-01T00:00:00Z",
                            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
                            "InstanceProfileList": [], "RolePolicyList": [], "Tags": [], "RoleLastUsed": {"LastUsedDate": "2026-10-31T00:00:00Z", "Region": "us-east-1"},
                            "AttachedManagedPolicies": [{"PolicyName": f"use-{service}", "PolicyArn": arn(service)} for service in TEN]}],
        "Policies": [{"PolicyName": f"use-{service}", "PolicyId": "ANPAEXAMPLE", "Arn": arn(service), "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1,
                      "IsAttachable": True, "CreateDate": "2025-01-01T00:00:00Z", "UpdateDate": "2025-01-01T00:00:00Z", "PolicyVersionList": [version(service)]} for service in TEN]}))
    last = lambda service: {"ServiceName": service, "ServiceNamespace": service, "TotalAuthenticatedEntities": 1, "LastAuthenticated": "2026-10-30T00:00:00Z",
                            "LastAuthenticatedEntity": f"arn:aws:iam::{account}:role/{name}",
                            "TrackedActionsLastAccessed": [{"ActionName": action.split(":")[1], **({"LastAccessedTime": "2026-10-30T00:00:00Z", "LastAccessedRegion": "us-east-1",
                                                           "LastAccessedEntity": f"arn:aws:iam::{account}:role/{name}"} if at < 2 else {})} for at, action in enumerate(actions[service])]}
    (folder / "last-accessed").mkdir()
    (folder / "last-accessed" / f"{name}.json").write_text(json.dumps({
        "JobStatus": "COMPLETED", "JobType": "ACTION_LEVEL", "JobCreationDate": "2026-11-01T00:00:00Z", "JobCompletionDate": "2026-11-01T00:00:00Z", "IsTruncated": False,
        "Arn": f"arn:aws:iam::{account}:role/{name}", "ServicesLastAccessed": [last(service) for service in TEN]}))


VERBS = {
    "s3": ["ListAllMyBuckets", "GetBucketLocation", "GetBucketPolicy", "GetBucketTagging", "CreateBucket", "DeleteBucket", "PutBucketPolicy", "PutBucketTagging"],
    "ec2": ["DescribeInstances", "DescribeVolumes", "DescribeImages", "DescribeSubnets", "RunInstances", "StartInstances", "StopInstances", "CreateTags"],
    "sqs": ["ListQueues", "GetQueueAttributes", "GetQueueUrl", "ListQueueTags", "CreateQueue", "DeleteQueue", "SetQueueAttributes", "PurgeQueue"],
    "sns": ["ListTopics", "GetTopicAttributes", "ListSubscriptions", "ListTagsForResource", "CreateTopic", "DeleteTopic", "SetTopicAttributes", "Subscribe"],
    "dynamodb": ["ListTables", "DescribeTable", "DescribeLimits", "ListBackups", "CreateTable", "DeleteTable", "UpdateTable", "CreateBackup"],
    "lambda": ["ListFunctions", "GetFunction", "GetPolicy", "ListAliases", "CreateFunction", "DeleteFunction", "UpdateFunctionCode", "AddPermission"],
    "kms": ["ListKeys", "DescribeKey", "GetKeyPolicy", "ListAliases", "CreateKey", "CreateAlias", "PutKeyPolicy", "ScheduleKeyDeletion"],
    "logs": ["DescribeLogGroups", "DescribeLogStreams", "ListTagsLogGroup", "DescribeMetricFilters", "CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy", "PutMetricFilter"],
    "glue": ["GetDatabases", "GetTables", "GetJobs", "GetCrawlers", "CreateDatabase", "DeleteDatabase", "CreateJob", "StartJobRun"],
    "athena": ["ListWorkGroups", "GetWorkGroup", "ListDataCatalogs", "ListNamedQueries", "CreateWorkGroup", "DeleteWorkGroup", "UpdateWorkGroup", "StartQueryExecution"],
}


def recommending(leastwise, work):
    folder = work / "ten-policies"
    ten_policies(folder)
    process = subprocess.Popen([leastwise, "serve", "--data", folder, "--listen", "127.0.0.1:0", "--as-of", "2026-11-01", "--insecure-no-auth"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = process.stdout.readline().split("http://")[1].split(",")[0]
        connection = http.client.HTTPConnection(address, timeout=30)

        def ask(method, path, body=None):
            connection.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                sys.exit(f"{method} {path}: {answer.status} {text}")
            return json.loads(text)

        arn, found = None, []
        for _ in range(300):
            analyzers = ask("GET", "/analyzer")["analyzers"]
            if analyzers and "lastResourceAnalyzedAt" in analyzers[0]:
                arn = analyzers[0]["arn"]
                found = ask("POST", "/findingv2", {"analyzerArn": arn, "filter": {"findingType": {"eq": ["UnusedPermission"]}}})["findings"]
                break
            time.sleep(0.1)
        if not found:
            sys.exit("the role of ten policies has no finding")
        path = f"/recommendation/{found[0]['id']}?analyzerArn={arn}"
        times, steps = [], 0
        for _ in range(60):
            begun = time.perf_counter()
            ask("POST", path)
            while True:
                got = ask("GET", path)
                if got["status"] != "IN_PROGRESS":
                    break
                time.sleep(0.001)
            times.append((time.perf_counter() - begun) * 1000)
            if got["status"] != "SUCCEEDED":
                sys.exit(f"the recommendation: {got}")
            steps = len(got["recommendedSteps"])
        times.sort()
        print(f"a recommendation of {steps} steps for a role of {len(TEN)} policies, {len(times)} times: median {statistics.median(times):.1f} ms, most {times[-1]:.1f} ms")
        told("a recommendation from POST to SUCCEEDED, p95", times[int(len(times) * 0.95)], "ms", 50)
    finally:
        process.terminate()
        process.wait(30)


PAGE = """
import { chromium } from "playwright-core";
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const times = [];
for (let n = 0; n < 11; n += 1) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(process.argv[2], { waitUntil: "networkidle" });
  times.push(await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd));
  if (n === 0 && !(await page.textContent("main")).includes("open")) throw new Error("the page shows nothing");
  await context.close();
}
await browser.close();
console.log(JSON.stringify(times.sort((a, b) => a - b)));
"""


def first_page(load, store, options, work):
    process, address, *_ = serving(load, store, options.findings, "serve-open")
    try:
        script = Path(options.browser) / "first-page.mjs"
        script.write_text(PAGE)
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        done = subprocess.run(["node", script, f"http://{address}/"], capture_output=True, text=True, env={**os.environ, "CHROMIUM": chromium})
        script.unlink()
        if done.returncode != 0:
            sys.exit(done.stderr)
        times = json.loads(done.stdout)
        print(f"the first page in Chromium, {len(times)} times, each with nothing kept, beside an analysis: median {statistics.median(times):.0f} ms")
        told("the first page complete, slowest", times[-1], "ms", 1000)
    finally:
        stop(process)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("leastwise", type=Path)
    parser.add_argument("load", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--browser")
    parser.add_argument("--only", choices=["load", "recommend", "page"])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    store = options.work / f"findings-{options.findings}.db"
    if options.only != "recommend" and not store.exists():
        made = store.with_suffix(".part")
        for path in options.work.glob(made.name + "*"):
            path.unlink()
        subprocess.run([options.load, "fill", made, str(options.findings)], check=True)
        made.rename(store)
        print(f"{options.findings} findings are {store.stat().st_size / 1e6:.0f} MB on disk")
    if options.only in (None, "load"):
        under_load(options.load, store, options)
    if options.only in (None, "recommend"):
        recommending(options.leastwise, options.work)
    if options.browser and options.only in (None, "page"):
        first_page(options.load, store, options, options.work)
    sys.exit(1 if MISSED else 0)


if __name__ == "__main__":
    main()
