"""Pairs of policies for the inclusion benchmark: every AWS managed policy against edited copies of itself.

    pip install moto==5.2.5 && python bench/inclusion/pairs.py > pairs.ndjson

The edits are those that people make: a pattern, a statement, a resource, a condition more or less, wider or narrower.
Which pattern or statement is hit depends on the policy's name alone. One line a pair: {"id", "edit", "existing", "new"}.
"""

import copy
import hashlib
import json
import random
import sys

from moto.iam.aws_managed_policies import aws_managed_policies_data


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(policy):
    policy["Statement"] = listed(policy["Statement"])
    return policy["Statement"]


def actions_of(statement):
    key = "Action" if "Action" in statement else "NotAction"
    statement[key] = listed(statement[key])
    return statement[key]


def same(policy, dice):
    return policy


def add_action(policy, dice):
    actions_of(dice.choice(statements(policy))).append(dice.choice(["s3:GetObject", "iam:PassRole", "ec2:Describe*", "sqs:*"]))
    return policy


def drop_action(policy, dice):
    actions = actions_of(dice.choice(statements(policy)))
    if len(actions) < 2:
        return None
    actions.pop(dice.randrange(len(actions)))
    return policy


def widen_action(policy, dice):
    actions = actions_of(dice.choice(statements(policy)))
    at = dice.randrange(len(actions))
    if ":" not in actions[at]:
        return None
    service, name = actions[at].split(":", 1)
    actions[at] = f"{service}:{name[: max(1, len(name) // 2)].rstrip('*')}*"
    return policy


def narrow_action(policy, dice):
    patterns = [(a, i) for s in statements(policy) for a in [actions_of(s)] for i, p in enumerate(a) if p.endswith("*") and ":" in p]
    if not patterns:
        return None
    actions, at = dice.choice(patterns)
    actions[at] = actions[at][:-1] + dice.choice(["A*", "*Tags", "?*"])
    return policy


def add_statement(policy, dice):
    statements(policy).append({"Effect": "Allow", "Action": ["logs:Get*", "logs:Filter*"], "Resource": "arn:aws:logs:*:*:log-group:app*"})
    return policy


def drop_statement(policy, dice):
    own = statements(policy)
    if len(own) < 2:
        return None
    own.pop(dice.randrange(len(own)))
    return policy


def narrow_resource(policy, dice):
    own = [s for s in statements(policy) if s.get("Resource") in ("*", ["*"])]
    if not own:
        return None
    dice.choice(own)["Resource"] = "arn:aws:*:eu-central-1:111122223333:*"
    return policy


def change_resource(policy, dice):
    own = [s for s in statements(policy) if "Resource" in s and s["Resource"] not in ("*", ["*"])]
    if not own:
        return None
    statement = dice.choice(own)
    statement["Resource"] = listed(statement["Resource"])
    at = dice.randrange(len(statement["Resource"]))
    text = statement["Resource"][at]
    statement["Resource"][at] = dice.choice([text.replace("*", "x*", 1), text + "*", text.rstrip("*") + "a*"])
    return policy


def add_condition(policy, dice):
    statement = dice.choice(statements(policy))
    if "Condition" in statement:
        return None
    statement["Condition"] = {"StringEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}}
    return policy


def drop_condition(policy, dice):
    own = [s for s in statements(policy) if s.get("Condition")]
    if not own:
        return None
    del dice.choice(own)["Condition"]
    return policy


def change_condition(policy, dice):
    lines = [(block, key) for s in statements(policy) for block in s.get("Condition", {}).values() for key in block]
    if not lines:
        return None
    block, key = dice.choice(lines)
    values = listed(block[key])
    block[key] = dice.choice([values + ["leastwise"], values[1:] or ["leastwise"], [str(v) + "*" for v in values]])
    return policy


def drop_deny(policy, dice):
    own = statements(policy)
    denies = [s for s in own if s["Effect"] == "Deny"]
    if not denies or len(own) == len(denies):
        return None
    own.remove(dice.choice(denies))
    return policy


EDITS = [same, add_action, drop_action, widen_action, narrow_action, add_statement, drop_statement, narrow_resource,
         change_resource, add_condition, drop_condition, change_condition, drop_deny]


def main():
    policies = json.loads(aws_managed_policies_data)
    for name in sorted(policies):
        policy = policies[name]["Document"]
        for edit in EDITS:
            seed = int.from_bytes(hashlib.sha256(f"{name} {edit.__name__}".encode()).digest()[:8], "big")
            edited = edit(copy.deepcopy(policy), random.Random(seed))
            if edited is not None:
                json.dump({"id": name, "edit": edit.__name__, "existing": policy, "new": edited}, sys.stdout)
                print()


if __name__ == "__main__":
    main()
