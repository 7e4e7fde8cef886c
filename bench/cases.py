"""Makes cases of all distinct AWS managed policies: a random half of what each grants is unused.

    python bench/cases.py NAMES.json AWS_MANAGED_POLICIES.py OUT.ndjson [--seed N] [--share 0.5]

Names are what `leastwise catalog export --format names-json` prints; the policies are a module of PyPI `moto`, which is
read as text and not imported. Documents are written compactly, so that parsing them alone is as quick as can be.
"""

import argparse
import json
import random
import runpy

import brute


def managed_policies(path):
    """Name -> document, each distinct document once, in order of names."""
    found = json.loads(runpy.run_path(path)["aws_managed_policies_data"])
    out, seen = {}, set()
    for name in sorted(found):
        document = found[name]["Document"]
        key = json.dumps(document, sort_keys=True)
        if key not in seen:
            seen.add(key)
            out[name] = document
    return out


def granted_anywhere(document, names):
    """Every known action that an Allow statement of the document matches, exact names that nobody knows included."""
    exact = {
        p.lower()
        for s in brute.statements(document)
        for p in brute.listed(s.get("Action"))
        if ":" in p and not set("*?") & set(p)
    }
    extra = frozenset(exact - names.spelled.keys())
    return sorted(frozenset().union(*brute.grants(document, names, extra).values()))


def rows(actions, names):
    """Rows of an unused list, in the catalogue's spelling."""
    by_service = {}
    for action in actions:
        service, name = names.spelled.get(action) or action.split(":", 1)
        by_service.setdefault(service, []).append(name)
    return [{"serviceNamespace": s, "actions": a} for s, a in sorted(by_service.items())]


def random_part(actions, share, seed):
    return sorted(random.Random(seed).sample(actions, round(len(actions) * share)))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names")
    arguments.add_argument("policies")
    arguments.add_argument("out")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--share", type=float, default=0.5)
    given = arguments.parse_args()
    names = brute.Names(json.load(open(given.names)))
    count = size = unused_count = 0
    with open(given.out, "w") as out:
        for name, document in managed_policies(given.policies).items():
            unused = random_part(granted_anywhere(document, names), given.share, f"{given.seed} {name}")
            text = json.dumps(document, separators=(",", ":"))
            case = {"id": name, "policy": text, "unused": rows(unused, names)}
            out.write(json.dumps(case, separators=(",", ":")) + "\n")
            count, size, unused_count = count + 1, size + len(text), unused_count + len(unused)
    print(f"{count} distinct managed policies, {size} bytes, {unused_count} unused actions -> {given.out}")


if __name__ == "__main__":
    main()
