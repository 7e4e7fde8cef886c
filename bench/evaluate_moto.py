"""Compares moto's policy evaluation with the corpus of evaluation cases.

    pip install moto==5.2.5 && python bench/evaluate_moto.py corpus/evaluate

Prints every case of one identity policy set without conditions on which moto decides otherwise. The corpus is
what leastwise decides (its tests see to that); `docs/evaluation-differences.md` explains the differences.
"""

import json
import pathlib
import sys
import tomllib

from moto.iam.access_control import IAMPolicy, PermissionResult


def decide(policies, action, resource):
    results = [IAMPolicy(json.dumps(p)).is_action_permitted(action, resource) for p in policies]
    if PermissionResult.DENIED in results:
        return "ExplicitlyDenied"
    return "Allowed" if PermissionResult.PERMITTED in results else "ImplicitlyDenied"


def cases(folder):
    for path in sorted(folder.glob("*.toml")):
        file = tomllib.loads(path.read_text())
        for group in file.get("resource", []):
            for pattern, resource, matches in group["rows"]:
                policy = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": pattern}]}
                yield f"{path.stem}: Resource {pattern} on {resource}", [policy], "a:B", resource, (
                    "Allowed" if matches else "ImplicitlyDenied"
                )
        defaults = file.get("defaults", {})
        for case in file.get("case", []):
            if set(case) & {"resource_policy", "boundaries", "session", "scps", "rcps"} or "principal" in case:
                continue
            policies = []
            for written in case.get("identity", []):
                policy = json.loads(file.get("policies", {}).get(written, written))
                policies.append(policy if "Statement" in policy else {"Statement": [policy]})
            if "Condition" in json.dumps(policies):
                continue
            get = lambda key: case.get(key, defaults.get(key))
            yield f"{path.stem}: {case['says']}", policies, get("action"), get("resource"), case["decision"]


def main():
    total = different = 0
    for name, policies, action, resource, expected in cases(pathlib.Path(sys.argv[1])):
        total += 1
        try:
            decision = decide(policies, action, resource)
        except Exception as error:  # moto's own failure is a difference too
            decision = f"{type(error).__name__}: {error}"
        if decision != expected:
            different += 1
            print(f"{name}: corpus {expected}, moto {decision}")
    print(f"{total} cases, {different} differ")


main()
