"""Inclusion by Z3's strings, beside leastwise, on the same pairs of policies: a second opinion, and a measure of time.

    pip install z3-solver && python bench/inclusion/z3_compare.py pairs.ndjson bench-inclusion [every Nth pair] [seconds]

The second argument is the benchmark's own program, which decides the same pairs in the same run.

One text in SMT-LIB a pair: is there a request that the new policy allows and the existing one does not? Each element of a
statement is one regular expression, the union of its patterns; NotAction and NotResource are complements. A condition on
texts is a string or its absence; what is not encoded (set operators, numbers, addresses, policy variables) is a truth value of its own
for each way in which it is written, and where the two answers could differ for that alone the pair is set aside.
Z3's time is that of reading the text and checking; limited, as it does not always come back.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import z3


def quoted(text):
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text) + '"'


ONE_NOT_COLON = '(re.union (re.range "\\u{0}" "9") (re.range ";" "\\u{2ffff}"))'


def concat(parts):
    parts = [p for p in parts if p]
    return '(str.to_re "")' if not parts else parts[0] if len(parts) == 1 else f"(re.++ {' '.join(parts)})"


def union(parts):
    parts = list(dict.fromkeys(parts))
    return "re.none" if not parts else parts[0] if len(parts) == 1 else f"(re.union {' '.join(parts)})"


def regex(pattern, resource=False):
    """A glob; with `resource`, wildcards stay within the first five parts of an ARN unless they end one."""
    parts, literal, colons = [], "", 0
    arn = resource and pattern.startswith("arn:")
    for at, c in enumerate(pattern):
        beyond = not arn or colons >= 5
        if c == ":":
            colons += 1
        if c not in "*?":
            literal += c
            continue
        if literal:
            parts.append(f"(str.to_re {quoted(literal)})")
            literal = ""
        ends = pattern[at + 1 : at + 2] in ("", ":")
        if c == "*":
            parts.append("re.all" if beyond or ends else f"(re.* {ONE_NOT_COLON})")
        else:
            parts.append("re.allchar" if beyond else ONE_NOT_COLON)
    if literal:
        parts.append(f"(str.to_re {quoted(literal)})")
    return concat(parts)


def listed(value):
    return value if isinstance(value, list) else [value]


TEXTS = {"stringequals": (False, False), "stringnotequals": (False, True), "stringlike": (True, False), "stringnotlike": (True, True)}


class Encoding:
    def __init__(self):
        self.names = {}
        self.opaque = {}

    def key(self, key):
        number = self.names.setdefault(key.lower(), len(self.names))
        return f"present{number}", f"value{number}"

    def hidden(self, *what):
        return f"hidden{self.opaque.setdefault(json.dumps(what), len(self.opaque))}"

    def condition(self, operator, key, values):
        values = [str(v).lower() if isinstance(v, bool) else str(v) for v in listed(values)]
        name, exists = operator.lower(), False
        if name.endswith("ifexists"):
            name, exists = name[:-8], True
        if name == "bool" and set(values) <= {"true", "false"}:
            name = "stringequals"
        if name == "null":
            present, _ = self.key(key)
            wanted = {"true": f"(not {present})", "false": present}
            return f"(or false {' '.join(wanted[v.lower()] for v in values if v.lower() in wanted)})"
        if name not in TEXTS or any("${" in v for v in values):
            return self.hidden(operator.lower(), key.lower(), sorted(values))
        like, negated = TEXTS[name]
        present, value = self.key(key)
        inside = f"(str.in_re {value} {union([regex(v) if like else f'(str.to_re {quoted(v)})' for v in values])})"
        if negated:
            return f"(or (not {present}) (not {inside}))"
        return f"(or (not {present}) {inside})" if exists else f"(and {present} {inside})"

    def statement(self, statement):
        terms = []
        key = "Action" if "Action" in statement else "NotAction"
        patterns = [a.lower() for a in listed(statement[key])]
        inside = f"(str.in_re action {union([regex(p) for p in patterns])})"
        terms.append(f"(not {inside})" if key == "NotAction" else inside)
        key = "Resource" if "Resource" in statement else "NotResource"
        plain = [r for r in listed(statement[key]) if "${" not in r]
        inside = [f"(str.in_re resource {union([regex(p, True) for p in plain])})"]
        inside += [self.hidden("resource", r) for r in listed(statement[key]) if "${" in r]
        inside = f"(or {' '.join(inside)})"
        terms.append(f"(not {inside})" if key == "NotResource" else inside)
        for operator, block in statement.get("Condition", {}).items():
            terms += [self.condition(operator, key, values) for key, values in block.items()]
        return f"(and {' '.join(terms)})"

    def allows(self, policy):
        own = {effect: [self.statement(s) for s in listed(policy["Statement"]) if s["Effect"] == effect] for effect in ("Allow", "Deny")}
        return f"(and (or false {' '.join(own['Allow'])}) (not (or false {' '.join(own['Deny'])})))"


def encode(pair):
    encoding = Encoding()
    new, existing = encoding.allows(pair["new"]), encoding.allows(pair["existing"])
    lines = ["(declare-const action String)", "(declare-const resource String)"]
    for number in range(len(encoding.names)):
        lines += [f"(declare-const present{number} Bool)", f"(declare-const value{number} String)"]
    lines += [f"(declare-const hidden{number} Bool)" for number in range(len(encoding.opaque))]
    # An action is `service:Name`, in lower case; a resource is some text.
    lines.append(f'(assert (str.in_re action (re.++ (re.+ {ONE_NOT_COLON}) (str.to_re ":") (re.+ re.allchar))))')
    lines.append('(assert (not (= resource "")))')
    lines.append(f"(assert {new})")
    lines.append(f"(assert (not {existing}))")
    return "\n".join(lines), bool(encoding.opaque)


def main():
    step = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    limit = float(sys.argv[4]) if len(sys.argv) > 4 else 5
    lines = open(sys.argv[1]).readlines()[::step]
    pairs = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        sample, answers = pathlib.Path(folder, "pairs"), pathlib.Path(folder, "verdicts")
        sample.write_text("".join(lines))
        subprocess.run([sys.argv[2], "pairs", sample, answers], check=True, stdout=subprocess.DEVNULL)
        verdicts = [json.loads(line) for line in answers.read_text().splitlines()]
    own = {(v["id"], v["edit"]): v for v in verdicts}
    rows, differ, aside, late = [], [], 0, 0
    for pair in pairs:
        verdict = own[pair["id"], pair["edit"]]
        text, opaque = encode(pair)
        solver = z3.Solver()
        solver.set("timeout", int(limit * 1000))
        start = time.perf_counter()
        solver.from_string(text)
        answer = solver.check()
        taken = (time.perf_counter() - start) * 1000
        rows.append((taken, verdict["milliseconds"]))
        if answer == z3.unknown:
            late += 1
            continue
        said = "not included" if answer == z3.sat else "included"
        if said == verdict["result"] or verdict["result"] == "undecided":
            continue
        if opaque and said == "not included":
            aside += 1
        else:
            differ.append((pair["id"], pair["edit"], verdict["result"], said, verdict["explanation"]))
    ratio = [z / own for z, own in rows]
    print(f"{len(rows)} pairs; Z3 {z3.get_version_string()} gave no answer within {limit} s on {late}")
    print(f"median: Z3 {statistics.median(z for z, _ in rows):.2f} ms, leastwise {statistics.median(o for _, o in rows):.3f} ms")
    print(f"median of the ratios {statistics.median(ratio):.0f}, smallest {min(ratio):.1f}; times over the limit count as the limit")
    print(f"disagreements {len(differ)}; set aside for conditions that are not encoded {aside}")
    for row in differ:
        print("  ", row)


if __name__ == "__main__":
    main()
