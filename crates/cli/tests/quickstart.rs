//! The commands of `docs/quickstart.md` and of the README's quickstart run in bash, with a stand-in for `aws` that answers
//! from a made-up account; leastwise then reads every file that they wrote.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use std::path::Path;
use std::process::Command;

use harness::{Folder, organization, root};
use leastwise_demo::Options;
use serde_json::Value;

/// Answers as the AWS CLI does, from the files of a made-up organization with one account in `$ORG`. A job id is the ARN.
const AWS: &str = r#"#!/usr/bin/env python3
import base64, glob, json, os, shutil, sys

org, words = os.environ["ORG"], sys.argv[1:]

def option(name):
    return words[words.index(name) + 1] if name in words else ""

def texts(pattern):
    return [open(path).read() for path in sorted(glob.glob(org + "/" + pattern, recursive=True))]

def values(text):
    out, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        out.append(value)
    return out

def show(value):
    print(json.dumps(value, indent=4))

account = os.path.basename(glob.glob(org + "/access-keys/*.json")[0])[:12]
details = [page for text in texts("account/*.json") for page in values(text)]
query, command = option("--query"), " ".join(words[:2])
arns = {kind: [one["Arn"] for page in details for one in page.get(kind + "DetailList", [])] for kind in ("Role", "User")}
trails = [page for text in texts("trails/*-trails.json") for page in values(text)]
if command == "sts get-caller-identity":
    print(account)
elif command == "iam get-account-authorization-details":
    for page in details:
        show(page)
elif command == "iam generate-credential-report":
    print("COMPLETE")
elif command == "iam get-credential-report":
    content = base64.b64encode("".join(texts("credential-report/*")).encode()).decode()
    show({"Content": content, "ReportFormat": "text/csv", "GeneratedTime": "2026-11-01T05:00:00+00:00"})
elif command == "iam list-users":
    print("\t".join(arn if "Arn" in query else arn.split("/")[-1] for arn in arns["User"]))
elif command == "iam list-roles":
    print("\t".join(arns["Role"]))
elif command == "iam list-access-keys":
    keys = [key for text in texts("access-keys/*.json") for page in values(text) for key in page["AccessKeyMetadata"]]
    show({"AccessKeyMetadata": [key for key in keys if key["UserName"] == option("--user-name")]})
elif command == "iam generate-service-last-accessed-details":
    print(option("--arn"))
elif command == "iam get-service-last-accessed-details":
    # The first answer to each job says that it still runs.
    asked = org + "/asked-" + option("--job-id").replace("/", "_")
    if os.path.exists(asked):
        show(json.load(open(org + "/last-accessed/" + account + "/" + option("--job-id").split(":")[-1] + ".json"))["Response"])
    else:
        open(asked, "w").close()
        show({"JobStatus": "IN_PROGRESS", "JobType": "ACTION_LEVEL"})
elif command == "cloudtrail describe-trails":
    if query:
        print("\t".join(trail["TrailARN"] for page in trails for trail in page["trailList"]))
    else:
        show(trails[0])
elif command == "cloudtrail get-event-selectors":
    show(values("".join(texts("trails/*-event-selectors.json")))[0])
elif command == "s3 sync":
    shutil.copytree(org + "/cloudtrail/AWSLogs", words[3], dirs_exist_ok=True)
else:
    sys.exit("no such command here: " + " ".join(words))
"#;

fn program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the `bash` blocks of a document, one after the other, in an empty folder; gives that folder.
fn run(document: &str, folder: &Folder) -> String {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let blocks: Vec<&str> = text.split("```bash\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let script = blocks.iter().filter(|block| block.contains("exports")).copied().collect::<String>();
    assert!(script.contains("leastwise analyze exports"), "{document} has no quickstart");
    let options = Options { accounts: 1, roles: 8, users: 4, events: 400, days: 100, ..Options::default() };
    let org = organization(folder, &options);
    let (bin, work) = (folder.path("bin"), folder.path("work"));
    for made in [&bin, &work] {
        std::fs::create_dir_all(made).unwrap();
    }
    program(&Path::new(&bin).join("aws"), AWS);
    program(&Path::new(&bin).join("sleep"), "#!/bin/sh\n");
    program(&Path::new(&bin).join("date"), "#!/bin/sh\necho 2026-11-01\n");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_leastwise"), Path::new(&bin).join("leastwise")).unwrap();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    // Findings end an analysis with status 1, which is no failure of the script; any other status is.
    let script = format!("set -u\nleastwise() {{ command leastwise \"$@\"; local s=$?; [ $s -le 1 ] || exit $s; }}\n{script}");
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(&work)
        .env("PATH", path)
        .env("ORG", org)
        .env("BUCKET", "logs")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout).into_owned(), String::from_utf8_lossy(&ran.stderr).into_owned());
    assert!(ran.status.success(), "{document}: {:?}\n{out}\n{err}", ran.status);
    assert!(!err.contains("aws") && !err.contains("no such command"), "{document}: {err}");
    work
}

fn analysis(work: &str) -> Value {
    let ran = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(["analyze", "exports", "--as-of", "2026-11-01", "--format", "json"])
        .current_dir(work)
        .output()
        .unwrap();
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&ran.stderr)))
}

/// The problems with inputs that the result lists.
fn problems(result: &Value) -> Vec<String> {
    let listed = result["problems"].as_array().expect("the result lists problems of inputs");
    listed.iter().map(ToString::to_string).collect()
}

#[test]
fn every_file_that_the_quickstart_writes_is_read() {
    let folder = Folder::new();
    let work = run("docs/quickstart.md", &folder);
    let result = analysis(&work);
    assert_eq!(problems(&result), Vec::<String>::new());
    let found: Vec<&str> = result["findings"].as_array().unwrap().iter().filter_map(|f| f["findingType"].as_str()).collect();
    for kind in ["UnusedIAMRole", "UnusedPermission"] {
        assert!(found.contains(&kind), "no finding of the kind {kind} among {found:?}");
    }
    assert!(std::fs::read_dir(Path::new(&work).join("plans")).unwrap().count() > 0, "no plan was written");
    // A file that cannot be read would be a problem: the test would see it.
    let broken = Path::new(&work).join("exports/last-accessed/broken.json");
    std::fs::write(broken, "{\"JobStatus\": ").unwrap();
    assert!(!problems(&analysis(&work)).is_empty());
}

#[test]
fn every_file_that_the_quickstart_of_the_readme_writes_is_read() {
    let folder = Folder::new();
    let work = run("README.md", &folder);
    let result = analysis(&work);
    assert_eq!(problems(&result), Vec::<String>::new());
    assert!(!result["findings"].as_array().unwrap().is_empty());
}
