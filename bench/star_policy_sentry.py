"""Runs policy_sentry's minimiser on every second action of a catalogue, and judges both its answer and leastwise's.

    python bench/star_policy_sentry.py NAMES.json UNUSED.json OURS.json [--rounds N]

Writes UNUSED.json first when asked with `--make`; OURS.json is what `leastwise-bench star` printed. Exit status 1 when the
target of 50 × is missed or leastwise loses or admits an action.
"""

import argparse
import json
import sys
import time

import brute
import cases


def judged(patterns, keep, names):
    """How many kept actions the patterns lose, and how many others they admit, with one example of each."""
    granted = frozenset().union(*(names.expand(p) for p in patterns))
    lost, admitted = sorted(keep - granted), sorted(granted - keep)
    return {"patterns": len(patterns), "lost": len(lost), "admitted": len(admitted), "examples": lost[:2] + admitted[:2]}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names")
    arguments.add_argument("unused")
    arguments.add_argument("ours", nargs="?")
    arguments.add_argument("--make", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    names = brute.Names(json.load(open(given.names)))
    everything = sorted(names.spelled)
    keep = frozenset(everything[0::2])
    if given.make:
        json.dump(cases.rows(everything[1::2], names), open(given.unused, "w"))
        return
    from policy_sentry.writing import minimize

    universe, best = set(everything), float("inf")
    for _ in range(given.rounds):
        minimize._get_prefixes_for_action.cache_clear()
        start = time.process_time()
        theirs = minimize.minimize_statement_actions(sorted(keep), universe)
        best = min(best, (time.process_time() - start) * 1e3)
    ours = json.load(open(given.ours))
    print("policy_sentry 0.15.2:", f"{best:.1f} ms,", json.dumps(judged(theirs, keep, names)))
    mine = judged(ours["actions"], keep, names)
    print("leastwise refine:    ", f"{ours['refine_ms']:.2f} ms,", json.dumps(mine))
    print(f"leastwise with reading both inputs and the proof: {ours['all_ms']:.2f} ms")
    ratio, whole = best / ours["refine_ms"], best / ours["all_ms"]
    met = ratio >= 50 and not mine["lost"] and not mine["admitted"]
    print(f"star: {ratio:.0f} x faster ({whole:.0f} x with reading and proof); target: at least 50 x, nothing lost: {'met' if met else 'MISSED'}")
    sys.exit(0 if met else 1)


main()
