"""Half of the whole catalogue unused under `Action: "*"`: leastwise beside policy_sentry's minimiser on the same keep-sets.

    python bench/star.py NAMES.json LEASTWISE_BENCH FOLDER [--rounds N]

Three keep-sets: every second action in the byte order of the names, every second one in their order ignoring case, and a random
half (seeded). Both answers are judged by brute force. Status 1 when the target of 50 × is missed on one of them, or leastwise
loses or admits an action.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import time

from policy_sentry.writing import minimize

import brute
import cases


def judged(patterns, keep, names):
    """How many kept actions the patterns lose, and how many others they admit, with examples."""
    granted = frozenset().union(*(names.expand(p) for p in patterns))
    lost, admitted = sorted(keep - granted), sorted(granted - keep)
    text = f"{len(patterns)} patterns, loses {len(lost)}, admits {len(admitted)}"
    return text + (f" ({', '.join((lost + admitted)[:2])}, …)" if lost or admitted else ""), bool(lost or admitted)


def policy_sentry(keep, universe, rounds):
    best = float("inf")
    for _ in range(rounds):
        minimize._get_prefixes_for_action.cache_clear()
        start = time.process_time()
        patterns = minimize.minimize_statement_actions(sorted(keep), universe)
        best = min(best, (time.process_time() - start) * 1e3)
    return patterns, best


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names")
    arguments.add_argument("bench")
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    names = brute.Names(json.loads(pathlib.Path(given.names).read_text()))
    everything = sorted(names.spelled)
    by_bytes = [name.lower() for name in sorted(":".join(names.spelled[a]) for a in everything)]
    keep_sets = {
        "every second by bytes": by_bytes[0::2],
        "every second ignoring case": everything[0::2],
        "a random half": random.Random(1).sample(everything, len(everything) // 2),
    }
    met = True
    for title, keep in keep_sets.items():
        keep = frozenset(keep)
        unused = given.folder / "star-unused.json"
        unused.write_text(json.dumps(cases.rows(sorted(frozenset(everything) - keep), names)))
        theirs, their_ms = policy_sentry(keep, set(everything), given.rounds)
        done = subprocess.run([given.bench, "star", unused, str(given.rounds * 5)], capture_output=True, text=True, check=True)
        ours = json.loads(done.stdout)
        (their_text, _), (our_text, wrong) = judged(theirs, keep, names), judged(ours["actions"], keep, names)
        ratio, whole = their_ms / ours["refine_ms"], their_ms / ours["all_ms"]
        met = met and ratio >= 50 and not wrong
        print(f"{title}: {len(keep)} of {len(everything)} actions stay")
        print(f"  policy_sentry 0.15.2  {their_ms:8.1f} ms  {their_text}")
        print(f"  leastwise refine      {ours['refine_ms']:8.2f} ms  {our_text}; {ours['all_ms']:.2f} ms with reading both inputs and the proof")
        print(f"  {ratio:.0f} x faster, {whole:.0f} x with reading and proof")
    print(f"star: target: at least 50 x, nothing lost: {'met' if met else 'MISSED'}")
    sys.exit(0 if met else 1)


main()
