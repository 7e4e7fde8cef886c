//! `leastwise explain` for what is no action: a role as a whole, an access key, a password.
//!
//! Shows what every source says of its use, and what holds a finding back. It judges by the same code as `analyze`.

use leastwise::access::credential_report::{AccessKey, CredentialRow, Enabled, LastUse};
use leastwise::access::{Principal, PrincipalArn, PrincipalKind, Timestamp};
use leastwise::analysis::Analysis;
use leastwise::findings::{Details, Exclusions, Finding, Found, Unjudged, activity_of, find};
use leastwise::recommend::nearest;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Colours;
use crate::recommend::principal;

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The role, or all credentials of the user.
    Whole,
    /// The key in this slot of the credential report.
    Slot(u8),
    /// The key of this id.
    Key(String),
    /// The console password.
    Password,
}

impl Asked {
    /// What the words of the command line mean; none for an action.
    pub(crate) fn of(subject: &str, what: Option<&str>) -> Option<Asked> {
        match what {
            None if is_key(subject) => Some(Asked::Key(subject.to_owned())),
            None => Some(Asked::Whole),
            Some("1") => Some(Asked::Slot(1)),
            Some("2") => Some(Asked::Slot(2)),
            Some(text) if text.eq_ignore_ascii_case("password") => Some(Asked::Password),
            Some(text) if is_key(text) => Some(Asked::Key(text.to_owned())),
            Some(_) => None,
        }
    }
}

fn is_key(text: &str) -> bool {
    text.len() >= 16 && text.starts_with("AKIA") && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The answer as JSON: `leastwise.explain-identity/1`.
pub(crate) fn answer(analysis: &Analysis<'_>, subject: &str, asked: &Asked) -> Result<Value, Failure> {
    let arn = match asked {
        Asked::Key(id) if is_key(subject) => owner(analysis, id)?,
        _ => principal(&analysis.access, subject)?.arn.clone(),
    };
    let known = analysis.access.principal(&arn);
    let is_role = arn.kind() == PrincipalKind::Role;
    if is_role && *asked != Asked::Whole {
        return Err(Failure::bad_input(format!("`{arn}` is a role, which has no keys and no password"), "give its ARN alone"));
    }
    if arn.kind() == PrincipalKind::Group {
        return Err(Failure::bad_input(format!("`{arn}` is a group, which makes no calls"), "ask about one of its members"));
    }
    let found = find(analysis, &Exclusions::default());
    let items = match known {
        Some(role) if is_role => vec![of_role(analysis, &found, role)],
        _ => of_credentials(analysis, &found, &arn, asked)?,
    };
    let other_names: Vec<&str> = analysis.ledger.other_names(&arn).into_iter().map(PrincipalArn::as_str).collect();
    Ok(json!({
        "schema": "leastwise.explain-identity/1",
        "resource": arn.as_str(),
        "otherNames": other_names,
        "trackingPeriod": {"from": analysis.period.start.to_string(), "to": analysis.period.end.to_string()},
        "items": items,
        "problems": analysis.problems.len(),
    }))
}

/// Whose key it is, by the lists of keys.
fn owner(analysis: &Analysis<'_>, id: &str) -> Result<PrincipalArn, Failure> {
    let rows = || analysis.credentials.iter().flat_map(|report| &report.rows);
    let has = |key: &AccessKey| key.id.as_ref().is_some_and(|own| own.as_str() == id);
    if let Some(row) = rows().find(|row| row.keys.iter().any(has)) {
        return Ok(row.arn.clone());
    }
    let ids: Vec<&str> = rows().flat_map(|row| &row.keys).filter_map(|key| Some(key.id.as_ref()?.as_str())).collect();
    let near = nearest(id, ids.iter().copied());
    let help = if near.is_empty() {
        "add lists of keys (`aws iam list-access-keys`), or give the ARN of the user and the slot, 1 or 2".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Err(Failure::bad_input(format!("`{id}` is no key of the lists of keys"), help))
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn sources(finding: &[leastwise::findings::Testimony]) -> Vec<Value> {
    let row = |testimony: &leastwise::findings::Testimony| {
        json!({
            "source": testimony.source.as_str(), "says": testimony.says, "lastSeen": time(testimony.last_seen),
            "from": time(testimony.window.map(|window| window.from)), "to": time(testimony.window.map(|window| window.to)),
        })
    };
    finding.iter().map(row).collect()
}

fn of_role(analysis: &Analysis<'_>, found: &Found<'_>, role: &Principal) -> Value {
    let activity = activity_of(analysis, role);
    let is_found = found.findings.iter().any(|own| own.resource == &role.arn && matches!(own.details, Details::Role { .. }));
    let unjudged = Unjudged::of(analysis, &Exclusions::default(), role).filter(|why| *why != Unjudged::Unreadable);
    let state = if activity.seen {
        "used"
    } else if is_found {
        "unused"
    } else if unjudged.is_some() {
        "notJudged"
    } else {
        "unknown"
    };
    json!({
        "what": "role", "state": state, "created": time(role.created), "lastUsed": time(activity.last_seen()),
        "sources": sources(&activity.testimonies),
        "notes": unjudged.map(|why| format!("not judged: {}", why.says())).into_iter()
            .chain((state == "unknown").then(|| "no source that would show a use looked over the whole period".to_owned()))
            .collect::<Vec<_>>(),
    })
}

fn of_credentials(analysis: &Analysis<'_>, found: &Found<'_>, user: &PrincipalArn, asked: &Asked) -> Result<Vec<Value>, Failure> {
    let rows: Vec<(&CredentialRow, Option<Timestamp>)> = analysis
        .credentials
        .iter()
        .flat_map(|report| report.rows.iter().map(move |row| (row, report.generated)))
        .filter(|(row, _)| row.arn == *user)
        .collect();
    if rows.is_empty() {
        let help = "add a credential report: `aws iam generate-credential-report`, then `aws iam get-credential-report`";
        return Err(Failure::bad_input(format!("no credential report names `{user}`"), help));
    }
    let mut items = Vec::new();
    for slot in 0..=2_u8 {
        let id = rows.iter().find_map(|(row, _)| row.keys.iter().find(|key| key.slot == slot)?.id.as_ref());
        let wanted = match asked {
            Asked::Whole => true,
            Asked::Slot(own) => *own == slot,
            Asked::Key(own) => id.is_some_and(|id| id.as_str() == own),
            Asked::Password => slot == 0,
        };
        if wanted {
            items.push(of_slot(analysis, found, user, &rows, slot));
        }
    }
    if items.is_empty() {
        let message = "that key is in no list of keys of the user".to_owned();
        return Err(Failure::bad_input(message, "give the slot, 1 or 2, or add a list of keys"));
    }
    Ok(items)
}

/// One key, or the password as slot 0.
fn of_slot(
    analysis: &Analysis<'_>,
    found: &Found<'_>,
    user: &PrincipalArn,
    rows: &[(&CredentialRow, Option<Timestamp>)],
    slot: u8,
) -> Value {
    let key = |row: &CredentialRow| row.keys.iter().find(|key| key.slot == slot).cloned();
    let id = rows.iter().find_map(|(row, _)| key(row)?.id);
    let mut told = Vec::new();
    let (mut last, mut active, mut since) = (None, false, None);
    for (row, generated) in rows {
        let (enabled, own_since, used) = match key(row) {
            Some(key) => (key.active, row.key_since(&key), key.last_used),
            None => (row.password.enabled, row.password_since(), row.password.last_used),
        };
        active |= enabled == Enabled::Yes;
        since = since.max(own_since);
        let says = match (enabled, used) {
            (Enabled::No, _) => "it is not active, or there is none".to_owned(),
            (_, LastUse::At(at)) => format!("last used {at}"),
            (_, LastUse::Never) => match own_since {
                Some(since) => format!("no use since it was made on {since}"),
                None => "no use is on record".to_owned(),
            },
            (_, LastUse::Unknown) => "its last use cannot be read".to_owned(),
        };
        if let LastUse::At(at) = used {
            last = last.max(Some(at));
        }
        told.push(json!({"source": "credentialReport", "says": says, "lastSeen": match used { LastUse::At(at) => Some(at.to_string()), _ => None },
            "from": Value::Null, "to": time(*generated)}));
    }
    let logged = if slot == 0 {
        analysis.ledger.last_sign_in(user)
    } else {
        id.as_ref().and_then(|id| analysis.ledger.key_uses(user, Some(id), &[id]).own)
    };
    if let Some(at) = logged {
        let says = if slot == 0 { "the log shows a sign-in" } else { "the log shows calls that it signed" };
        told.push(
            json!({"source": "cloudTrail", "says": says, "lastSeen": at.to_string(), "from": Value::Null, "to": Value::Null}),
        );
    }
    last = last.max(logged);
    let own = |finding: &&Finding<'_>| {
        finding.resource == user
            && match finding.details {
                Details::AccessKey { slot: own, .. } => own == slot,
                Details::Password { .. } => slot == 0,
                Details::Role { .. } | Details::Permissions(_) => false,
            }
    };
    let is_found = found.findings.iter().any(|finding| own(&finding));
    let young = since.is_some_and(|since| analysis.is_young(Some(since)));
    let (state, note) = if !active {
        ("notJudged", Some("not judged: it is not active"))
    } else if last.is_some_and(|at| at >= analysis.period.start) {
        ("used", None)
    } else if is_found {
        ("unused", None)
    } else if young {
        ("notJudged", Some("not judged: it is younger than the period"))
    } else {
        ("unknown", Some("no report counts for the whole period, or a log shows a use that may be its own"))
    };
    json!({
        "what": if slot == 0 { "password" } else { "accessKey" },
        "slot": (slot > 0).then_some(slot),
        "accessKeyId": id.as_ref().map(|id| id.as_str()),
        "state": state, "created": time(since), "lastUsed": time(last), "sources": told,
        "notes": note.into_iter().collect::<Vec<_>>(),
    })
}

/// The answer for a terminal.
pub(crate) fn text(answer: &Value, colours: Colours) -> String {
    let of = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut out = format!("{}\n", colours.bold(&of(answer, "resource")));
    for name in list(answer, "otherNames") {
        out.push_str(&format!("  also recorded as {} (the same unique id)\n", name.as_str().unwrap_or_default()));
    }
    let period = answer.get("trackingPeriod").cloned().unwrap_or_default();
    for item in list(answer, "items") {
        let what = match of(&item, "what").as_str() {
            "accessKey" => {
                let slot = item.get("slot").and_then(Value::as_u64).unwrap_or_default();
                format!("access key {slot} {}", of(&item, "accessKeyId"))
            }
            other => other.to_owned(),
        };
        out.push_str(&format!(
            "  {} {} from {} to {}\n",
            what.trim_end(),
            colours.bold(&of(&item, "state")),
            of(&period, "from"),
            of(&period, "to")
        ));
        let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
        out.push_str(&format!(
            "    made {}, last used {}\n",
            or(of(&item, "created"), "on a day that no source tells"),
            or(of(&item, "lastUsed"), "never, as far as the sources below show")
        ));
        for source in list(&item, "sources") {
            let last = of(&source, "lastSeen");
            let last = if last.is_empty() { String::new() } else { format!(", last seen {last}") };
            out.push_str(&format!("    {}: {}{last}\n", of(&source, "source"), of(&source, "says")));
        }
        list(&item, "notes").iter().for_each(|note| out.push_str(&format!("    {}\n", note.as_str().unwrap_or_default())));
    }
    out
}
