#!/usr/bin/env python3
"""The refinement rules once more, the obvious way: a real trie, sets and regular expressions, no concern for speed.

Compares `leastwise refine --batch` with it on random policies, exactly. Usage: reference.py LEASTWISE [CASES] [SEED]
"""
import json, random, re, subprocess, sys

def tokens(name):
    # A run of capitals, less the last one when a lower-case word follows; a word; digits stay with what is before them.
    out = []
    for m in re.finditer(r"[A-Z]+(?![a-z])[0-9]*|[A-Z][a-z]+[0-9]*|[a-z]+[0-9]*|[0-9]+|.", name, re.S):
        out.append(m.group(0))
    return out

def rx(glob):
    return re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob), re.I | re.S)

def residuals(w, glob):
    """Positions of glob reached by w; the rest of glob from there."""
    states = {0}
    for c in w:
        nxt = set()
        todo = list(states)
        while todo:
            i = todo.pop()
            if i >= len(glob): continue
            if glob[i] == "*":
                nxt.add(i)
                todo.append(i + 1)
            elif glob[i] == "?" or glob[i].lower() == c.lower():
                nxt.add(i + 1)
        states = nxt
    return [glob[i:] for i in sorted(states)]

def prefixes(kept, barred, glob):
    """Shortest safe prefixes by a trie."""
    glob = re.sub(r"\*+", "*", glob)
    trailing = glob.endswith("*") and not re.search(r"[*?]", glob[:-1])
    root = {}
    for n in kept:
        node = root
        for t in tokens(n):
            node = node.setdefault(t, {})
        node[None] = n
    out = set()
    starts = lambda names, w: [n for n in names if n.lower().startswith(w.lower())]
    def walk(node, w):
        if not starts(barred, w):
            k = starts(kept, w)
            if len(k) == 1:
                out.add(k[0])
            elif trailing:
                out.add(w + "*")
            else:
                for r in residuals(w, glob):
                    covered = [n for n in k if rx(w + r).fullmatch(n)]
                    if len(covered) == 1: out.add(covered[0])
                    elif covered: out.add(w + r)
            return
        if None in node: out.add(node[None])
        for t, child in node.items():
            if t is not None: walk(child, w + t)
    walk(root, "")
    return sorted(out)

class Case:
    def __init__(self, catalogue, policy, unused):
        self.whole = {r["serviceNamespace"].lower() for r in unused if r.get("actions") is None}
        listed = [(r["serviceNamespace"], a) for r in unused for a in (r.get("actions") or [])]
        self.named = {(s.lower(), a.lower()) for s, a in listed}
        self.names = {s: {a.lower(): a for a in v} for s, v in catalogue.items()}
        stmts = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        exact = []
        for s in stmts:
            for k in ("Action", "NotAction"):
                v = s.get(k, [])
                for p in [v] if isinstance(v, str) else v:
                    if ":" in p and not re.search(r"[*?]", p): exact.append(tuple(p.split(":", 1)))
        for s, a in exact + listed:
            self.names.setdefault(s.lower(), {}).setdefault(a.lower(), a)
    def unused(self, s, a):
        return s.lower() in self.whole or (s.lower(), a.lower()) in self.named
    def match(self, p):
        """(service, name) in catalogue spelling."""
        if p in ("*", "*:*"): return [(s, n) for s in sorted(self.names) for n in self.names[s].values()]
        s, g = p.split(":", 1)
        r = rx(g)
        return [(s.lower(), n) for l, n in sorted(self.names.get(s.lower(), {}).items()) if r.fullmatch(n)]

def refine_actions(case, patterns):
    result = []   # (pattern, emitted)
    for p in patterns:
        m = case.match(p)
        b = [x for x in m if case.unused(*x)]
        k = [x for x in m if not case.unused(*x)]
        if not b: result.append((p, False)); continue
        if not k: continue
        out = []
        for s in sorted({s for s, _ in k}):
            ks, bs = [n for t, n in k if t == s], [n for t, n in b if t == s]
            if not bs: out.append(f"{s}:*")
            else: out += [f"{s}:{x}" for x in prefixes(ks, bs, "*" if p in ("*", "*:*") else p.split(":", 1)[1])]
        result += [(x, True) for x in sorted(out)]
    sets = [frozenset(case.match(p)) for p, _ in result]
    final = []
    for i, (p, emitted) in enumerate(result):
        gone = emitted and any(j != i and (sets[i] < sets[j] or (sets[i] == sets[j] and (j < i or not result[j][1]))) for j in range(len(result)))
        if not gone: final.append(p)
    return final

def refine_not_actions(case, patterns):
    excluded = {x for p in patterns for x in case.match(p)}
    everything = [x for x in case.match("*")]
    granted = [x for x in everything if x not in excluded]
    b = [x for x in granted if case.unused(*x)]
    k = [x for x in granted if not case.unused(*x)]
    if not b: return patterns
    if not k: return None
    add, whole = [], []
    for s in sorted({s for s, _ in b}):
        bs, ks = [n for t, n in b if t == s], [n for t, n in k if t == s]
        if not ks: whole.append(f"{s}:*")
        else: add += [f"{s}:{x}" for x in prefixes(bs, ks, "*")]
    add.sort()
    bset = set(b)
    sets = [frozenset(x for x in case.match(p) if x in bset) for p in add]
    add = [p for i, p in enumerate(add) if not any(j != i and (sets[i] < sets[j] or (sets[i] == sets[j] and j < i)) for j in range(len(add)))]
    return patterns + sorted(whole) + add

def refine(catalogue, policy, unused):
    case = Case(catalogue, policy, unused)
    single = not isinstance(policy["Statement"], list)
    out = []
    for s in [policy["Statement"]] if single else policy["Statement"]:
        key = "Action" if "Action" in s else "NotAction"
        v = s[key]
        pats = [v] if isinstance(v, str) else v
        new = pats
        if s["Effect"] == "Allow":
            new = refine_actions(case, pats) if key == "Action" else refine_not_actions(case, pats)
        if new is not None and (new or not pats):
            out.append({**s, key: v if new == pats else (new[0] if isinstance(v, str) and len(new) == 1 else new)})
    if not out and (policy["Statement"] or single): return None
    return {**policy, "Statement": out[0] if single else out}

def random_case(rng, catalogue):
    services = rng.sample(sorted(catalogue), 3) + rng.sample(["s3", "ec2", "iam", "lambda", "rds", "lightsail", "apigateway"], 2)
    def pattern():
        if rng.random() < 0.03: return rng.choice(["*", "*:*"])
        s = rng.choice(services); n = rng.choice(catalogue[s])
        t = rng.random()
        cut = lambda: rng.randrange(0, len(n) + 1)
        if t < 0.25: g = n
        elif t < 0.5: g = n[:cut()] + "*"
        elif t < 0.6: g = "*" + n[cut():]
        elif t < 0.7: a = cut(); b = rng.randrange(a, len(n) + 1); g = n[:a] + "*" + n[b:]
        elif t < 0.8: a = cut(); g = n[:a] + "?" * min(1, len(n) - a) + n[a+1:] ; g = g if rng.random() < .5 else g + "*"
        elif t < 0.85: g = "*"
        elif t < 0.9: a = cut(); g = "*" + n[a:a+3] + "*" + n[a+5:a+7] + rng.choice(["", "*", "**"])
        elif t < 0.93: g = n + "Zz"
        else: g = rng.choice(["Get*", "List*", "Describe*", "Create*", "*Tag*", "Delete*"])
        p = f"{s}:{g}"
        return rng.choice([p, p, p, p.lower(), p.upper()])
    stmts = []
    for i in range(rng.randint(1, 3)):
        pats = [pattern() for _ in range(rng.choice([1, 1, 2, 3, 6]))]
        key = "NotAction" if rng.random() < 0.12 else "Action"
        stmts.append({"Effect": "Deny" if rng.random() < 0.1 else "Allow", key: pats[0] if len(pats) == 1 and rng.random() < .5 else pats, "Resource": rng.choice(["*", "arn:aws:s3:::x"])})
    policy = {"Version": "2012-10-17", "Statement": stmts[0] if len(stmts) == 1 and rng.random() < .3 else stmts}
    rows = []
    wide = any(p in ("*", "*:*") for s in stmts for p in ([s.get("Action")] if isinstance(s.get("Action"), str) else s.get("Action", []))) or any("NotAction" in s for s in stmts)
    for s in (rng.sample(sorted(catalogue), 60) if wide else []) + services:
        t = rng.random()
        if t < 0.12: rows.append({"serviceNamespace": s})
        elif t < 0.2: rows.append({"serviceNamespace": s, "actions": []})
        elif t < 0.9:
            w = rng.choice([0.05, 0.3, 0.5, 0.8, 0.97])
            rows.append({"serviceNamespace": s, "actions": [a for a in catalogue[s] if rng.random() < w] + (["Brand" + "New"] if rng.random() < .05 else [])})
    return policy, rows

def main():
    binary = sys.argv[1]; cases = int(sys.argv[2]) if len(sys.argv) > 2 else 500; seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    catalogue = json.loads(subprocess.run([binary, "catalog", "export", "--format", "names-json"], capture_output=True, text=True, check=True).stdout)
    rng = random.Random(seed)
    inputs = [random_case(rng, catalogue) for _ in range(cases)]
    lines = "".join(json.dumps({"id": i, "policy": p, "unused": u}) + "\n" for i, (p, u) in enumerate(inputs))
    ran = subprocess.run([binary, "refine", "--batch", "-"], input=lines, capture_output=True, text=True)
    assert ran.returncode == 0, (ran.returncode, ran.stderr[:500])
    results = [json.loads(l) for l in ran.stdout.splitlines()]
    differ = 0
    for (policy, unused), r in zip(inputs, results):
        expected = refine(catalogue, policy, unused)
        if expected != r["policy"]:
            differ += 1
            if differ <= 5:
                print("DIFFER", r["id"]); print(" policy  ", json.dumps(policy)); print(" unused  ", json.dumps(unused)[:600])
                print(" expected", json.dumps(expected)[:1500]); print(" got     ", json.dumps(r["policy"])[:1500])
    print(f"{cases} cases, {differ} differ")
    sys.exit(1 if differ else 0)

if __name__ == "__main__":
    main()
