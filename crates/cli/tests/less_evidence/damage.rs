//! Ways in which evidence gets less or worse: each takes an organization's files and damages them as people, tools and
//! disks do. An operator says whether it found anything to damage; none of them adds knowledge.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bytes::{base64, pack, unpack};
use super::dice::Dice;

/// Files by their names below the folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One kind of damage.
pub struct Operator {
    pub name: &'static str,
    /// Whether only digest files can tell: nothing in a log itself shows that a record is missing or was rewritten.
    pub needs_digests: bool,
    /// Whether the catalog of the analysis becomes another one.
    pub changes_catalog: bool,
    pub apply: fn(&mut Files, &mut Dice) -> bool,
}

const fn op(name: &'static str, apply: fn(&mut Files, &mut Dice) -> bool) -> Operator {
    Operator { name, needs_digests: false, changes_catalog: false, apply }
}

const fn silent(name: &'static str, apply: fn(&mut Files, &mut Dice) -> bool) -> Operator {
    Operator { name, needs_digests: true, changes_catalog: false, apply }
}

const fn catalog(name: &'static str, apply: fn(&mut Files, &mut Dice) -> bool) -> Operator {
    Operator { name, needs_digests: false, changes_catalog: true, apply }
}

/// All of them.
pub const OPERATORS: &[Operator] = &[
    // Logs: files.
    op("drop one log file", |f, d| logs_some(f, d, |f, name| drop(f.remove(name)))),
    op("drop a day of logs", |f, d| with_one(f, d, is_log, |f, name, _| remove_where(f, |own| own.starts_with(folder(name))))),
    op("drop the logs of the home region", |f, d| drop_region(f, d, |region| region == HOME)),
    // A multi-region trail delivers nothing for a region in which nothing happened: without digest files, which come for every
    // region and hour, a folder that was never fetched looks the same.
    silent("drop the logs of another region", |f, d| drop_region(f, d, |region| region != HOME)),
    op("drop the logs of an account", |f, d| {
        with_one(f, d, is_log, |f, name, _| {
            let account = up_to(name, "/CloudTrail/", 0).to_owned();
            remove_where(f, |own| own.starts_with(&account))
        })
    }),
    op("drop all logs", |f, _| remove_where(f, |name| name.starts_with("cloudtrail/"))),
    op("keep the first half of the logs", |f, _| keep_part(f, |at, count| at < count / 2)),
    op("keep the last half of the logs", |f, _| keep_part(f, |at, count| at >= count / 2)),
    silent("keep every third log", |f, _| keep_part(f, |at, _| at % 3 == 0)),
    op("cut off a log file", |f, d| {
        logs_some(f, d, |f, name| {
            halve(f, name);
        })
    }),
    op("empty a log file", |f, d| logs_some(f, d, |f, name| f.entry(name.to_owned()).or_default().clear())),
    op("corrupt bytes of a log file", |f, d| {
        with_one(f, d, is_log, |f, name, d| {
            let bytes = f.get_mut(name).unwrap();
            for _ in 0..8 {
                let at = d.below(bytes.len());
                bytes[at] ^= 0x5A;
            }
            true
        })
    }),
    op("cut off the text of a log file", |f, d| {
        logs_some(f, d, |f, name| {
            let text = unpack(&f[name]);
            f.insert(name.to_owned(), pack(&text[..text.len() / 2]));
        })
    }),
    op("take every record out of a log file", |f, d| {
        with_one(f, d, is_log, |f, name, _| edit_log(f, name, |records| records.clear()))
    }),
    op("deliver a log file twice", |f, d| {
        with_one(f, d, is_log, |f, name, _| {
            let again = name.replace(".json.gz", "-copy.json.gz");
            let bytes = f[name].clone();
            f.insert(again, bytes).is_none()
        })
    }),
    op("put a log file under another region", |f, d| {
        with_one(f, d, is_log, |f, name, _| {
            let region = region_of(name).to_owned();
            let other = if region == "ap-south-1" { "eu-north-1" } else { "ap-south-1" };
            rename(f, name, &name.replace(&region, other))
        })
    }),
    op("put a log file under another account", |f, d| {
        with_one(f, d, is_log, |f, name, _| {
            let account = account_of(name).to_owned();
            rename(f, name, &name.replace(&account, "999900001111"))
        })
    }),
    op("put a log file under another day", |f, d| {
        with_one(f, d, is_log, |f, name, _| {
            let day = day_of(name);
            let (y, m, n) = (&day[..4], &day[5..7], &day[8..]);
            let other = if n == "15" { "16" } else { "15" };
            let moved = name.replace(&day, &format!("{y}/{m}/{other}")).replace(&day.replace('/', ""), &format!("{y}{m}{other}"));
            rename(f, name, &moved)
        })
    }),
    // Logs: records.
    silent("drop a record", |f, d| {
        with_one(f, d, has_calls, |f, name, d| {
            edit_log(f, name, |records| {
                let at = d.below(records.len());
                records.remove(at);
            })
        })
    }),
    silent("change a byte of a record", |f, d| {
        with_one(f, d, has_calls, |f, name, d| {
            let mut text = unpack(&f[name]);
            let at = d.below(text.len());
            text[at] = b"aZ0 \"}"[d.below(6)];
            f.insert(name.to_owned(), pack(&text));
            true
        })
    }),
    op("date the records of a file a year earlier", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| {
                for record in records {
                    let time = record["eventTime"].as_str().unwrap_or_default().replacen("2026", "2025", 1);
                    record["eventTime"] = json!(time);
                }
            })
        })
    }),
    op("repeat a record within its file", |f, d| {
        with_one(f, d, has_calls, |f, name, d| {
            edit_log(f, name, |records| {
                let again = records[d.below(records.len())].clone();
                records.push(again);
            })
        })
    }),
    op("give the records of a file to another account", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| {
                records.iter_mut().for_each(|record| record["recipientAccountId"] = json!("999900001111"))
            })
        })
    }),
    op("give the records of a file to another region", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| records.iter_mut().for_each(|record| record["awsRegion"] = json!("sa-east-1")))
        })
    }),
    op("mask all event ids", |f, _| edit_logs(f, |record| record["eventID"] = json!("00000000-0000-4000-8000-000000000000"))),
    op("take all event ids away", |f, _| edit_logs(f, |record| drop(record.as_object_mut().unwrap().remove("eventID")))),
    op("mask the unique ids of callers", |f, _| edit_logs(f, |record| mask(record, "principalId", "AROAMASKED0000000000"))),
    op("take the unique ids of callers away", |f, _| edit_logs(f, |record| strip(record, "principalId"))),
    op("take the key ids of callers away", |f, _| edit_logs(f, |record| strip(record, "accessKeyId"))),
    op("take the ARNs of callers away", |f, _| edit_logs(f, |record| strip(record, "arn"))),
    op("take the caller out of the records of a file", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| {
                records.iter_mut().for_each(|record| drop(record.as_object_mut().unwrap().remove("userIdentity")))
            })
        })
    }),
    op("garble the names of the events of a file", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| records.iter_mut().for_each(|record| record["eventName"] = json!("Frobnicate")))
        })
    }),
    op("give the events of a file an unknown category", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| records.iter_mut().for_each(|record| record["eventCategory"] = json!("Novel")))
        })
    }),
    op("take the times out of the records of a file", |f, d| {
        with_one(f, d, has_calls, |f, name, _| {
            edit_log(f, name, |records| {
                records.iter_mut().for_each(|record| drop(record.as_object_mut().unwrap().remove("eventTime")))
            })
        })
    }),
    // What trails record.
    op("drop the descriptions of trails", |f, _| remove_where(f, |name| name.starts_with("trails/"))),
    op("drop the answers of describe-trails", |f, _| remove_where(f, |name| holds(name, "trails/", "-trails.json"))),
    op("drop the event selectors", |f, _| remove_where(f, |name| holds(name, "trails/", "-event-selectors.json"))),
    op("let trails look in one region", |f, _| edit_trails(f, |trail| trail["IsMultiRegionTrail"] = json!(false))),
    op("let trails record writes only", |f, _| edit_selectors(f, |s| s["ReadWriteType"] = json!("WriteOnly"))),
    op("let trails record reads only", |f, _| edit_selectors(f, |s| s["ReadWriteType"] = json!("ReadOnly"))),
    op("let trails leave out kms", |f, _| {
        edit_selectors(f, |s| s["ExcludeManagementEventSources"] = json!(["kms.amazonaws.com", "rdsdata.amazonaws.com"]))
    }),
    op("let trails record no management events", |f, _| edit_selectors(f, |s| s["IncludeManagementEvents"] = json!(false))),
    op("let trails record one bucket's data", |f, _| {
        edit_selectors(f, |s| s["DataResources"] = json!([{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::one/"]}]))
    }),
    op("let trails record no data events", |f, _| edit_selectors(f, |s| s["DataResources"] = json!([]))),
    op("narrow trails by an advanced selector", |f, d| {
        let fields = ["eventName", "eventSource", "eventType", "sessionCredentialFromConsole", "userIdentity.arn", "novel"];
        let field = fields[d.below(fields.len())];
        advanced(
            f,
            json!([
                {"Field": "eventCategory", "Equals": ["Management"]},
                {"Field": field, "NotEquals": ["ListRoles"]}
            ]),
        )
    }),
    op("let an advanced selector record writes only", |f, _| {
        advanced(f, json!([{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["false"]}]))
    }),
    op("cut off the answers about trails", |f, d| with_one(f, d, |_, n| n.starts_with("trails/"), |f, name, _| halve(f, name))),
    op("say that a trail does not log", |f, _| add_status(f, json!({"IsLogging": false}))),
    op("say that a trail began to log yesterday", |f, _| {
        add_status(
            f,
            json!({"IsLogging": true, "StartLoggingTime": "2026-10-31T00:00:00Z", "TimeLoggingStarted": "2026-10-31T00:00:00Z"}),
        )
    }),
    op("record that logging stopped and started", |f, d| config(f, d, &["StopLogging", "StartLogging"], json!({"name": "all"}))),
    op("record that the event selectors changed", |f, d| {
        config(f, d, &["PutEventSelectors"], json!({"trailName": "all", "eventSelectors": []}))
    }),
    op("record that a trail was updated", |f, d| config(f, d, &["UpdateTrail"], json!({"name": "all"}))),
    op("record that a trail was made", |f, d| config(f, d, &["CreateTrail"], json!({"name": "all"}))),
    // Last-accessed reports.
    op("drop a last-accessed report", |f, d| with_one(f, d, is_report, |f, name, _| f.remove(name).is_some())),
    op("drop all last-accessed reports", |f, _| remove_where(f, |name| name.starts_with("last-accessed/"))),
    op("cut off last-accessed reports", |f, d| {
        reports_some(f, d, |f, name| {
            halve(f, name);
        })
    }),
    op("say that reports have more pages", |f, d| each_report(f, d, |answer, _| answer["IsTruncated"] = json!(true))),
    op("take services out of reports", |f, d| {
        each_report(f, d, |answer, d| answer["ServicesLastAccessed"].as_array_mut().unwrap().retain(|_| d.below(2) == 0))
    }),
    op("take tracked actions out of reports", |f, d| {
        each_report(f, d, |answer, _| {
            services(answer, |service| {
                service.as_object_mut().unwrap().remove("TrackedActionsLastAccessed");
            })
        })
    }),
    op("let reports be older", |f, d| {
        each_report(f, d, |answer, _| {
            answer["JobCompletionDate"] = json!("2026-09-01T00:00:00+00:00");
            answer["JobCreationDate"] = json!("2026-09-01T00:00:00+00:00");
        })
    }),
    op("let reports fail", |f, d| each_report(f, d, |answer, _| answer["JobStatus"] = json!("FAILED"))),
    op("let reports go on", |f, d| each_report(f, d, |answer, _| answer["JobStatus"] = json!("IN_PROGRESS"))),
    op("take dates out of reports", |f, d| each_report(f, d, |answer, _| dates(answer, |_| None))),
    op("garble dates of reports", |f, d| {
        each_report(f, d, |answer, d| {
            let wrong =
                [json!("soon"), json!(-1), json!(191_000_000_000_i64), json!(""), json!([]), json!("8026-10-01T00:00:00Z")];
            let wrong = wrong[d.below(wrong.len())].clone();
            dates(answer, |_| Some(wrong.clone()));
        })
    }),
    op("take completion dates out of reports", |f, d| {
        each_report(f, d, |answer, _| drop(answer.as_object_mut().unwrap().remove("JobCompletionDate")))
    }),
    // Credential reports and lists of keys.
    op("drop the credential reports", |f, _| remove_where(f, |name| name.starts_with("credential-report/"))),
    op("cut off a credential report", |f, d| with_one(f, d, is_credentials, |f, name, _| halve(f, name))),
    op("drop rows of a credential report", |f, d| {
        lines(f, d, |d, at, line| (at == 0 || d.below(2) == 0).then(|| line.to_owned()))
    }),
    op("empty cells of a credential report", |f, d| {
        cells(f, d, |d, _, cell| if d.below(4) == 0 { String::new() } else { cell.to_owned() })
    }),
    op("garble dates of a credential report", |f, d| {
        cells(
            f,
            d,
            |d, _, cell| {
                if cell.contains("T") && cell.contains(':') && d.below(2) == 0 { "yesterday".into() } else { cell.into() }
            },
        )
    }),
    op("say N/A for dates of a credential report", |f, d| {
        // What a user never did is said in the same word, so only dates of creation and change are taken away.
        cells(
            f,
            d,
            |d, column, cell| if matches!(column, 2 | 5 | 9 | 14) && d.below(2) == 0 { "N/A".into() } else { cell.into() },
        )
    }),
    op("rename a column of a credential report", |f, d| {
        lines(f, d, |d, at, line| {
            let mut names: Vec<String> = line.split(',').map(str::to_owned).collect();
            if at == 0 {
                let at = d.below(names.len());
                names[at].push_str("_x");
            }
            Some(names.join(","))
        })
    }),
    op("name a column of a credential report twice", |f, d| {
        lines(f, d, |d, at, line| {
            let mut names: Vec<String> = line.split(',').map(str::to_owned).collect();
            if at == 0 {
                let (from, to) = (d.below(names.len()), d.below(names.len()));
                names[to] = names[from].clone();
            }
            Some(names.join(","))
        })
    }),
    op("drop a column of a credential report", |f, d| {
        let gone = d.below(22);
        lines(f, d, |_, _, line| {
            let kept = line.split(',').enumerate().filter(|(at, _)| *at != gone).map(|(_, cell)| cell);
            Some(kept.collect::<Vec<_>>().join(","))
        })
    }),
    op("give a credential report to another account", |f, d| {
        with_one(f, d, is_credentials, |f, name, _| {
            let account = name.split(['/', '.']).nth(1).unwrap().to_owned();
            replace(f, name, &account, "999900001111")
        })
    }),
    op("add an older credential report", |f, d| {
        with_one(f, d, is_credentials, |f, name, _| {
            let text = String::from_utf8(f[name].clone()).unwrap();
            let older = lines_of(&text, |_, line| {
                let mut cells: Vec<&str> = line.split(',').collect();
                if cells[0] != "user" {
                    for at in [4, 10, 15] {
                        if cells.get(at).is_some_and(|cell| cell.contains('T')) {
                            cells[at] = "N/A";
                        }
                    }
                }
                Some(cells.join(","))
            });
            let answer = json!({"Content": base64(older.as_bytes()), "ReportFormat": "text/csv", "GeneratedTime": "2026-06-01T00:00:00+00:00"});
            f.insert(name.replace(".csv", "-older.json"), answer.to_string().into_bytes()).is_none()
        })
    }),
    op("drop the lists of keys", |f, _| remove_where(f, |name| name.starts_with("access-keys/"))),
    op("cut off a list of keys", |f, d| with_one(f, d, |_, n| n.starts_with("access-keys/"), |f, name, _| halve(f, name))),
    op("drop keys from the lists", |f, d| {
        with_one(
            f,
            d,
            |_, n| n.starts_with("access-keys/"),
            |f, name, d| {
                let text = String::from_utf8(f[name].clone()).unwrap();
                let kept = lines_of(&text, |_, line| (d.below(2) == 0).then(|| line.to_owned()));
                f.insert(name.to_owned(), kept.into_bytes()).is_some()
            },
        )
    }),
    // Account details.
    op("drop a page of account details", |f, d| {
        f.keys().filter(|name| name.starts_with("account/")).count() > 1
            && with_one(f, d, |_, n| n.starts_with("account/"), |f, name, _| f.remove(name).is_some())
    }),
    op("cut off a page of account details", |f, d| with_one(f, d, is_details, |f, name, _| halve(f, name))),
    op("corrupt bytes of account details", |f, d| {
        with_one(f, d, is_details, |f, name, d| {
            let bytes = f.get_mut(name).unwrap();
            let at = d.below(bytes.len());
            bytes[at] ^= 0x80;
            true
        })
    }),
    op("say that account details have more pages", |f, d| {
        with_one(f, d, is_details, |f, name, _| edit(f, name, |page| page["IsTruncated"] = json!(true)))
    }),
    op("take principals out of account details", |f, d| {
        with_one(f, d, is_details, |f, name, d| {
            edit(f, name, |page| {
                page["RoleDetailList"].as_array_mut().unwrap().retain(|_| d.below(3) > 0);
                page["UserDetailList"].as_array_mut().unwrap().retain(|_| d.below(3) > 0);
            })
        })
    }),
    op("take policies out of account details", |f, d| {
        with_one(f, d, is_details, |f, name, d| {
            edit(f, name, |page| page["Policies"].as_array_mut().unwrap().retain(|_| d.below(3) > 0))
        })
    }),
    op("take the last use out of roles", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, _| drop(role.as_object_mut().unwrap().remove("RoleLastUsed")))
    }),
    op("garble the last use of roles", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, _| {
            role["RoleLastUsed"] = json!({"LastUsedDate": "-1", "Region": "us-east-1"})
        })
    }),
    op("say where and not when roles were last used", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, _| {
            if let Some(used) = role["RoleLastUsed"].as_object_mut() {
                used.remove("LastUsedDate");
            }
        })
    }),
    op("take dates of creation away", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, _| drop(role.as_object_mut().unwrap().remove("CreateDate")))
    }),
    op("change the unique ids of roles", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, d| {
            role["RoleId"] = json!(format!("AROACHANGED{:09}", d.below(999_999_999)))
        })
    }),
    op("take the unique ids of roles away", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, _| drop(role.as_object_mut().unwrap().remove("RoleId")))
    }),
    op("change the unique ids of users", |f, d| {
        edit_principals(f, d, "UserDetailList", |user, d| {
            user["UserId"] = json!(format!("AIDACHANGED{:09}", d.below(999_999_999)))
        })
    }),
    op("take the tags away", |f, d| {
        edit_principals(f, d, "RoleDetailList", |role, _| drop(role.as_object_mut().unwrap().remove("Tags")))
    }),
    op("give account details twice", |f, d| {
        with_one(f, d, is_details, |f, name, _| {
            let bytes = f[name].clone();
            f.insert(name.replace(".json", "-again.json"), bytes).is_none()
        })
    }),
    // Digest files.
    op("drop the digest files", |f, _| remove_where(f, |name| name.contains("/CloudTrail-Digest/"))),
    op("drop one digest file", |f, d| with_one(f, d, is_digest, |f, name, _| f.remove(name).is_some())),
    op("corrupt a digest file", |f, d| {
        with_one(f, d, is_digest, |f, name, d| {
            let bytes = f.get_mut(name).unwrap();
            let at = d.below(bytes.len());
            bytes[at] ^= 0x11;
            true
        })
    }),
    // The catalog.
    catalog("drop the service reference", |f, _| remove_where(f, |name| name.starts_with("service-reference/"))),
    catalog("drop a file of the service reference", |f, d| {
        with_one(
            f,
            d,
            |_, n| n.starts_with("service-reference/") && !n.ends_with("index.json"),
            |f, name, _| f.remove(name).is_some(),
        )
    }),
    catalog("cut off a file of the service reference", |f, d| {
        with_one(f, d, |_, n| n.starts_with("service-reference/"), |f, name, _| halve(f, name))
    }),
];

/// Where global services record; somebody uses those in every account.
const HOME: &str = "us-east-1";

fn drop_region(files: &mut Files, dice: &mut Dice, fits: fn(&str) -> bool) -> bool {
    with_one(
        files,
        dice,
        |files, name| is_log(files, name) && fits(region_of(name)),
        |files, name, _| {
            let region = up_to(name, "/CloudTrail/", 1).to_owned();
            remove_where(files, |own| own.starts_with(&region))
        },
    )
}

fn is_log(_: &Files, name: &str) -> bool {
    name.contains("/CloudTrail/") && name.ends_with(".json.gz")
}

/// A log with records of principals, besides those of AWS itself.
fn has_calls(files: &Files, name: &str) -> bool {
    is_log(files, name) && files[name].len() > 700
}

fn is_digest(_: &Files, name: &str) -> bool {
    name.contains("/CloudTrail-Digest/")
}

fn is_report(_: &Files, name: &str) -> bool {
    name.starts_with("last-accessed/")
}

fn is_credentials(_: &Files, name: &str) -> bool {
    name.starts_with("credential-report/")
}

fn is_details(files: &Files, name: &str) -> bool {
    name.starts_with("account/") && serde_json::from_slice::<Value>(&files[name]).is_ok()
}

fn holds(name: &str, start: &str, end: &str) -> bool {
    name.starts_with(start) && name.ends_with(end)
}

fn folder(name: &str) -> &str {
    &name[..=name.rfind('/').unwrap()]
}

/// The name up to `mark` and `more` folders behind it, with the `/` at its end.
fn up_to<'n>(name: &'n str, mark: &str, more: usize) -> &'n str {
    let mut end = name.find(mark).unwrap() + mark.len();
    for _ in 0..more {
        end += name[end..].find('/').unwrap() + 1;
    }
    &name[..end]
}

fn part(name: &str, behind: usize) -> &str {
    let at = name.find("/CloudTrail/").unwrap();
    if behind == 0 { name[..at].rsplit('/').next().unwrap() } else { name[at + 12..].split('/').nth(behind - 1).unwrap() }
}

fn account_of(name: &str) -> &str {
    part(name, 0)
}

fn region_of(name: &str) -> &str {
    part(name, 1)
}

/// The day of a log as `2026/10/30`.
fn day_of(name: &str) -> String {
    format!("{}/{}/{}", part(name, 2), part(name, 3), part(name, 4))
}

fn remove_where(files: &mut Files, gone: impl Fn(&str) -> bool) -> bool {
    let before = files.len();
    files.retain(|name, _| !gone(name));
    files.len() < before
}

fn keep_part(files: &mut Files, keep: impl Fn(usize, usize) -> bool) -> bool {
    // By time, as regions and accounts would otherwise be the parts.
    let mut names: Vec<String> = files.keys().filter(|name| is_log(files, name)).cloned().collect();
    names.sort_by_key(|name| name.rsplit('/').next().unwrap().split('_').nth(3).map(str::to_owned));
    let count = names.len();
    names.iter().enumerate().filter(|(at, _)| !keep(*at, count)).filter(|(_, name)| files.remove(*name).is_some()).count() > 0
}

fn with_one(
    files: &mut Files,
    dice: &mut Dice,
    fits: impl Fn(&Files, &str) -> bool,
    apply: impl FnOnce(&mut Files, &str, &mut Dice) -> bool,
) -> bool {
    let names: Vec<String> = files.keys().filter(|name| fits(files, name)).cloned().collect();
    !names.is_empty() && {
        let name = &names[dice.below(names.len())];
        apply(files, name, dice)
    }
}

/// Damages one to three logs.
fn logs_some(files: &mut Files, dice: &mut Dice, apply: impl Fn(&mut Files, &str)) -> bool {
    let names: Vec<String> = files.keys().filter(|name| is_log(files, name)).cloned().collect();
    let chosen: Vec<&String> = (0..names.len().min(1 + dice.below(3))).map(|_| &names[dice.below(names.len())]).collect();
    chosen.iter().for_each(|name| {
        if files.contains_key(*name) {
            apply(files, name)
        }
    });
    !chosen.is_empty()
}

/// Damages about every second report.
fn reports_some(files: &mut Files, dice: &mut Dice, apply: impl Fn(&mut Files, &str)) -> bool {
    let names: Vec<String> = files.keys().filter(|name| is_report(files, name) && dice.below(2) == 0).cloned().collect();
    names.iter().for_each(|name| apply(files, name));
    !names.is_empty()
}

fn each_report(files: &mut Files, dice: &mut Dice, mut apply: impl FnMut(&mut Value, &mut Dice)) -> bool {
    let names: Vec<String> = files.keys().filter(|name| is_report(files, name) && dice.below(2) == 0).cloned().collect();
    let mut any = false;
    for name in names {
        any |= edit(files, &name, |report| apply(&mut report["Response"], dice));
    }
    any
}

fn services(answer: &mut Value, mut apply: impl FnMut(&mut Value)) {
    answer["ServicesLastAccessed"].as_array_mut().into_iter().flatten().for_each(&mut apply);
}

/// Replaces the dates of uses, or takes them away.
fn dates(answer: &mut Value, wrong: impl Fn(&Value) -> Option<Value>) {
    let change = |of: &mut Value, key: &str| {
        let Some(members) = of.as_object_mut() else { return };
        if let Some(date) = members.get(key) {
            match wrong(date) {
                Some(wrong) => drop(members.insert(key.to_owned(), wrong)),
                None => drop(members.remove(key)),
            }
        }
    };
    services(answer, |service| {
        change(service, "LastAuthenticated");
        service["TrackedActionsLastAccessed"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .for_each(|action| change(action, "LastAccessedTime"));
        if service["TrackedActionsLastAccessed"].is_null() {
            service.as_object_mut().unwrap().remove("TrackedActionsLastAccessed");
        }
    });
}

fn halve(files: &mut Files, name: &str) -> bool {
    let bytes = files.get_mut(name).unwrap();
    bytes.truncate(bytes.len() / 2);
    true
}

fn rename(files: &mut Files, name: &str, to: &str) -> bool {
    let bytes = files.remove(name).unwrap();
    files.insert(to.to_owned(), bytes).is_none()
}

fn replace(files: &mut Files, name: &str, from: &str, to: &str) -> bool {
    let text = String::from_utf8(files[name].clone()).unwrap();
    files.insert(name.to_owned(), text.replace(from, to).into_bytes());
    text.contains(from)
}

/// Changes a JSON file; false when an earlier damage left it unreadable.
fn edit(files: &mut Files, name: &str, apply: impl FnOnce(&mut Value)) -> bool {
    let Ok(mut value) = serde_json::from_slice::<Value>(&files[name]) else { return false };
    apply(&mut value);
    files.insert(name.to_owned(), value.to_string().into_bytes());
    true
}

fn edit_log(files: &mut Files, name: &str, apply: impl FnOnce(&mut Vec<Value>)) -> bool {
    let Ok(mut value) = serde_json::from_slice::<Value>(&unpack(&files[name])) else { return false };
    let Some(records) = value["Records"].as_array_mut().filter(|records| !records.is_empty()) else { return false };
    apply(records);
    files.insert(name.to_owned(), pack(value.to_string().as_bytes()));
    true
}

/// Changes the records of every log that can be read.
fn edit_logs(files: &mut Files, apply: impl Fn(&mut Value)) -> bool {
    let names: Vec<String> = files.keys().filter(|name| is_log(files, name)).cloned().collect();
    let mut any = false;
    for name in names {
        any |= edit_log(files, &name, |records| records.iter_mut().for_each(&apply));
    }
    any
}

/// Changes `userIdentity` and the issuer of its session.
fn identities(record: &mut Value, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    let Some(identity) = record.get_mut("userIdentity") else { return };
    if let Some(issuer) = identity.pointer_mut("/sessionContext/sessionIssuer").and_then(Value::as_object_mut) {
        change(issuer);
    }
    identity.as_object_mut().into_iter().for_each(change);
}

fn strip(record: &mut Value, key: &str) {
    identities(record, |members| drop(members.remove(key)));
}

fn mask(record: &mut Value, key: &str, text: &str) {
    identities(record, |members| {
        if members.contains_key(key) {
            members.insert(key.to_owned(), json!(text));
        }
    });
}

fn edit_trails(files: &mut Files, apply: impl Fn(&mut Value)) -> bool {
    trail_files(files, "-trails.json", |answer| answer["trailList"].as_array_mut().into_iter().flatten().for_each(&apply))
}

/// Changes every basic selector; an advanced one becomes a basic one that it implies nothing of.
fn edit_selectors(files: &mut Files, apply: impl Fn(&mut Value)) -> bool {
    trail_files(files, "-event-selectors.json", |answer| {
        if answer["EventSelectors"].is_null() {
            answer.as_object_mut().unwrap().remove("AdvancedEventSelectors");
            answer["EventSelectors"] = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
                "ExcludeManagementEventSources": []}]);
        }
        answer["EventSelectors"].as_array_mut().into_iter().flatten().for_each(&apply)
    })
}

fn advanced(files: &mut Files, fields: Value) -> bool {
    trail_files(files, "-event-selectors.json", |answer| {
        answer.as_object_mut().unwrap().remove("EventSelectors");
        answer["AdvancedEventSelectors"] = json!([{"Name": "narrow", "FieldSelectors": fields.clone()}]);
    })
}

fn trail_files(files: &mut Files, end: &str, apply: impl Fn(&mut Value)) -> bool {
    let names: Vec<String> = files.keys().filter(|name| holds(name, "trails/", end)).cloned().collect();
    let mut any = false;
    for name in names {
        any |= edit(files, &name, &apply);
    }
    any
}

/// Adds what `get-trail-status` says of each described trail, as it is saved beside the other answers.
fn add_status(files: &mut Files, status: Value) -> bool {
    let names: Vec<String> = files.keys().filter(|name| holds(name, "trails/", "-event-selectors.json")).cloned().collect();
    for name in &names {
        let Ok(selectors) = serde_json::from_slice::<Value>(&files[name]) else { continue };
        let mut status = status.clone();
        status["TrailARN"] = selectors["TrailARN"].clone();
        files.insert(name.replace("-event-selectors", "-status"), status.to_string().into_bytes());
    }
    !names.is_empty()
}

/// Adds calls that change a trail to logs of one account, some hours apart.
fn config(files: &mut Files, dice: &mut Dice, names: &[&str], parameters: Value) -> bool {
    let logs: Vec<String> = files.keys().filter(|name| is_log(files, name) && name.contains("/us-east-1/")).cloned().collect();
    if logs.is_empty() {
        return false;
    }
    let first = dice.below(logs.len());
    let account = account_of(&logs[first]).to_owned();
    let mut any = false;
    for (nth, event) in names.iter().enumerate() {
        let Some(log) = logs.get(first + 3 * nth).filter(|log| account_of(log) == account) else { continue };
        any |= edit_log(files, log, |records| {
            let time = records[0]["eventTime"].clone();
            records.push(json!({
                "eventVersion": "1.09", "eventTime": time, "awsRegion": "us-east-1", "recipientAccountId": account,
                "userIdentity": {"type": "Root", "principalId": account, "arn": format!("arn:aws:iam::{account}:root"), "accountId": account},
                "eventSource": "cloudtrail.amazonaws.com", "eventName": event, "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2",
                "requestParameters": parameters.clone(), "responseElements": null, "readOnly": false, "eventType": "AwsApiCall",
                "eventID": format!("10000000-0000-4000-8000-{:012}", dice.below(999_999)), "managementEvent": true,
                "eventCategory": "Management",
            }));
        });
    }
    any
}

fn edit_principals(files: &mut Files, dice: &mut Dice, list: &str, apply: impl Fn(&mut Value, &mut Dice)) -> bool {
    let names: Vec<String> = files.keys().filter(|name| is_details(files, name)).cloned().collect();
    let mut any = false;
    for name in names {
        edit(files, &name, |page| {
            for one in page[list].as_array_mut().into_iter().flatten() {
                if dice.below(2) == 0 {
                    apply(one, dice);
                    any = true;
                }
            }
        });
    }
    any
}

fn lines_of(text: &str, mut keep: impl FnMut(usize, &str) -> Option<String>) -> String {
    text.lines().enumerate().filter_map(|(at, line)| keep(at, line)).map(|line| line + "\n").collect()
}

fn lines(files: &mut Files, dice: &mut Dice, mut keep: impl FnMut(&mut Dice, usize, &str) -> Option<String>) -> bool {
    with_one(files, dice, is_credentials, |files, name, dice| {
        let Ok(text) = String::from_utf8(files[name].clone()) else { return false };
        let kept = lines_of(&text, |at, line| keep(dice, at, line));
        files.insert(name.to_owned(), kept.into_bytes()).is_some()
    })
}

/// Changes cells of rows, by their column.
fn cells(files: &mut Files, dice: &mut Dice, change: impl Fn(&mut Dice, usize, &str) -> String) -> bool {
    lines(files, dice, |dice, at, line| {
        if at == 0 {
            return Some(line.to_owned());
        }
        let cells = line
            .split(',')
            .enumerate()
            .map(|(column, cell)| if column < 2 { cell.to_owned() } else { change(dice, column, cell) });
        Some(cells.collect::<Vec<_>>().join(","))
    })
}
