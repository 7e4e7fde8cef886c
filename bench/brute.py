"""Judges refinements by brute force over exported names: own matcher, own reading of documents, nothing of leastwise.

Used by `corpus.py`, `cases.py` and the comparisons. It enumerates; it proves nothing about names that it is not given,
except that `samples` lets the first claim be tried on strings that no catalogue has.
"""

import functools
import json
import random
import re


class Names:
    """Known actions, lower-case, by service."""

    def __init__(self, exported):
        self.by_service = {s.lower(): {a.lower() for a in actions} for s, actions in exported.items()}
        self.spelled = {f"{s}:{a}".lower(): (s, a) for s, actions in exported.items() for a in actions}
        self.cache = {}

    def expand(self, pattern, extra=frozenset()):
        """All known actions (and of `extra`, full lower-case names) that a pattern matches."""
        pattern = pattern.lower()
        found = self.cache.get(pattern)
        if found is None:
            if pattern in ("*", "*:*"):
                found = frozenset(self.spelled)
            else:
                service, glob = pattern.split(":", 1)
                names = self.by_service.get(service, set())
                found = frozenset(f"{service}:{n}" for n in names if compiled(glob).match(n))
            self.cache[pattern] = found
        more = {name for name in extra if matches(pattern, name)}
        return found | more if more else found


@functools.lru_cache(maxsize=200_000)
def compiled(glob):
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in glob) + r"\Z", re.S)


def matches(pattern, name):
    """Whether a pattern matches one full action name; both lower-case."""
    return pattern in ("*", "*:*") or bool(compiled(pattern).match(name))


def listed(value):
    return [value] if isinstance(value, str) else list(value or [])


def statements(document):
    return [] if document is None else listed_objects(document["Statement"])


def listed_objects(value):
    return [value] if isinstance(value, dict) else value


def granted(statement, names, extra):
    """The known actions that a statement's action element matches."""
    patterns = listed(statement.get("Action", statement.get("NotAction")))
    hit = frozenset().union(*(names.expand(p, extra) for p in patterns))
    return hit if "Action" in statement else (frozenset(names.spelled) | extra) - hit


def frame(statement):
    """What a statement says besides its actions (and its Sid, which grants nothing)."""
    return json.dumps({k: v for k, v in statement.items() if k not in ("Action", "NotAction", "Sid")}, sort_keys=True)


def grants(document, names, extra):
    """Frame of Allow statements -> the known actions granted in it."""
    out = {}
    for statement in statements(document):
        if statement["Effect"] == "Allow":
            key = frame(statement)
            out[key] = out.get(key, frozenset()) | granted(statement, names, extra)
    return {k: v for k, v in out.items() if v}


def reported(unused, names):
    """The full lower-case names that the rows name, and the services named as a whole."""
    actions, services = set(), set()
    for row in unused:
        service = row["serviceNamespace"].lower()
        if row.get("actions") is None:
            services.add(service)
        else:
            actions.update(f"{service}:{a.lower()}" for a in row["actions"])
    return actions, services


def samples(document, seed):
    """Strings, known to nobody, that the Allow patterns of a document match: each with its statement's frame."""
    draw = random.Random(seed)
    for statement in statements(document):
        if statement["Effect"] != "Allow" or "Action" not in statement:
            continue
        for pattern in listed(statement["Action"]):
            if "*" not in pattern and "?" not in pattern:
                continue
            if pattern in ("*", "*:*"):
                pattern = "qqzz:*"
            for _ in range(2):
                text = "".join(
                    draw.choice(["", "s", "V2", "Zq", "xTagging"]) if c == "*" else draw.choice("aZ9") if c == "?" else c
                    for c in pattern
                )
                yield frame(statement), text.lower()


def allows(document, key, action):
    """Whether some Allow statement in that frame matches the action."""
    for statement in statements(document):
        if statement["Effect"] == "Allow" and frame(statement) == key:
            patterns = listed(statement.get("Action", statement.get("NotAction")))
            if any(matches(p.lower(), action) for p in patterns) == ("Action" in statement):
                return True
    return False


def judge(text, refined_text, unused, names, seed=0):
    """The claims that do not hold, each with a witness."""
    original = json.loads(text)
    refined = None if refined_text is None else json.loads(refined_text)
    named, services = reported(unused, names)
    exact = {
        p.lower()
        for s in statements(original)
        for p in listed(s.get("Action")) + listed(s.get("NotAction"))
        if ":" in p and not set("*?") & set(p)
    }
    extra = frozenset((exact | named) - names.spelled.keys())
    gone = lambda name: name in named or name.split(":")[0] in services
    before, after = grants(original, names, extra), grants(refined, names, extra)
    wrong = []
    for key, actions in after.items():
        if more := actions - before.get(key, frozenset()):
            wrong.append(("adds_nothing", sorted(more)[0]))
        if still := [a for a in actions if gone(a)]:
            wrong.append(("drops_everything_unused", sorted(still)[0]))
    for key, actions in before.items():
        if lost := [a for a in actions - after.get(key, frozenset()) if not gone(a)]:
            wrong.append(("keeps_everything_not_reported", sorted(lost)[0]))
    for key, action in samples(refined, seed):
        if not allows(original, key, action):
            wrong.append(("adds_nothing", action))
    if refined_text is not None and (fault := structure(text, refined_text)):
        wrong.append(("keeps_structure", fault))
    return wrong


# Claim 4: spans, read by a scanner of its own.

SPACE = re.compile(r"[ \t\r\n]*")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
DECODER = json.JSONDecoder()


def members(text, at):
    """(key, start, end) of each value of the object that begins at `at`, and where the object ends."""
    out, at = [], SPACE.match(text, at + 1).end()
    while text[at] != "}":
        key = STRING.match(text, at)
        start = SPACE.match(text, SPACE.match(text, key.end()).end() + 1).end()
        _, end = DECODER.raw_decode(text, start)
        out.append((json.loads(key.group()), start, end))
        at = SPACE.match(text, end).end()
        if text[at] == ",":
            at = SPACE.match(text, at + 1).end()
    return out, at + 1


def pieces(text):
    """Head, statements (each as the texts around its action element), tail."""
    keys, _ = members(text, SPACE.match(text).end())
    start, end = next((s, e) for k, s, e in keys if k == "Statement")
    spans = []
    if text[start] == "{":
        spans.append((start, end))
    else:
        at = SPACE.match(text, start + 1).end()
        while text[at] != "]":
            _, close = DECODER.raw_decode(text, at)
            spans.append((at, close))
            at = SPACE.match(text, close).end()
            if text[at] == ",":
                at = SPACE.match(text, at + 1).end()
    around = []
    for first, last in spans:
        element = next((s, e) for k, s, e in members(text, first)[0] if k in ("Action", "NotAction"))
        around.append((text[first : element[0]], text[element[1] : last], text[element[0] : element[1]]))
    return text[: spans[0][0]] if text[start] == "{" else text[: start + 1], around, text[end:]


def structure(text, refined):
    """Why the refined text is not the original with other actions and fewer statements; none when it is."""
    (head, old, tail), (new_head, new, new_tail) = pieces(text), pieces(refined)
    if head != new_head or tail != new_tail:
        return "bytes outside of the statements differ"
    place = iter(old)
    for before, after, actions in new:
        deny = '"Deny"' in before + after
        if not any(o[:2] == (before, after) and (not deny or o[2] == actions) for o in place):
            return f"no such statement in the original: {before[:80]}"
    return None
