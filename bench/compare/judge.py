"""What the comparisons share: leastwise's names, its answer to one wildcard, and what patterns lose and admit."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import brute
import cases


def catalogue(leastwise):
    exported = subprocess.run([leastwise, "catalog", "export", "--format", "names-json"], capture_output=True, text=True, check=True)
    return brute.Names(json.loads(exported.stdout))


def refined(leastwise, pattern, unused, names):
    """What leastwise makes of one pattern, and the claims about it."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": pattern, "Resource": "*"}]}
    case = {"id": 1, "policy": policy, "unused": cases.rows(unused, names)}
    done = subprocess.run([leastwise, "refine", "--batch", "-"], input=json.dumps(case), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    statements = brute.statements(result["policy"])
    return brute.listed(statements[0]["Action"]) if statements else [], result["claims"]


def outcome(patterns, keep, everything):
    """The kept names that the patterns lose, and the others of `everything` that they admit."""
    granted = {name for name in everything for p in patterns if brute.matches(p.lower(), name)}
    return sorted(keep - granted), sorted(granted - keep)


def show(who, patterns, keep, everything):
    lost, admitted = outcome(patterns, keep, everything)
    print(f"{who}: {' '.join(patterns)}")
    print(f"  loses {len(lost)} of {len(keep)}: {' '.join(lost[:5]) or '-'}; admits {len(admitted)} others: {' '.join(admitted[:5]) or '-'}")
