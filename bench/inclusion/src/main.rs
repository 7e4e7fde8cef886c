//! Measures inclusion: on pairs of policies, on policies of growing size, and on patterns made to hurt.
//!
//! `pairs PAIRS.ndjson [VERDICTS.ndjson]` decides each pair and says how long that took, reading of the documents not
//! counted; `curve` and `adversarial` make their own policies. `README.md` has the runs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use leastwise_policy::{Catalogue, Policy};
use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access};

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("pairs") => pairs(&arguments.next().expect("a file of pairs"), arguments.next().as_deref()),
        Some("curve") => curve(),
        Some("adversarial") => adversarial(),
        _ => eprintln!("bench-inclusion pairs PAIRS.ndjson [VERDICTS.ndjson] | curve | adversarial"),
    }
}

fn compare(existing: &Policy, new: &Policy) -> (Comparison, f64) {
    let from = Instant::now();
    let answer = no_new_access(&[existing], &[new], PolicyKind::Identity, Catalogue::embedded());
    (answer, from.elapsed().as_secs_f64() * 1000.0)
}

fn word(answer: &Comparison) -> &'static str {
    match answer {
        Comparison::Included => "included",
        Comparison::NotIncluded(_) => "not included",
        Comparison::Undecided(_) => "undecided",
    }
}

fn pairs(file: &str, verdicts: Option<&str>) {
    // The catalogue is read service by service when first asked for; that is not part of a comparison.
    let actions = Catalogue::embedded().action_count();
    let mut out = verdicts.map(|path| std::io::BufWriter::new(std::fs::File::create(path).expect("the file of verdicts")));
    let mut times: Vec<(f64, String)> = Vec::new();
    let mut counts: std::collections::BTreeMap<(String, &str), usize> = std::collections::BTreeMap::new();
    for line in std::fs::read_to_string(file).expect("the file of pairs").lines() {
        let pair: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let parse = |member: &str| Policy::parse(&pair[member].to_string());
        let (Ok(existing), Ok(new)) = (parse("existing"), parse("new")) else {
            eprintln!("not read: {} {}", pair["id"], pair["edit"]);
            continue;
        };
        let (answer, mut time) = compare(&existing, &new);
        for _ in 0..2 {
            time = time.min(compare(&existing, &new).1);
        }
        let (id, edit) = (pair["id"].as_str().unwrap_or_default(), pair["edit"].as_str().unwrap_or_default());
        if let Comparison::Undecided(reason) = &answer {
            eprintln!("undecided: {id} {edit}: {reason}");
        }
        *counts.entry((edit.to_owned(), word(&answer))).or_default() += 1;
        if let Some(out) = &mut out {
            let text = match &answer {
                Comparison::NotIncluded(found) => found.explanation.clone(),
                Comparison::Undecided(reason) => reason.clone(),
                Comparison::Included => String::new(),
            };
            let verdict =
                serde_json::json!({"id": id, "edit": edit, "result": word(&answer), "milliseconds": time, "explanation": text});
            writeln!(out, "{verdict}").expect("to write");
        }
        times.push((time, format!("{id} {edit}")));
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].0;
    println!("{} pairs; the catalogue knows {actions} actions", times.len());
    println!("median {:.3} ms, 90 % {:.3} ms, 99 % {:.3} ms, longest {:.3} ms", at(0.5), at(0.9), at(0.99), at(1.0));
    for (time, name) in times.iter().rev().take(5) {
        println!("  {time:.3} ms {name}");
    }
    let undecided: usize = counts.iter().filter(|((_, word), _)| *word == "undecided").map(|(_, n)| n).sum();
    println!("undecided {undecided}, {:.2} %", undecided as f64 * 100.0 / times.len() as f64);
    for ((edit, word), count) in &counts {
        println!("  {edit}: {count} {word}");
    }
}

fn document(statements: &[String]) -> Policy {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Policy::parse(&text).expect("a policy")
}

fn statement(n: usize, extra: &str) -> String {
    let effect = if n % 10 == 9 { "Deny" } else { "Allow" };
    format!(
        r#"{{"Effect":"{effect}","Action":["s3:Get*{n}","s3:*Object{n}","sqs:Send{n}*"],
            "Resource":["arn:aws:s3:::b{n}-*/*","arn:aws:sqs:*:*:q{n}*"],
            "Condition":{{"StringLike":{{"aws:PrincipalTag/t{}":"v{n}*"{extra}}}}}}}"#,
        n % 7
    )
}

fn curve() {
    println!("statements  otherwise laid out  one wider  each narrower  each narrower, one wider (ms)");
    for size in [10, 25, 50, 100, 150, 200] {
        let base: Vec<String> = (0..size).map(|n| statement(n, "")).collect();
        let mut wider = base.clone();
        wider[size / 2] = wider[size / 2].replace("s3:Get", "s3:G");
        let laid_out: Vec<String> = base.iter().rev().map(|s| s.replace('[', "[ ")).collect();
        let narrower = |s: &String| if s.contains("Deny") { s.clone() } else { s.replace("s3:Get*", "s3:GetObject*") };
        let narrow: Vec<String> = base.iter().rev().map(narrower).collect();
        let mut both = narrow.clone();
        let at = both.iter().skip(size / 2).position(|s| s.contains("Allow")).expect("an Allow") + size / 2;
        both[at] = both[at].replace("*/*", "*");
        let base = document(&base);
        let mut line = format!("{size:>10}");
        for (other, expected) in
            [(&laid_out, "included"), (&wider, "not included"), (&narrow, "included"), (&both, "not included")]
        {
            let other = document(other);
            let (answer, mut time) = compare(&base, &other);
            assert_eq!(word(&answer), expected, "{answer:?}");
            for _ in 0..4 {
                time = time.min(compare(&base, &other).1);
            }
            let _ = write!(line, "  {time:.3}");
        }
        println!("{line}");
    }
}

fn adversarial() {
    let allow = |actions: &str, resources: &str| {
        document(&[format!(r#"{{"Effect":"Allow","Action":[{actions}],"Resource":[{resources}]}}"#)])
    };
    let quoted = |items: Vec<String>| items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(",");
    let stars = format!("arn:aws:s3:::{}b", "a*".repeat(100));
    let many: Vec<String> = (0..60).map(|n| format!("arn:aws:s3:::*a{}*", "?".repeat(n))).collect();
    let long: Vec<String> = (0..2600).map(|n| format!("arn:aws:s3:::bucket-{n:05}/*/part-{}/*", n * 7)).collect();
    let longer: Vec<String> = long.iter().map(|text| text.replace("/part", "/?art")).collect();
    let bombs = |n: usize| format!("arn:aws:s3:::*a{}*b", "?".repeat(n));
    let statements: Vec<String> = (0..700)
        .map(|n| {
            format!(
                r#"{{"Effect":"{}","Action":["s3:*{}*","s3:{}*"],"Resource":["arn:aws:s3:::*{}*","arn:aws:s3:::{}*"]}}"#,
                if n % 3 == 2 { "Deny" } else { "Allow" },
                char::from(b'a' + (n % 26) as u8),
                n,
                char::from(b'a' + (n % 25) as u8),
                n
            )
        })
        .collect();
    let shuffled: Vec<String> =
        statements.iter().rev().map(|s| s.replace("\"Deny\"", "\"Allow\"").replace("s3:*a*", "s3:*a?*")).collect();
    let cases = [
        ("a*a*…b (100) in a*b", allow("\"s3:*\"", "\"arn:aws:s3:::a*b\""), allow("\"s3:*\"", &format!("\"{stars}\""))),
        ("a*b in a*a*…b (100)", allow("\"s3:*\"", &format!("\"{stars}\"")), allow("\"s3:*\"", "\"arn:aws:s3:::a*b\"")),
        ("60 patterns *a??…*", allow("\"s3:*\"", &quoted(many.clone())), allow("\"s3:*\"", "\"arn:aws:s3:::*a*\"")),
        ("*a?{40}*b in *a?{39}*b", allow("\"*\"", &format!("\"{}\"", bombs(39))), allow("\"*\"", &format!("\"{}\"", bombs(40)))),
        ("2600 patterns in themselves, wider", allow("\"s3:*\"", &quoted(longer.clone())), allow("\"s3:*\"", &quoted(long.clone()))),
        ("2600 patterns in narrower ones", allow("\"s3:*\"", &quoted(long)), allow("\"s3:*\"", &quoted(longer))),
        ("700 statements, Deny dropped", document(&statements), document(&shuffled)),
        ("700 statements in themselves reversed", document(&statements), {
            let reversed: Vec<String> = statements.iter().rev().map(|s| s.replace('[', "[ ")).collect();
            document(&reversed)
        }),
        ("700 statements, each narrower", document(&statements), {
            let narrower = |s: &String| if s.contains("Deny") { s.clone() } else { s.replacen("s3:*", "s3:G*", 1) };
            document(&statements.iter().rev().map(narrower).collect::<Vec<_>>())
        }),
    ];
    for (name, existing, new) in cases {
        let (answer, time) = compare(&existing, &new);
        println!("{name}: {} in {time:.1} ms ({} characters)", word(&answer), new.text().len());
    }
}
