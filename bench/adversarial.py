"""Documents made to keep the proof busy: each must be decided, or given up, within a bound on time and memory.

    python bench/adversarial.py LEASTWISE [--seconds 2] [--megabytes 300]

Prints a line for each shape and command (answer, seconds, megabytes), and ends with 1 if one is beyond the bound.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

BUCKET = "arn:aws:s3:::"


def allow(action="s3:GetObject", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="s3:GetObject", resource="*", **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def when(operator, key, values):
    return {"Condition": {operator: {key: values}}}


def role(i):
    return f"arn:aws:iam::{111111111111 + i}:role/r{i}"


def dates(n):
    return [f"20{i % 90 + 10}-{i % 12 + 1:02}-{i % 28 + 1:02}T{i % 24:02}:{i % 60:02}:{i * 7 % 60:02}Z" for i in range(n)]


def shapes():
    """Name, existing statements, new statements."""
    globs = [f"{BUCKET}b/*a*{i}*b*c*{i * 7 % 13}*" for i in range(60)]
    yield "100 Allow x 100 Deny", [allow(resource=f"{BUCKET}b{i}/*x*") for i in range(100)] + [
        deny(resource=f"{BUCKET}*{i}/x*") for i in range(100)], [allow(resource=f"{BUCKET}b*")]
    yield "700 Allow with a condition", [allow(**when("StringEquals", f"x:k{i}", f"v{i}")) for i in range(700)], [
        allow(**when("StringLike", f"x:k{i}", f"v{i}*")) for i in range(700)]
    yield "700 roles, 1500 roles", [allow(Principal={"AWS": [role(i)]}) for i in range(700)], [
        allow(Principal={"AWS": [role(i) for i in range(1500)]})]
    yield "9000 numbers", [allow(**when("NumericEquals", "x:k", [str(i) for i in range(9000)]))], [
        allow(**when("NumericLessThan", "x:k", "9000"))]
    yield "5000 dates", [allow(**when("DateEquals", "aws:CurrentTime", dates(5000)))], [
        allow(**when("DateNotEquals", "aws:CurrentTime", dates(4999)))]
    yield "many variables", [allow(resource=[f"{BUCKET}b/${{aws:PrincipalTag/t{i}}}/*" for i in range(300)])], [
        allow(resource=[f"{BUCKET}b/${{aws:PrincipalTag/t{i + 1}}}/x*" for i in range(300)])]
    yield "many globs", [allow(resource=globs)], [allow(resource=list(reversed(globs))[1:] + [f"{BUCKET}b/*a*b*c*"])]
    nots = [{"Effect": e, "NotAction": [f"s3:*{i}*" for i in range(40)] + ["iam:*"], "NotResource": globs[i::7]}
            for i, e in enumerate(["Allow", "Deny"] * 20)]
    yield "NotAction x NotResource", nots, nots[1:] + [allow("*")]
    nets = [f"{i}.0.0.0/8" for i in range(256)]
    yield "256 ranges", [allow(**when("IpAddress", "aws:SourceIp", nets))], [allow(**when("NotIpAddress", "aws:SourceIp", nets[:-1]))]
    yield "many IPv6 ranges", [allow(**when("IpAddress", "aws:SourceIp", [f"2001:db8:{i:x}::/48" for i in range(3000)]))], [
        allow(**when("IpAddress", "aws:SourceIp", "2001:db8::/32"))]
    yield "2000 NotPrincipal", [allow(Principal="*")] + [
        {"Effect": "Deny", "NotPrincipal": {"AWS": role(i)}, "Action": "s3:*", "Resource": "*"} for i in range(2000)], [allow(Principal="*")]
    yield "3000 patterns of a text", [allow(**when("StringLike", "x:k", [f"*a{i}*b*" for i in range(3000)]))], [
        allow(**when("StringLike", "x:k", "*a*b*"))]
    yield "20 keys, 20 values each", [allow(Condition={"StringLike": {f"x:k{j}": [f"{i}*{j}*" for i in range(20)] for j in range(20)}})], [
        allow(Condition={"StringNotLike": {f"x:k{j}": [f"{i}*{j}" for i in range(20)] for j in range(20)}})]
    yield "quantifiers", [allow(**when("ForAllValues:StringLike", f"x:k{i % 30}", [f"*{i}*", "a*"])) for i in range(300)], [
        allow(**when("ForAnyValue:StringNotLike", f"x:k{i % 30}", [f"*{i}", "a*"])) for i in range(300)]
    yield "one long glob", [allow(resource=BUCKET + "*a" * 2000)], [allow(resource=BUCKET + "*a" * 1999 + "?*")]
    yield "question marks", [allow(resource=[BUCKET + "*a" + "?" * i for i in range(60)])], [allow(resource=BUCKET + "*a*")]


def run(command, kill_after):
    """Exit status, first line, seconds, megabytes of one child."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(kill_after, child.kill)
    timer.start()
    said = child.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, said.split("\n")[0][:70], time.perf_counter() - start, usage.ru_maxrss / 1024


def as_resource_policy(statement):
    """The statement for anybody, as a bucket would have it, unless it says for whom it is."""
    if "Principal" in statement or "NotPrincipal" in statement:
        return statement
    return {**statement, "Principal": "*"}


def commands(leastwise, folder, existing, new):
    paths = {}
    for name, content in (("existing", {"Version": "2012-10-17", "Statement": existing}),
                          ("new", {"Version": "2012-10-17", "Statement": new}),
                          ("public", {"Version": "2012-10-17", "Statement": [as_resource_policy(s) for s in existing]}), ("unused", [])):
        paths[name] = os.path.join(folder, name + ".json")
        with open(paths[name], "w", encoding="utf-8") as file:
            json.dump(content, file)
    yield "no-new-access", [leastwise, "check", "no-new-access", paths["existing"], paths["new"]]
    yield "no-new-access, turned", [leastwise, "check", "no-new-access", paths["new"], paths["existing"]]
    yield "access-not-granted", [leastwise, "check", "access-not-granted", paths["existing"], "--actions", "s3:GetObject",
                                 "--resources", BUCKET + "z*"]
    yield "no-public-access", [leastwise, "check", "no-public-access", paths["public"], "--resource-type", "AWS::S3::Bucket"]
    yield "prove", [leastwise, "prove", paths["existing"], paths["new"], "--unused", paths["unused"]]
    yield "prove, turned", [leastwise, "prove", paths["new"], paths["existing"], "--unused", paths["unused"]]
    yield "prove, itself", [leastwise, "prove", paths["existing"], paths["existing"], "--unused", paths["unused"]]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("leastwise")
    arguments.add_argument("--seconds", type=float, default=2)
    arguments.add_argument("--megabytes", type=float, default=300)
    given = arguments.parse_args()
    beyond = 0
    with tempfile.TemporaryDirectory() as folder:
        for shape, existing, new in shapes():
            for name, command in commands(given.leastwise, folder, existing, new):
                status, said, seconds, megabytes = run(command, 5 * given.seconds)
                bad = seconds > given.seconds or megabytes > given.megabytes or status < 0
                beyond += bad
                print(f"{'BEYOND' if bad else 'within':6} {shape:26} {name:22} {seconds:6.2f} s {megabytes:5.0f} MB  {said}", flush=True)
    print(f"{beyond} beyond {given.seconds:g} s or {given.megabytes:g} MB")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
