//! House rules of the documents: every link, anchor and reference leads somewhere, and the site has every page.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file below the folder with that ending, by its path from the root.
fn files(ending: &str) -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, ending: &str, out: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                if !name.starts_with("target") && !name.starts_with('.') && name != "node_modules" {
                    walk(&path, root, ending, out);
                }
            } else if name.ends_with(ending)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                out.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(&root(), &root(), ending, &mut out);
    out
}

/// The text without blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

fn headings(text: &str) -> Vec<String> {
    let text = prose(text);
    text.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim().to_owned()).collect()
}

/// The anchor of a heading, as GitHub and mdbook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The target of a link in `page`, as a path from the root; none when it leaves the repository.
fn resolved(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<String> = Path::new(page).parent()?.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()?),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// What is wrong with the links of a page.
fn broken_links(page: &str, text: &str, pages: &BTreeMap<String, String>, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let text = prose(text);
    let text: String = text.split('`').step_by(2).collect();
    let mut out = Vec::new();
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (target, fragment) = link.split_once('#').map_or((link, None), |(target, fragment)| (target, Some(fragment)));
        let path = if target.is_empty() { Some(page.to_owned()) } else { resolved(page, target) };
        let Some(path) = path.filter(|path| exists(path)) else {
            out.push(format!("{page} links to `{link}`, which does not exist"));
            continue;
        };
        if page.starts_with("docs/") && !path.starts_with("docs/") {
            out.push(format!("{page} links to `{link}`, which the site does not have; name the path in backticks"));
        }
        if let Some(fragment) = fragment
            && let Some(text) = pages.get(&path)
            && !headings(text).iter().any(|h| anchor(h) == fragment)
        {
            out.push(format!("{page} links to `{link}`, but that page has no such heading"));
        }
    }
    out
}

#[test]
fn every_link_and_anchor_of_every_document_exists() {
    let pages = files(".md");
    let exists = |path: &str| root().join(path).exists();
    let shown: BTreeMap<String, String> = [("docs/a.md".to_owned(), "# One `two`: three\n".to_owned())].into();
    for link in ["docs/none.md", "docs/a.md#two", "../up.md"] {
        let found = broken_links("b.md", &format!("[x]({link})"), &shown, &|path| path == "docs/a.md");
        assert_eq!(found.len(), 1, "{link}");
    }
    assert_eq!(broken_links("docs/b.md", "[x](../c.md)", &shown, &|_| true).len(), 1);
    let good = "[x](docs/a.md#one-two-three) `[y](none.md)`\n```\n[z](none.md)\n```\n";
    assert_eq!(broken_links("b.md", good, &shown, &|path| path == "docs/a.md"), Vec::<String>::new());
    let broken: Vec<String> = pages.iter().flat_map(|(page, text)| broken_links(page, text, &pages, &exists)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// References to documents in a source file: the path, and the heading in quotes that may follow it.
fn references(text: &str) -> Vec<(String, Option<String>)> {
    let mut out = Vec::new();
    for (at, _) in text.match_indices(".md") {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let start = text[..at].rfind(|c: char| !is_path(c)).map_or(0, |i| i + 1);
        let path = &text[start..at + 3];
        let name = path.trim_end_matches(".md");
        let of_root = name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase());
        let before = &text[..start];
        let whole = !before.ends_with(['{', '}', '*']) && text[at + 3..].chars().next().is_none_or(|c| !is_path(c) || c == '.');
        if !whole || !(of_root || path.starts_with("docs/")) {
            continue;
        }
        let rest = text[at + 3..].trim_start_matches('`');
        let heading = rest.strip_prefix(", \"").and_then(|rest| rest.split('"').next());
        out.push((path.to_owned(), heading.map(str::to_owned)));
    }
    out
}

/// References of comments and messages that lead nowhere.
fn dangling(file: &str, text: &str, pages: &BTreeMap<String, String>) -> Vec<String> {
    let mut out = Vec::new();
    for (path, heading) in references(text) {
        match pages.get(&path) {
            None => out.push(format!("{file} refers to `{path}`, which does not exist")),
            Some(page) => {
                if let Some(heading) = heading.filter(|h| !headings(page).contains(h)) {
                    out.push(format!("{file} refers to \"{heading}\", a heading that `{path}` does not have"));
                }
            }
        }
    }
    out
}

#[test]
fn every_reference_of_the_code_to_a_document_or_heading_exists() {
    let shown: BTreeMap<String, String> = [("docs/a.md".to_owned(), "# One\n".to_owned())].into();
    assert_eq!(dangling("a.rs", "// see `docs/none.md`\n", &shown).len(), 1);
    assert_eq!(dangling("a.rs", "// see NOWHERE.md for more\n", &shown).len(), 1);
    assert_eq!(dangling("a.rs", "// `docs/a.md`, \"Two\"\n", &shown).len(), 1);
    assert_eq!(dangling("a.rs", "// `docs/a.md`, \"One\"; `other.md`, docs/*.md\n", &shown), Vec::<String>::new());
    let pages = files(".md");
    let sources = [".rs", ".toml", ".py", ".html", ".yaml", ".service", ".json"].into_iter().flat_map(files);
    // The files of rules show references that lead nowhere.
    let rules = ["document_links.rs", "house_rules.rs"];
    let found: Vec<String> = sources
        .filter(|(file, _)| !rules.iter().any(|rule| file.ends_with(rule)))
        .flat_map(|(file, text)| dangling(&file, &text, &pages))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A comment names the page of the rules with its folder, so that a reader finds it.
#[test]
fn comments_cite_the_rules_of_refinement_by_their_page() {
    let bare = |text: &str| text.matches("refinement.md").count() - text.matches("docs/refinement.md").count();
    assert_eq!(bare("`refinement.md`, step 2; `docs/refinement.md`"), 1);
    for (file, text) in files(".rs") {
        assert!(file.ends_with("document_links.rs") || bare(&text) == 0, "{file} cites refinement.md without its folder");
    }
}

#[test]
fn the_site_and_the_index_list_every_page_once() {
    let pages = files(".md");
    let of_docs: BTreeSet<&str> = pages.keys().filter_map(|p| p.strip_prefix("docs/")).filter(|p| *p != "SUMMARY.md").collect();
    let links = |text: &str| -> Vec<String> {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.filter(|l| l.ends_with(".md")).map(str::to_owned).collect()
    };
    let summary = links(&pages["docs/SUMMARY.md"]);
    let listed: BTreeSet<&str> = summary.iter().map(String::as_str).collect();
    assert_eq!(listed, of_docs);
    assert_eq!(summary.len(), listed.len(), "docs/SUMMARY.md lists a page twice");
    let index: BTreeSet<String> = links(&pages["docs/README.md"]).into_iter().collect();
    let own = |page: &&str| !page.starts_with("checks/") && **page != *"README.md";
    let missing: Vec<&str> = of_docs.iter().copied().filter(|p| own(p) && !index.contains(*p)).collect();
    assert!(missing.is_empty(), "docs/README.md does not list {missing:?}");
}
