"""Counts calls in CloudTrail logs the plain way, to compare `leastwise usage` with. Standard library only, and nothing of
leastwise's: it reads everything into memory, takes each eventID once, and knows the identities that the tests' logs have.

usage: tally.py PATH…   (files and folders; rows as JSON lines, sorted)
"""

import gzip
import json
import os
import sys

DENIED = {
    "accessdenied", "accessdeniedexception", "client.unauthorizedoperation", "unauthorizedoperation", "client.unauthorizedaccess",
    "unauthorizedaccess", "authorizationerror", "authorizationerrorexception", "notauthorizedforthisoperation", "vpceaccessdenied",
}


def files(path):
    if os.path.isfile(path):
        yield path
        return
    for folder, _, names in os.walk(path):
        for name in names:
            if name.endswith((".json", ".json.gz", ".ndjson", ".jsonl")) and "CloudTrail-Digest" not in folder:
                yield os.path.join(folder, name)


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode("utf-8-sig")
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        if isinstance(value, list):
            yield from value
        elif "Records" in value:
            yield from value["Records"]
        elif "Events" in value:
            yield from (json.loads(event["CloudTrailEvent"]) for event in value["Events"])
        else:
            yield value


def of_session(arn):
    parts = arn.split(":")
    if len(parts) > 5 and parts[2] == "sts" and parts[5].startswith("assumed-role/"):
        return f"arn:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"
    return arn if ":iam:" in arn else None


def principal(record):
    who = record.get("userIdentity") or {}
    kind = who.get("type") or ""
    arn = who.get("arn") or ""
    issuer = ((who.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn") or ""
    account = who.get("accountId") or ""
    if kind in ("AssumedRole", "Role"):
        return issuer or of_session(arn) or ""
    if kind == "FederatedUser":
        return issuer
    if kind == "IAMUser":
        name = who.get("userName") or ""
        hidden = name in ("", "HIDDEN_DUE_TO_SECURITY_REASONS")
        return arn or ("" if hidden else f"arn:aws:iam::{account}:user/{name}")
    if kind == "Root":
        return f"arn:aws:iam::{account}:root"
    if kind == "AWSService" or (kind == "" and who.get("invokedBy") and not arn):
        return who.get("invokedBy") or who.get("principalId") or "AWSService"
    if kind == "AWSAccount":
        own = account == record.get("recipientAccountId")
        return "" if account == "ANONYMOUS_PRINCIPAL" else (of_session(arn) or "") if own else account
    if kind in ("SAMLUser", "WebIdentityUser", "IdentityCenterUser"):
        return who.get("principalId") or who.get("userName") or arn or "unnamed"
    return of_session(arn) or "" if arn else ""


def main():
    seen, rows = set(), {}
    for path in sorted(file for root in sys.argv[1:] for file in files(root)):
        for record in records(path):
            mark = record.get("eventID")
            if mark is not None and mark in seen:
                continue
            seen.add(mark)
            code = (record.get("errorCode") or "").lower()
            outcome = "ok" if not code else "denied" if code in DENIED else "error"
            key = (record.get("recipientAccountId"), principal(record), record["eventSource"], record["eventName"], outcome)
            time = record.get("eventTime") or record["@timestamp"][:19] + "Z"
            row = rows.setdefault(key, {"count": 0, "first": time, "last": time, "regions": set()})
            row["count"] += 1
            row["first"] = min(row["first"], time)
            row["last"] = max(row["last"], time)
            row["regions"].add(record.get("awsRegion") or "")
    for key in sorted(rows, key=str):
        row = rows[key]
        print(json.dumps([*key, row["count"], row["first"], row["last"], sorted(row["regions"])]))


main()
