"""Differential run of `leastwise check valid` against other checkers of IAM policies.

    python -m venv venv && venv/bin/pip install -r requirements.txt -r requirements-peers.txt
    venv/bin/python peers.py --leastwise ../../target/release/leastwise [--explain]

Peers: parliament, cfn-lint (its rules for policies, on templates with one managed policy each), iam-policy-validator (offline, with
the action catalog of this repository in the form of AWS's service reference). Inputs: every AWS managed policy of moto, and the same
policies with one fault put in, a few for each kind of fault. Nothing is random and nothing is fetched.

Prints which faults each checker notices (a finding on the changed policy that the unchanged one does not give), and what each says
of the managed policies. `--explain` lists the findings that are new with each fault.
"""

import argparse
import collections
import concurrent.futures
import copy
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CATALOG = HERE / "../../crates/policy/data/catalogue.txt"
EACH = 10


def managed():
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    data = json.loads(aws_managed_policies_data)
    return {name: entry["Document"] for name, entry in sorted(data.items())}


# ---- faults: each changes the first statement that it fits, or returns None


def statements(policy):
    found = policy["Statement"]
    return found if isinstance(found, list) else [found]


def edit(change):
    """A fault that changes one statement; the change says whether it could."""

    def fault(policy):
        policy = copy.deepcopy(policy)
        return policy if any(change(s) for s in statements(policy)) else None

    return fault


def listed(statement, key):
    found = statement.get(key)
    return [found] if isinstance(found, str) else found


def replace(key, fits, new):
    def change(statement):
        items = listed(statement, key)
        for at, item in enumerate(items or []):
            if fits(item):
                statement[key] = items[:at] + [new(item)] + items[at + 1 :]
                return True
        return False

    return edit(change)


def condition(block):
    def change(statement):
        if "Condition" in statement or statement.get("Effect") != "Allow":
            return False
        statement["Condition"] = copy.deepcopy(block)
        return True

    return edit(change)


def with_key(key, value):
    def change(statement):
        statement[key] = value
        return True

    return edit(change)


def renamed(old, new):
    def change(statement):
        if old not in statement:
            return False
        statement[new] = statement.pop(old)
        return True

    return edit(change)


def top(key, value):
    def fault(policy):
        policy = copy.deepcopy(policy)
        policy[key] = value
        return policy

    return fault


def twice_sid(policy):
    policy = copy.deepcopy(policy)
    found = statements(policy)
    if len(found) < 2:
        return None
    found[0]["Sid"] = found[1]["Sid"] = "Same"
    return policy


plain = lambda action: ":" in action and "*" not in action
arn = lambda count: lambda text: text.startswith("arn:") and text.count(":") >= count
FAULTS = {
    "action misspelled": replace("Action", plain, lambda a: a[:-2] + a[-1] + a[-2] + "x"),
    "service misspelled": replace("Action", plain, lambda a: "xq" + a),
    "wildcard matches no action": replace("Action", plain, lambda a: a.split(":")[0] + ":Qzx*"),
    "effect misspelled": edit(lambda s: s.update(Effect="Alow") or True),
    "element misspelled": renamed("Resource", "Resouce"),
    "unknown element": with_key("Conditions", {}),
    "both Action and NotAction": with_key("NotAction", "s3:*"),
    "no Action": edit(lambda s: s.pop("Action", None) is not None),
    "principal in an identity policy": with_key("Principal", "*"),
    "version misspelled": top("Version", "2012-10-18"),
    "no such Sid characters": with_key("Sid", "not allowed"),
    "Sid twice": twice_sid,
    "resource is no ARN": replace("Resource", arn(5), lambda r: r.split(":", 5)[5] or "x"),
    "ARN with a part left out": replace("Resource", arn(5), lambda r: ":".join(r.split(":")[:3] + r.split(":")[4:])),
    "ARN with a part left out, star at its end": replace("Resource", lambda _: True, lambda _: "arn:aws:s3::logs/*"),
    "account of eleven digits": replace("Resource", lambda _: True, lambda _: "arn:aws:sqs:eu-west-1:11112222333:jobs"),
    "region of a bucket": replace("Resource", lambda _: True, lambda _: "arn:aws:s3:eu-west-1::logs/*"),
    "no such partition": replace("Resource", lambda _: True, lambda _: "arn:amazon:s3:::logs/*"),
    "no such region": replace("Resource", lambda _: True, lambda _: "arn:aws:sqs:europe:111122223333:jobs"),
    "resource type misspelled": replace("Resource", lambda _: True, lambda _: "arn:aws:iam::111122223333:rolle/app"),
    "variable without its brace": replace("Resource", lambda _: True, lambda _: "arn:aws:s3:::logs/${aws:username/*"),
    "template not filled in": replace("Resource", lambda _: True, lambda _: "arn:aws:s3:::${BucketName}/*"),
    "operator misspelled": condition({"StringEqual": {"aws:PrincipalTag/team": "blue"}}),
    "global key misspelled": condition({"StringEquals": {"aws:PrincipalTags/team": "blue"}}),
    "service's key misspelled": condition({"StringEquals": {"s3:prefixx": "blue"}}),
    "key of another service": condition({"StringEquals": {"appmesh:nothing": "blue"}}),
    "operator of another type": condition({"StringEquals": {"aws:SourceIp": "203.0.113.7"}}),
    "no address range": condition({"IpAddress": {"aws:SourceIp": "203.0.113.0/33"}}),
    "private address": condition({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    "no date": condition({"DateLessThan": {"aws:CurrentTime": "2030/01/31"}}),
    "neither true nor false": condition({"Bool": {"aws:SecureTransport": "yes"}}),
    "true and false": condition({"Bool": {"aws:SecureTransport": ["true", "false"]}}),
    "Null with IfExists": condition({"NullIfExists": {"aws:TokenIssueTime": "true"}}),
    "no set operator": condition({"StringEquals": {"aws:TagKeys": ["team"]}}),
    "ForAllValues on one value": condition({"ForAllValues:StringEquals": {"aws:PrincipalTag/team": "blue"}}),
    "star without Like": condition({"StringEquals": {"aws:PrincipalTag/team": "blue-*"}}),
    "ARN pattern of too few parts": condition({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*"}}),
    "one key in two spellings": condition({"StringEquals": {"aws:username": "ana", "AWS:UserName": "bob"}}),
}


# ---- checkers: each takes {name: policy} and gives {name: Counter of codes}


def leastwise(command, policies):
    lines = "".join(json.dumps({"id": name, "policy": policy}) + "\n" for name, policy in policies.items())
    asked = [command, "check", "valid", "--type", "identity", "--batch", "-"]
    done = subprocess.run(asked, input=lines, capture_output=True, text=True)
    assert done.returncode in (0, 1), (done.returncode, done.stderr[:500])
    out = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        out[result["id"]] = collections.Counter(f"{f['severity']} {f['code']}" for f in result.get("findings", []))
    assert out.keys() == policies.keys()
    return out


def parliament(policies):
    from parliament import analyze_policy_string

    out = {}
    for name, policy in policies.items():
        try:
            found = analyze_policy_string(json.dumps(policy), include_community_auditors=False).findings
            out[name] = collections.Counter(finding.issue for finding in found)
        except Exception as error:  # it gives up on some documents
            out[name] = collections.Counter([f"gives up: {type(error).__name__}"])
    return out


def cfn_lint(policies):
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    rules = ["E3510", "E3513", "E3514", "W2511", "W3037", "I3510"]
    out = {}
    for name, policy in policies.items():
        resource = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}}
        template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Policy": resource}}
        config = ManualArgs(regions=["us-east-1"], include_checks=["I", "W", "E"])
        matches = lint(json.dumps(template), config=config)
        out[name] = collections.Counter(match.rule.id for match in matches if match.rule.id in rules or match.rule.id == "E0000")
    return out


def services_of_catalog(folder):
    """The catalog of this repository in the form of AWS's service reference, as iam-policy-validator reads it offline."""
    services, block, service = [], None, None
    full = lambda prefix, key: prefix + key if key.startswith(":") else key
    for line in CATALOG.read_text().splitlines():
        if line.startswith("service "):
            service = {"Name": line[8:].split("\t")[0], "Actions": [], "Resources": [], "ConditionKeys": [], "Version": "v1.4"}
            services.append(service)
        elif line in ("keys", "resources", "actions", "operations"):
            block = line
        elif line.startswith(" ") and service:
            prefix, fields = service["Name"], line[1:].split("\t")
            split = lambda text: [] if text in ("-", "") else text.split(",")
            if block == "keys":
                service["ConditionKeys"].append({"Name": full(prefix, fields[0]), "Types": split(fields[1] if len(fields) > 1 else "-")})
            elif block == "resources":
                formats = split(fields[1] if len(fields) > 1 else "-")
                keys = [full(prefix, key) for key in split(fields[2] if len(fields) > 2 else "-")]
                service["Resources"].append({"Name": fields[0], "ARNFormats": formats, "ConditionKeys": keys})
            elif block == "actions":
                facts = {field.split(" ", 1)[0]: field.split(" ", 1)[1] for field in fields[1:] if " " in field}
                on = [{"Name": part.split("[")[0].rstrip("*")} for part in split(facts.get("on", "-"))]
                keys = [full(prefix, key) for key in split(facts.get("if", "-"))]
                service["Actions"].append({"Name": fields[0], "ActionConditionKeys": keys, "Resources": on})
    folder = pathlib.Path(folder)
    for service in services:
        (folder / f"{service['Name'].lower()}.json").write_text(json.dumps(service))
    url = lambda name: f"https://servicereference.us-east-1.amazonaws.com/v1/{name}/{name}.json"
    names = [{"service": service["Name"], "url": url(service["Name"])} for service in services]
    (folder / "_services.json").write_text(json.dumps(names))


def iam_policy_validator(policies):
    out = {name: collections.Counter() for name in policies}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "services").mkdir()
        (scratch / "policies").mkdir()
        services_of_catalog(scratch / "services")
        numbered = {f"p{at:05}": name for at, name in enumerate(policies)}
        for file, name in numbered.items():
            (scratch / "policies" / f"{file}.json").write_text(json.dumps(policies[name]))
        report = scratch / "report.json"
        tool = str(pathlib.Path(sys.executable).parent / "iam-validator")
        asked = [tool, "validate", "--path", str(scratch / "policies"), "--format", "json", "--output", str(report)]
        asked += ["--policy-type", "IDENTITY_POLICY", "--aws-services-dir", str(scratch / "services")]
        done = subprocess.run(asked, capture_output=True, text=True)
        assert report.exists(), done.stdout[-500:] + done.stderr[-500:]
        for result in json.loads(report.read_text())["results"]:
            name = numbered[pathlib.Path(result["policy_file"]).stem]
            out[name].update(f"{issue['severity']} {issue['issue_type']}" for issue in result["issues"])
    return out


def timed(run, policies):
    start = time.process_time()
    return run(policies), time.process_time() - start


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--leastwise", required=True)
    arguments.add_argument("--explain", action="store_true")
    arguments.add_argument("--policies", type=int, default=0, help="only so many managed policies")
    options = arguments.parse_args()

    unchanged = managed()
    if options.policies:
        unchanged = dict(list(unchanged.items())[: options.policies])
    changed, origin = {}, {}
    for kind, fault in FAULTS.items():
        made = 0
        for name, policy in unchanged.items():
            # Small ones, so that a finding is about the fault.
            if made == EACH or len(json.dumps(policy)) > 2_000:
                continue
            broken = fault(policy)
            if broken is not None and broken != policy:
                changed[f"{kind} / {name}"] = broken
                origin[f"{kind} / {name}"] = (kind, name)
                made += 1
    needed = {name for _, name in origin.values()}
    print(f"{len(unchanged)} managed policies, {len(changed)} with a fault, of {len(FAULTS)} kinds")

    checkers = {
        "leastwise": functools.partial(leastwise, options.leastwise),
        "parliament": parliament,
        "cfn-lint": cfn_lint,
        "iam-policy-validator": iam_policy_validator,
    }
    noticed, said = {}, {}
    with concurrent.futures.ProcessPoolExecutor() as pool:
        running = {}
        for checker, run in checkers.items():
            # cfn-lint takes a second for each policy: of the managed ones it sees those that a fault was put into.
            seen = unchanged if checker != "cfn-lint" else {name: unchanged[name] for name in sorted(needed)}
            running[checker] = (len(seen), pool.submit(timed, run, seen), pool.submit(timed, run, changed))
        for checker, (count, before, after) in running.items():
            (before, first), (after, second) = before.result(), after.result()
            print(f"{checker}: {first + second:.0f} s", file=sys.stderr, flush=True)
            said[checker] = (before, count)
            noticed[checker] = {name: after[name] - before[origin[name][1]] for name in changed}

    print("\n| fault | policies | " + " | ".join(checkers) + " |")
    print("|---|--:|" + "--:|" * len(checkers))
    for kind in FAULTS:
        names = [name for name in changed if origin[name][0] == kind]
        counts = [sum(bool(noticed[checker][name]) for name in names) for checker in checkers]
        print(f"| {kind} | {len(names)} | " + " | ".join(map(str, counts)) + " |")
        if options.explain:
            for checker in checkers:
                codes = collections.Counter(code for name in names for code in noticed[checker][name])
                print(f"    {checker}: {dict(codes.most_common(6))}")
    totals = [sum(bool(found) for found in noticed[checker].values()) for checker in checkers]
    print(f"| all | {len(changed)} | " + " | ".join(map(str, totals)) + " |")

    for checker, (found, count) in said.items():
        codes = collections.Counter(code for codes in found.values() for code in codes.elements())
        policies = sum(bool(codes) for codes in found.values())
        print(f"\n{checker}: {sum(codes.values())} findings on {policies} of {count} managed policies")
        for code, number in codes.most_common():
            print(f"  {number:6} {code}")


if __name__ == "__main__":
    main()
