"""What a trie of CamelCase tokens gets wrong when nobody looks at the strings, beside leastwise.

    bench/compare/run token_trie

The trie here is the plain one: a path that only kept names take becomes `prefix*`. First the example `ec2:DescribeFleet*`, then
every distinct wildcard of the AWS managed policies with random halves unused, seeded.
"""

import json
import random
import re
import subprocess
import sys

import judge
import brute
import cases

TOKEN = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z][a-z]*[0-9]*|[a-z]+[0-9]*|[0-9]+|.")


def trie_patterns(kept, barred):
    """Patterns of the plain token trie for kept names (without their service)."""
    paths = lambda names: {tuple(TOKEN.findall(n)) for n in names}
    bad = {path[:i] for path in paths(barred) for i in range(len(path) + 1)}
    out = set()
    for path in paths(kept):
        node = next((path[:i] for i in range(len(path) + 1) if path[:i] not in bad), None)
        behind = [p for p in paths(kept) if node is not None and p[: len(node)] == node]
        out.add("".join(path) if node is None or len(behind) == 1 else "".join(node) + "*")
    return sorted(out)


def main():
    leastwise, policies, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 3
    names = judge.catalogue(leastwise)
    keep = ["ec2:DescribeFleetHistory", "ec2:DescribeFleetInstances"]
    all_ = sorted(a for a in names.spelled if a.startswith("ec2:describefleet"))
    spelled = lambda a: ":".join(names.spelled[a])
    unused = [a for a in all_ if spelled(a) not in keep]
    plain = ["ec2:" + p for p in trie_patterns([k.split(":")[1] for k in keep], [names.spelled[a][1] for a in unused])]
    kept = frozenset(k.lower() for k in keep)
    print(f"ec2:DescribeFleet* with {', '.join(map(spelled, unused))} unused")
    judge.show("plain token trie", plain, kept, frozenset(all_))
    ours, claims = judge.refined(leastwise, "ec2:DescribeFleet*", unused, names)
    judge.show("leastwise", ours, kept, frozenset(all_))

    wildcards = sorted(
        {
            p
            for d in cases.managed_policies(policies).values()
            for s in brute.statements(d)
            for k in ("Action", "NotAction")
            for p in brute.listed(s.get(k))
            if p.endswith("*") and ":" in p and not set("*?") & set(p[:-1])
        }
    )
    trials, wrong, batch = 0, 0, []
    for pattern in wildcards:
        service = pattern.split(":")[0].lower()
        matched = sorted(names.expand(pattern))
        if len(matched) < 2:
            continue
        for seed in range(seeds):
            gone = cases.random_part(matched, 0.5, f"{seed} {pattern}")
            stay = frozenset(matched) - frozenset(gone)
            trials += 1
            name = lambda a: names.spelled[a][1]
            patterns = [f"{service}:{p}" for p in trie_patterns([name(a) for a in stay], [name(a) for a in gone])]
            lost, admitted = judge.outcome(patterns, stay, matched)
            wrong += bool(lost or admitted)
            policy = {"Statement": [{"Effect": "Allow", "Action": pattern, "Resource": "*"}]}
            batch.append(({"id": len(batch), "policy": policy, "unused": cases.rows(gone, names)}, stay, matched))
    lines = "".join(json.dumps(case) + "\n" for case, *_ in batch)
    done = subprocess.run([leastwise, "refine", "--batch", "-"], input=lines, capture_output=True, text=True, check=True)
    ours = 0
    for line, (_, stay, matched) in zip(done.stdout.splitlines(), batch, strict=True):
        statements = brute.statements(json.loads(line)["policy"])
        patterns = brute.listed(statements[0]["Action"]) if statements else []
        lost, admitted = judge.outcome(patterns, stay, matched)
        ours += bool(lost or admitted)
    print(f"{len(wildcards)} distinct wildcards, {trials} random trials: the plain trie is wrong in {wrong} ({wrong / trials:.1%}), leastwise in {ours}")


main()
