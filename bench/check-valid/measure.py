"""Times `leastwise check valid` and parliament over every AWS managed policy, in one run, and prints the ratio.

Needs the packages of requirements.txt and a release build of the command:
    cargo build --release -p leastwise-cli
    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python measure.py ../../target/release/leastwise
Both check on one core what they are given in memory or on standard input; parliament's import is not counted, our start is.
"""

import json
import os
import subprocess
import sys
import time

from moto.iam.aws_managed_policies import aws_managed_policies_data
from parliament import analyze_policy_string

command = os.path.abspath(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
policies = {name: entry["Document"] for name, entry in sorted(json.loads(aws_managed_policies_data).items())}
texts = [json.dumps(document) for document in policies.values()]
lines = "".join(json.dumps({"id": name, "policy": document}) + "\n" for name, document in policies.items())

start = time.perf_counter()
theirs = 0
failures = 0
for text in texts:
    try:
        theirs += len(analyze_policy_string(text).findings)
    except Exception:  # it gives up on some documents; that counts as done
        failures += 1
parliament = time.perf_counter() - start

# Once to see the findings, then the time of the middle round.
one_core = dict(os.environ, RAYON_NUM_THREADS="1")
times = []
for _ in range(rounds):
    start = time.perf_counter()
    done = subprocess.run([command, "check", "valid", "--batch", "-"], input=lines, capture_output=True, text=True, env=one_core)
    times.append(time.perf_counter() - start)
    assert done.returncode in (0, 1), done.stderr
leastwise = sorted(times)[len(times) // 2]
results = [json.loads(line) for line in done.stdout.splitlines()]
assert len(results) == len(texts)
ours = [finding for result in results for finding in result["findings"]]
errors = [finding for finding in ours if finding["severity"] == "ERROR"]

print(f"policies    {len(texts)}, {sum(map(len, texts))} characters")
print(f"parliament  {parliament:8.3f} s   {theirs} findings, {failures} documents given up")
print(f"leastwise   {leastwise:8.3f} s   {len(ours)} findings, {len(errors)} of them errors")
print(f"ratio       {parliament / leastwise:8.1f}")
