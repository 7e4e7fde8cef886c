"""Keep `lightsail:GetDisks`, `GetDiskSnapshot`, `GetDiskSnapshots` out of `lightsail:*`: policyuniverse, policy_sentry, leastwise.

    bench/compare/run lightsail

Each minimiser gets the three names as what is to stay; its answer is judged against its own list of actions and against
leastwise's catalogue.
"""

import contextlib
import io
import json
import sys

import judge

KEEP = ["lightsail:GetDisks", "lightsail:GetDiskSnapshot", "lightsail:GetDiskSnapshots"]


def main():
    leastwise = sys.argv[1]
    names = judge.catalogue(leastwise)
    keep = frozenset(a.lower() for a in KEEP)
    everything = frozenset(a for a in names.spelled if a.startswith("lightsail:"))
    assert keep < everything

    from policyuniverse import all_permissions
    from policyuniverse.expander_minimizer import minimize_policy

    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(KEEP), "Resource": "*"}]}
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        theirs = minimize_policy(policy)["Statement"][0]["Action"]
    own = frozenset(a for a in all_permissions if a.startswith("lightsail:"))
    judge.show("policyuniverse 1.5.1, its own actions", theirs, keep & own, own)
    judge.show("policyuniverse 1.5.1, leastwise's catalogue", theirs, keep, everything)

    from policy_sentry.querying.all import get_all_actions
    from policy_sentry.writing.minimize import minimize_statement_actions

    own = frozenset(a.lower() for a in get_all_actions() if a.lower().startswith("lightsail:"))
    theirs = minimize_statement_actions(KEEP, set(own))
    judge.show("policy_sentry 0.15.2, its own actions", theirs, keep & own, own)
    theirs = minimize_statement_actions(KEEP, set(everything))
    judge.show("policy_sentry 0.15.2, leastwise's catalogue", theirs, keep, everything)

    ours, claims = judge.refined(leastwise, "lightsail:*", sorted(everything - keep), names)
    judge.show("leastwise", ours, keep, everything)
    print(f"  claims: {json.dumps(claims)}")


main()
