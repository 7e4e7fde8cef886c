//! The house rules of the project, run over the source tree: who may depend on whom, how files begin, what they are called.
//!
//! Rules are functions from a path and a text to complaints, and each is shown a text that breaks it first: a rule that
//! cannot complain would prove nothing. What clippy can say (`unwrap`, indexing, missing docs) is left to clippy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The crates and the crates of ours that each may use. A crate that is not there yet is no fault; one that is not
/// in this table is.
const LAYERS: [(&str, &str, &[&str]); 8] = [
    ("policy", "leastwise-policy", &[]),
    ("proof", "leastwise-proof", &["leastwise-policy"]),
    ("leastwise", "leastwise", &["leastwise-policy", "leastwise-proof"]),
    ("history", "leastwise-history", &["leastwise-policy", "leastwise"]),
    ("cluster", "leastwise-cluster", &["leastwise-policy", "leastwise", "leastwise-history"]),
    ("server", "leastwise-server", &["leastwise-policy", "leastwise-proof", "leastwise", "leastwise-history"]),
    ("demo", "leastwise-demo", &[]),
    (
        "cli",
        "leastwise-cli",
        &[
            "leastwise-policy",
            "leastwise-proof",
            "leastwise",
            "leastwise-history",
            "leastwise-demo",
            "leastwise-server",
            "leastwise-cluster",
        ],
    ),
];

/// The crates that do no I/O, read no clock, run nothing asynchronous and print nothing; and the words that would.
const PURE: [&str; 3] = ["policy", "proof", "leastwise"];
const IMPURE_WORDS: [&str; 17] = [
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "std::env",
    "std::process",
    "std::io",
    "std::os",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "println!",
    "print!",
    "eprintln!",
    "async fn",
    ".await",
    "tokio",
    "rand::",
];

/// Files of the proof that may use the policy crate's matcher, to replay a witness.
const REPLAY: [&str; 2] = ["crates/proof/src/replay.rs", "crates/proof/src/resources.rs"];

/// Names that say nothing about what is in a module.
const EMPTY_NAMES: [&str; 11] =
    ["utils", "util", "common", "helpers", "helper", "types", "manager", "engine", "misc", "shared", "base"];

/// Where `Serialize` may stand: views for readers outside, never the values themselves; and changes of trails, which a rollup keeps
/// as text in a column.
const VIEWS: [&str; 6] = ["/report/", "/report.rs", "/access_analyzer/", "/wire.rs", "/trail/changes.rs", "/trail/selectors.rs"];

const LINE_LIMIT: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file of the repository that ends in one of `endings`, as a path from its root and a text. Leaves out what is
/// built or fetched.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, endings: &[&str], out: &mut Vec<(String, String)>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                if !name.starts_with("target")
                    && !["node_modules", ".git", ".work", "artifacts", "coverage"].contains(&name.as_str())
                {
                    walk(&path, root, endings, out);
                }
            } else if endings.iter().any(|e| name.ends_with(e))
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                out.push((path, text));
            }
        }
    }
    let (root, mut out) = (root(), Vec::new());
    walk(&root, &root, endings, &mut out);
    assert!(!out.is_empty(), "no files that end in {endings:?}");
    out
}

/// Applies a rule to files; fails with all complaints.
fn obeyed(files: &[(String, String)], rule: impl Fn(&str, &str) -> Vec<String>) {
    let complaints: Vec<String> =
        files.iter().flat_map(|(path, text)| rule(path, text).into_iter().map(move |c| format!("{path}: {c}"))).collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The crate that a path is in, by the name of its folder.
fn folder_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

/// Code without comments, and without what stands behind the first test module.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn edges(path: &str, text: &str) -> Vec<String> {
    let Some(folder) = folder_of(path) else { return Vec::new() };
    let Some((_, own, allowed)) = LAYERS.iter().find(|(f, ..)| *f == folder) else {
        return vec![format!("the crate `{folder}` is not in the table of layers")];
    };
    let named = |name: &str| {
        if path.ends_with("Cargo.toml") {
            text.lines().any(|l| l.split(['.', ' ', '=']).next() == Some(name) || l.contains(&format!("package = \"{name}\"")))
        } else {
            let path = format!("{}::", name.replace('-', "_"));
            code(text).match_indices(&path).any(|(at, _)| !text_before_is_name(&code(text), at))
        }
    };
    // Made-up organizations are for tests, wherever they are.
    let in_tests = path.contains("/tests/") || path.contains("/benches/") || path.ends_with("Cargo.toml");
    LAYERS
        .iter()
        .filter(|(_, name, _)| !(in_tests && *name == "leastwise-demo"))
        .filter(|(_, name, _)| name != own && !allowed.contains(name) && named(name))
        .map(|(_, name, _)| format!("`{own}` uses `{name}`; allowed are {allowed:?}"))
        .collect()
}

/// Whether the name at `at` is only the end of a longer one.
fn text_before_is_name(text: &str, at: usize) -> bool {
    text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

#[test]
fn crates_use_only_the_crates_below_them() {
    assert!(!edges("crates/proof/Cargo.toml", "[dependencies]\nleastwise.workspace = true\n").is_empty());
    assert!(!edges("crates/policy/src/a.rs", "use leastwise_proof::prove;\n").is_empty());
    assert!(!edges("crates/proof/tests/a.rs", "fn f() { leastwise::refine::refine() }").is_empty());
    assert!(!edges("crates/utilities/Cargo.toml", "").is_empty());
    assert!(edges("crates/leastwise/src/a.rs", "use leastwise_proof::prove; // server\n").is_empty());
    obeyed(&files(&["Cargo.toml", ".rs"]), edges);
}

fn impurity(path: &str, text: &str) -> Vec<String> {
    let pure = folder_of(path).is_some_and(|f| PURE.contains(&f)) && path.contains("/src/");
    let words: &[&str] = if pure { &IMPURE_WORDS } else { &[] };
    let code = code(text);
    let used = |word: &str| code.match_indices(word).any(|(at, _)| !text_before_is_name(&code, at));
    words.iter().filter(|word| used(word)).map(|word| format!("`{word}` in a crate without I/O, clock and threads")).collect()
}

#[test]
fn the_pure_crates_touch_nothing_outside() {
    assert!(!impurity("crates/policy/src/a.rs", "use std::fs;\n").is_empty());
    assert!(!impurity("crates/leastwise/src/usage/a.rs", "async fn f() {}").is_empty());
    assert!(impurity("crates/cli/src/a.rs", "use std::fs;\n").is_empty());
    assert!(impurity("crates/policy/src/a.rs", "// std::fs\nfn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }").is_empty());
    obeyed(&files(&[".rs"]), impurity);
}

fn own_matcher(path: &str, text: &str) -> Vec<String> {
    let proof = path.starts_with("crates/proof/src/") && !REPLAY.contains(&path);
    let used = proof && ["glob::matches", "glob::{", ".what.matches("].iter().any(|word| code(text).contains(word));
    if used { vec!["the proof decides with the policy crate's matcher".to_owned()] } else { Vec::new() }
}

#[test]
fn the_proof_matches_by_its_own_means() {
    assert!(!own_matcher("crates/proof/src/inclusion.rs", "leastwise_policy::glob::matches(a, b, c)").is_empty());
    assert!(!own_matcher("crates/proof/src/inclusion.rs", "p.what.matches(service, name)").is_empty());
    obeyed(&files(&[".rs"]), own_matcher);
}

fn head(_: &str, text: &str) -> Vec<String> {
    let purpose = text.lines().take_while(|l| l.starts_with("//!")).map(|l| l.len() - 3).sum::<usize>();
    if purpose < 10 { vec!["it does not begin with `//!` and its purpose".to_owned()] } else { Vec::new() }
}

fn length(_: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines > LINE_LIMIT { vec![format!("{lines} lines, more than {LINE_LIMIT}")] } else { Vec::new() }
}

#[test]
fn every_source_file_says_what_it_is_for_and_is_short() {
    assert!(!head("a.rs", "use std::fmt;\n//! Late.").is_empty());
    assert!(!head("a.rs", "//!\n//! x\n").is_empty());
    assert!(!length("a.rs", &"x\n".repeat(LINE_LIMIT + 1)).is_empty());
    let sources = files(&[".rs"]);
    obeyed(&sources, head);
    obeyed(&sources, length);
}

fn names(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for part in path.split('/') {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&stem) && path.contains("/src/") {
            complaints.push(format!("the name `{stem}` says nothing"));
        }
    }
    let code = code(text);
    for line in code.lines().map(str::trim_start).filter(|l| l.starts_with("pub")) {
        let Some((_, rest)) = line.split_once("fn ") else { continue };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let version = name.rsplit_once("_v").is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if name.starts_with("get_") || name.starts_with("set_") || name.ends_with("_opt") || name.contains("_with_") || version {
            complaints.push(format!("the name `{name}`: no `get_`, no setters, no variants by suffix"));
        }
    }
    let modules = code
        .lines()
        .filter_map(|l| l.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|l| l.trim_end_matches([';', ' ', '{']));
    complaints.extend(modules.filter(|m| EMPTY_NAMES.contains(m)).map(|m| format!("the module name `{m}` says nothing")));
    complaints
}

#[test]
fn names_say_something() {
    assert!(!names("crates/policy/src/utils.rs", "").is_empty());
    assert!(!names("crates/policy/src/helpers/a.rs", "").is_empty());
    assert!(!names("crates/policy/src/a.rs", "mod common;\n").is_empty());
    for name in ["get_policy", "set_sid", "parse_opt", "refine_v2", "refine_with_catalogue"] {
        assert!(!names("crates/policy/src/a.rs", &format!("    pub(crate) fn {name}() {{}}")).is_empty(), "{name}");
    }
    assert!(names("crates/policy/src/a.rs", "pub fn starting_with(s: &str) {}\npub fn settle() {}").is_empty());
    obeyed(&files(&[".rs"]), names);
}

fn views(path: &str, text: &str) -> Vec<String> {
    let serialized = code(text).match_indices("Serialize").any(|(at, _)| !text_before_is_name(&code(text), at));
    let of_ours = path.starts_with("crates/") && path.contains("/src/");
    if of_ours && serialized && !VIEWS.iter().any(|v| path.contains(v)) {
        return vec![format!("`Serialize` outside of {VIEWS:?}")];
    }
    Vec::new()
}

#[test]
fn only_views_are_serialized() {
    assert!(!views("crates/policy/src/document.rs", "#[derive(Debug, Serialize)]").is_empty());
    assert!(!views("crates/policy/src/document.rs", "use serde::Serialize;").is_empty());
    assert!(views("crates/policy/src/catalogue/import/a.rs", "#[derive(Deserialize)]").is_empty());
    assert!(!views("crates/server/src/store/findings.rs", "#[derive(Serialize)]").is_empty());
    assert!(views("crates/server/src/access_analyzer/findings.rs", "#[derive(Serialize)]").is_empty());
    obeyed(&files(&[".rs"]), views);
}

/// Parts of the server and the words that they may not use.
const SERVER_PARTS: [(&str, &[&str]); 4] = [
    ("/auth/", &["sqlx", "crate::store", "crate::access_analyzer"]),
    ("/auth/sigv4/", &["tokio"]),
    ("/access_analyzer/", &["sqlx", "SystemTime"]),
    ("/store/", &["axum", "crate::auth", "crate::access_analyzer"]),
];

fn server_parts(path: &str, text: &str) -> Vec<String> {
    let Some(within) = path.strip_prefix("crates/server/src") else { return Vec::new() };
    let code = code(text);
    let used = |word: &str| code.match_indices(word).any(|(at, _)| !text_before_is_name(&code, at));
    SERVER_PARTS
        .iter()
        .filter(|(part, _)| within.starts_with(part))
        .flat_map(|(part, words)| words.iter().filter(|word| used(word)).map(move |word| format!("`{word}` in `{part}`")))
        .collect()
}

#[test]
fn the_parts_of_the_server_keep_to_themselves() {
    assert!(!server_parts("crates/server/src/auth/key.rs", "use crate::store::Store;").is_empty());
    assert!(!server_parts("crates/server/src/access_analyzer/tags.rs", "sqlx::query(text)").is_empty());
    assert!(!server_parts("crates/server/src/store/rules.rs", "use axum::Json;").is_empty());
    assert!(server_parts("crates/server/src/access_analyzer/tags.rs", "// sqlx\nuse crate::store::Store;").is_empty());
    obeyed(&files(&[".rs"]), server_parts);
}

fn lints(path: &str, text: &str) -> Vec<String> {
    let inherited = text.contains("[lints]\nworkspace = true");
    if path.starts_with("crates/") && !inherited { vec!["the shared lints are not inherited".to_owned()] } else { Vec::new() }
}

#[test]
fn every_crate_has_the_shared_lints() {
    assert!(!lints("crates/policy/Cargo.toml", "[package]\n").is_empty());
    let manifests = files(&["Cargo.toml"]);
    obeyed(&manifests, lints);
    let (_, workspace) = manifests.iter().find(|(path, _)| path == "Cargo.toml").unwrap();
    for lint in ["unsafe_code = \"forbid\"", "missing_docs = \"deny\"", "unwrap_used = \"deny\"", "indexing_slicing = \"deny\""] {
        assert!(workspace.contains(lint), "{lint}");
    }
}

fn places(path: &str, text: &str) -> Vec<String> {
    // Written apart, so that this file obeys its own rule.
    let machine = [["/wo", "rk/"], ["/ro", "ot/"], ["/tm", "p/wt/"], ["/tm", "p/target"], ["/tm", "p/pk/"]].map(|p| p.concat());
    let lock = path.ends_with(".lock");
    let named = |place: &String| {
        text.match_indices(place.as_str())
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "./-_}".contains(c)))
    };
    machine.iter().filter(|place| !lock && named(place)).map(|place| format!("`{place}` is a place on one machine")).collect()
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    assert!(!places("README.md", &["see /wo", "rk/x"].concat()).is_empty());
    assert!(places("README.md", &["bench/.wo", "rk/x and net", "wo", "rk/"].concat()).is_empty());
    obeyed(
        &files(&[
            ".rs",
            ".md",
            ".toml",
            ".txt",
            ".json",
            ".py",
            ".sh",
            ".ts",
            ".js",
            ".html",
            ".css",
            ".yml",
            "refresh-catalogue",
        ]),
        places,
    );
}

/// The paths that a document names in backticks: with a slash, or a file at the root.
fn named_paths(text: &str) -> Vec<String> {
    let in_backticks = text.split('`').skip(1).step_by(2);
    let path = |word: &&str| {
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/*".contains(c));
        let file = [".md", ".toml", ".rs", ".txt", ".json"].iter().any(|e| word.ends_with(e));
        plain
            && !word.starts_with('/')
            && !word.starts_with('*')
            && (file || word.ends_with('/') || word.matches('/').count() > 1)
    };
    in_backticks.filter(path).map(str::to_owned).collect()
}

/// Whether a path of ARCHITECTURE.md exists: from the root, or from the sources of a crate.
fn exists(path: &str) -> bool {
    let fixed = path.split('*').next().unwrap_or_default();
    let fixed = if fixed == path { path } else { fixed.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let root = root();
    let sources = LAYERS.iter().map(|(folder, ..)| root.join("crates").join(folder).join("src"));
    std::iter::once(root.clone()).chain(sources).any(|base| base.join(fixed.trim_end_matches('/')).exists())
}

#[test]
fn the_map_names_what_is_there_and_all_that_is_there() {
    assert_eq!(
        named_paths("see `crates/policy/src/`, `cargo test`, `Action` and `docs/findings/*.md` or `a/b`"),
        ["crates/policy/src/", "docs/findings/*.md"]
    );
    assert!(exists("corpus/refine/*.md") && exists("refine/tokens.rs") && !exists("crates/nothing/") && !exists("nowhere/*.md"));
    let map =
        std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md, the map of the source tree, is missing");
    let missing: Vec<String> = named_paths(&map).into_iter().filter(|path| !exists(path)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
    // Every folder of sources is named, by its own name with a slash behind it.
    let folders: BTreeSet<String> = files(&[".rs"])
        .iter()
        .filter(|(path, _)| path.starts_with("crates/") && path.contains("/src/"))
        .filter_map(|(path, _)| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()))
        .collect();
    let named = |folder: &String| match folder.strip_suffix("/src") {
        Some(package) => map.contains(package),
        None => map.contains(&format!("{}/", folder.rsplit('/').next().unwrap_or_default())),
    };
    let unnamed: Vec<&String> = folders.iter().filter(|f| !named(f)).collect();
    assert!(unnamed.is_empty(), "ARCHITECTURE.md does not name {unnamed:?}");
}

/// What the kinds of findings lack: `present` is every file of the repository with its text. A kind is a source file
/// `unused_*.rs`; its page and its file of cases have the same name, and some integration test names its type.
fn lacking(present: &[(String, String)]) -> Vec<String> {
    let folder = "crates/leastwise/src/findings/";
    let stems = |folder: &str, ending: &str| -> BTreeSet<String> {
        let stem = |path: &str| path.strip_prefix(folder)?.strip_suffix(ending).map(str::to_owned);
        present.iter().filter_map(|(path, _)| stem(path)).collect()
    };
    let kinds: BTreeSet<String> = stems(folder, ".rs").into_iter().filter(|k| k.starts_with("unused_")).collect();
    let pages = stems("docs/findings/", ".md");
    let cases = stems("corpus/findings/", ".md");
    let mut out: Vec<String> = pages.difference(&kinds).map(|k| format!("docs/findings/{k}.md is about no kind")).collect();
    for kind in &kinds {
        let word = kind.replace('_', "");
        let tested = present
            .iter()
            .any(|(path, text)| path.starts_with("crates/") && path.contains("/tests/") && text.to_lowercase().contains(&word));
        if !tested {
            out.push(format!("no integration test names the type of `{kind}`"));
        }
        if !pages.contains(kind) {
            out.push(format!("`{kind}` has no page: docs/findings/{kind}.md"));
        }
        if !cases.contains(kind) {
            out.push(format!("`{kind}` has no case: corpus/findings/{kind}.md"));
        }
    }
    if kinds.is_empty() && present.iter().any(|(path, _)| path.starts_with(folder)) {
        out.push("the folder of findings has no kind in it".to_owned());
    }
    out
}

#[test]
fn every_kind_of_finding_has_source_and_test_and_page_and_cases() {
    let whole = [
        ("crates/leastwise/src/findings/unused_role.rs", ""),
        ("crates/cli/tests/roles.rs", "\"UnusedRole\""),
        ("docs/findings/unused_role.md", ""),
        ("corpus/findings/unused_role.md", ""),
    ];
    let set = |files: &[(&str, &str)]| files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect::<Vec<_>>();
    assert_eq!(lacking(&set(&whole)), Vec::<String>::new());
    for missing in 0..whole.len() {
        let rest: Vec<(&str, &str)> = whole.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, f)| *f).collect();
        assert_eq!(lacking(&set(&rest)).len(), 1, "without {}", whole[missing].0);
    }
    assert_eq!(lacking(&set(&[("crates/leastwise/src/findings/mod.rs", "")])).len(), 1);
    let own_name = "house_rules.rs";
    let present: Vec<(String, String)> =
        files(&[".rs", ".md"]).into_iter().filter(|(path, _)| !path.ends_with(own_name)).collect();
    let lacking = lacking(&present);
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}
