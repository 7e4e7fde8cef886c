"""The worked example `s3:Get*` through the other minimisers: how many patterns, what they lose and admit.

    bench/compare/run worked_example
"""

import contextlib
import io
import json
import pathlib
import sys

import judge
import brute


def main():
    leastwise = sys.argv[1]
    example = pathlib.Path(__file__).parent.parent.parent / "examples" / "my-role"
    unused, _ = brute.reported(json.loads((example / "unused.json").read_text()), None)
    names = judge.catalogue(leastwise)
    matched = names.expand("s3:Get*")
    gone = sorted(a for a in unused if a in matched)
    keep = matched - frozenset(gone)
    everything = frozenset(a for a in names.spelled if a.startswith("s3:"))
    print(f"s3:Get* matches {len(matched)} actions, {len(gone)} unused, {len(keep)} stay")

    from policy_sentry.writing.minimize import minimize_statement_actions

    judge.show("policy_sentry 0.15.2", minimize_statement_actions(sorted(keep), set(everything)), keep, everything)

    import policyuniverse.expander_minimizer as expander

    # With its own list of 2023 it refuses names that it does not know, so it gets ours.
    expander.all_permissions = set(names.spelled)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": sorted(keep), "Resource": "*"}]}
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        theirs = expander.minimize_policy(policy)["Statement"][0]["Action"]
    judge.show("policyuniverse 1.5.1", theirs, keep, everything)
    ours, claims = judge.refined(leastwise, "s3:Get*", gone, names)
    judge.show("leastwise", ours, keep, everything)


main()
