"""Carries recommendations out on a model of the account, and says who gained or lost what.

It shares nothing with the product: documents are read here, actions come from the demo's own service reference, and what was
used from the demo's truth. Every alternative is applied by its operations; what `recommendedAction` says is applied as well, by
AWS's documentation alone: a policy is created for the principal of the finding and attached to it, and a policy is detached from it,
an inline one by its name.

    python3 tests/recommend/judge.py LEASTWISE [ORGANIZATIONS]
"""

import collections
import copy
import fnmatch
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

AS_OF = "2026-11-01"


def listed(value):
    return value if isinstance(value, list) else [value]


def document(value):
    return json.loads(urllib.parse.unquote(value)) if isinstance(value, str) else value


class Account:
    """Users, groups, roles and managed policies of all accounts: what IAM's changes act on."""

    def __init__(self, folder):
        self.holders, self.policies = {}, {}
        for file in sorted(pathlib.Path(folder).glob("account/*.json")):
            export = json.loads(file.read_text())
            for kind, inline in (("User", "UserPolicyList"), ("Group", "GroupPolicyList"), ("Role", "RolePolicyList")):
                for one in export.get(f"{kind}DetailList", []):
                    self.holders[one["Arn"]] = {
                        "attached": [policy["PolicyArn"] for policy in one.get("AttachedManagedPolicies", [])],
                        "inline": {policy["PolicyName"]: document(policy["PolicyDocument"]) for policy in one.get(inline, [])},
                        "groups": list(one.get("GroupList", [])),
                        "kind": kind,
                    }
            for policy in export.get("Policies", []):
                default = next(version for version in policy["PolicyVersionList"] if version["IsDefaultVersion"])
                self.policies[policy["Arn"]] = document(default["Document"])

    def group(self, user, name):
        account = user.split(":")[4]
        fits = lambda arn: arn.split(":")[4] == account and arn.rsplit("/", 1)[1] == name
        return next(arn for arn, holder in self.holders.items() if holder["kind"] == "Group" and fits(arn))

    def documents(self, arn):
        holder = self.holders[arn]
        found = [*holder["inline"].values(), *(self.policies[policy] for policy in holder["attached"] if policy in self.policies)]
        for name in holder["groups"]:
            found += self.documents(self.group(arn, name))
        return found

    def apply(self, operation, text, made):
        what, holder = operation["operation"], operation.get("holder")
        policy = operation.get("policy")
        if what == "CREATE_POLICY":
            arn = f"arn:aws:iam::{made['account']}:policy/{policy}"
            taken = {known.rsplit("/", 1)[1].lower() for known in self.policies if known.split(":")[4] == made["account"]}
            assert policy.lower() not in taken, f"the name {policy} is taken"
            self.policies[arn] = json.loads(text)
            made[policy] = arn
        elif what == "ATTACH_POLICY":
            arn = made.get(policy, policy)
            assert arn.startswith("arn:") and arn not in self.holders[holder]["attached"], f"{arn} is attached already"
            self.holders[holder]["attached"].append(arn)
        elif what == "DETACH_POLICY":
            self.holders[holder]["attached"].remove(policy)
        elif what == "CREATE_POLICY_VERSION":
            self.policies[policy] = json.loads(text)
        elif what == "DELETE_POLICY_VERSION":
            pass
        elif what == "PUT_INLINE_POLICY":
            self.holders[holder]["inline"][policy] = json.loads(text)
        elif what == "DELETE_INLINE_POLICY":
            del self.holders[holder]["inline"][policy]
        elif what == "LEAVE_GROUP":
            self.holders[holder]["groups"].remove(operation["group"].rsplit("/", 1)[1])
        elif what == "UPDATE_PERMISSION_SET":
            name = re.escape(operation["permissionSet"])
            for arn, role in self.holders.items():
                if not re.search(f"/AWSReservedSSO_{name}_[0-9a-f]+$", arn):
                    continue
                if policy.startswith("arn:"):
                    same = [own for own in role["attached"] if own.rsplit("/", 1)[1] == policy.rsplit("/", 1)[1]]
                    role["attached"] = [own for own in role["attached"] if own not in same]
                    if text is not None and same:
                        self.policies[f"{arn} {policy}"] = json.loads(text)
                        role["attached"].append(f"{arn} {policy}")
                elif text is None:
                    role["inline"].pop(policy, None)
                else:
                    role["inline"][policy] = json.loads(text)
        else:
            raise AssertionError(f"unknown operation {what}")

    def apply_aws_words(self, principal, steps, made):
        """As one does it who reads AWS's documentation: everything is about the principal of the finding."""
        holder = self.holders[principal]
        for number, step in enumerate(steps):
            step = step["unusedPermissionsRecommendedStep"]
            existing = step["existingPolicyId"]
            if step["recommendedAction"] == "CREATE_POLICY":
                arn = f"arn:aws:iam::{made['account']}:policy/created-{number}"
                self.policies[arn] = json.loads(step["recommendedPolicy"])
                holder["attached"].append(arn)
            elif existing.startswith("arn:"):
                holder["attached"].remove(existing)
            else:
                del holder["inline"][existing]


class Judge:
    def __init__(self, folder):
        reference = pathlib.Path(folder) / "service-reference"
        self.actions = []
        for file in sorted(reference.glob("*.json")):
            service = json.loads(file.read_text())
            if not isinstance(service, dict):
                continue
            self.actions += [f"{service['Name']}:{action['Name']}".lower() for action in service["Actions"]]
        self.cache = {}

    def matches(self, patterns):
        key = tuple(pattern.lower() for pattern in listed(patterns))
        if key not in self.cache:
            tests = [re.compile(fnmatch.translate(pattern.replace("[", "[[]"))) for pattern in key]
            self.cache[key] = frozenset(action for action in self.actions if any(test.match(action) for test in tests))
        return self.cache[key]

    def grants(self, documents):
        """Of each effect: the actions, each with what else its statement says."""
        found = {"Allow": set(), "Deny": set()}
        for policy in documents:
            for statement in listed(policy.get("Statement", [])):
                frame = json.dumps({key: value for key, value in statement.items() if key not in ("Action", "NotAction", "Sid")}, sort_keys=True)
                if "Action" in statement:
                    names = self.matches(statement["Action"])
                else:
                    names = frozenset(self.actions) - self.matches(statement["NotAction"])
                found[statement["Effect"]] |= {(name, frame) for name in names}
        return found


def used(folder):
    truth = json.loads((pathlib.Path(folder) / "truth.json").read_text())
    found = {}
    for principal in truth["principals"]:
        services = principal.get("services", [])
        found[principal["arn"]] = {f"{one['service']}:{name}".lower() for one in services for name in one["used"]}
    return found


def judge(leastwise, folder, counted):
    """Every fault of every alternative, in words."""
    ran = subprocess.run([leastwise, "recommend", "--all", "--from", folder, "--as-of", AS_OF, "--format", "json"], capture_output=True, text=True, timeout=300)
    assert ran.returncode in (0, 1), ran.stderr
    account, judge = Account(folder), Judge(folder)
    has_truth = (pathlib.Path(folder) / "truth.json").exists()
    needed = used(folder) if has_truth else {}
    before = {arn: judge.grants(account.documents(arn)) for arn, holder in account.holders.items() if holder["kind"] != "Group"}
    faults = []
    for line in ran.stdout.splitlines():
        answer = json.loads(line)
        principal = answer["resource"]
        applicable = [one for one in answer["alternatives"] if one["status"] == "applicable"]
        ways = [(one, False) for one in applicable]
        first = next((one for one in applicable if one["inAwsWords"]), None)
        if first:
            ways.append((first, True))
        effects = []
        for number, (alternative, in_aws_words) in enumerate(ways):
            name = f"{principal}, {'AWS words' if in_aws_words else f'alternative {number + 1}'}"
            after = copy.deepcopy(account)
            made = {"account": principal.split(":")[4]}
            try:
                if in_aws_words:
                    steps = [step for policy in alternative["recommendedSteps"] for step in policy["steps"]]
                    after.apply_aws_words(principal, steps, made)
                    counted["in AWS's words"] += 1
                else:
                    texts = [policy["text"] for policy in alternative["recommendedSteps"] for _ in policy["operations"]]
                    operations = [done for policy in alternative["recommendedSteps"] for done in policy["operations"]]
                    assert alternative["operations"][: len(operations)] == operations, "the operations are others than those of the steps"
                    for done, text in zip(alternative["operations"], texts + [None] * len(alternative["operations"])):
                        after.apply(done, text, made)
                        counted["operations"] += 1
            except (AssertionError, KeyError, ValueError, StopIteration) as error:
                faults.append(f"{name}: cannot be done: {error!r}")
                continue
            counted["alternatives"] += 1
            removed = {action.lower() for action in alternative["removed"]}
            effect = {}
            for arn, was in before.items():
                now = judge.grants(after.documents(arn))
                if now == was:
                    continue
                effect[arn] = now
                gained = now["Allow"] - was["Allow"]
                lost = {action for action, _ in was["Allow"] - now["Allow"]}
                if gained:
                    faults.append(f"{name}: {arn} gains {sorted(gained)[:3]}")
                # A Deny may go with the policy that has it only where nothing is left for it to deny.
                open_now = {pair for pair in was["Deny"] - now["Deny"] if any(pair[0] == action for action, _ in now["Allow"])}
                if open_now:
                    faults.append(f"{name}: {arn} loses the Deny {sorted(open_now)[:3]}")
                if arn != principal and arn not in alternative["affected"]:
                    faults.append(f"{name}: {arn} changes and is not among the affected")
                if in_aws_words and arn != principal:
                    faults.append(f"{name}: {arn} changes")
                if lost - removed:
                    faults.append(f"{name}: {arn} loses {sorted(lost - removed)[:3]}, which the plan does not remove")
                if lost & needed.get(arn, set()):
                    faults.append(f"{name}: {arn} loses {sorted(lost & needed[arn])[:3]}, which it used")
            left = removed & {action for action, _ in effect.get(principal, before[principal])["Allow"]}
            if left:
                faults.append(f"{name}: keeps {sorted(left)[:3]}, which the plan removes")
            if not in_aws_words:
                # Who else it could concern is a difference, although today it takes nothing from them.
                if (effect, alternative["affected"]) in effects:
                    faults.append(f"{name}: has the effect of another alternative")
                effects.append((effect, alternative["affected"]))
                attached = len(after.holders[principal]["attached"])
                if attached != alternative["price"]["managedPolicies"]["after"]:
                    faults.append(f"{name}: {attached} managed policies, priced {alternative['price']['managedPolicies']['after']}")
    return faults


def main():
    leastwise, organizations = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30
    faults, counted = [], collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(organizations):
            out = f"{folder}/{seed}"
            made = [leastwise, "demo", "--out", out, "--seed", str(seed), "--accounts", "2", "--roles", "14", "--users", "10", "--events", "600"]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL, timeout=120)
            faults += [f"seed {seed}: {fault}" for fault in judge(leastwise, out, counted)]
    for fault in faults[:40]:
        print(fault)
    print(f"{organizations} organizations: {', '.join(f'{count} {what}' for what, count in counted.items())}; {len(faults)} faults")
    enough = counted["alternatives"] > 10 * organizations and counted["in AWS's words"] > organizations
    sys.exit(0 if not faults and enough else 1)


if __name__ == "__main__":
    main()
