//! That a recommendation adds nothing, proved a second time by the general procedure of inclusion.
//!
//! The claims' own proof compares conditions as written and knows what a refinement looks like; inclusion knows neither
//! refiner nor claims. Random policies, random unused lists, every choice of the refiner.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::LazyLock;

use leastwise::refine::{Choices, Generalization, NotActionForm, refine};
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access};

/// The embedded catalogue, of these services alone, so that `*` written out stays short.
fn catalogue() -> &'static Catalogue {
    static REDUCED: LazyLock<Catalogue> = LazyLock::new(|| {
        let text = Catalogue::embedded().render();
        let mut sections = text.split("\nservice ");
        let head: Vec<&str> = sections.next().unwrap().lines().filter(|line| !line.starts_with("outside-key")).collect();
        let own = sections.filter(|section| SERVICES.contains(&section.split(['\t', '\n']).next().unwrap()));
        let text = own.fold(head.join("\n"), |text, section| text + "\n\nservice " + section.trim_end());
        Catalogue::parse(text + "\n").unwrap()
    });
    &REDUCED
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    fn name(&mut self, service: &str) -> &'static str {
        let names: Vec<&str> = catalogue().service(service).unwrap().action_names().collect();
        self.one(&names)
    }

    fn pattern(&mut self) -> String {
        let service = self.one(&SERVICES);
        let name = self.name(service);
        let cut = self.roll(name.len());
        match self.roll(7) {
            0 | 1 => format!("{service}:{name}"),
            2 | 3 => format!("{service}:{}*", &name[..cut]),
            4 => format!("{service}:*{}", &name[cut..]),
            5 => format!("{service}:{}?{}*", &name[..cut], &name[cut + 1..]),
            _ => self.one(&["*", "s3:*", "sqs:*"]).to_owned(),
        }
    }

    fn policy(&mut self) -> String {
        let mut statements = Vec::new();
        for _ in 0..=self.roll(3) {
            let effect = if self.roll(5) == 0 { "Deny" } else { "Allow" };
            let element = if self.roll(7) == 0 { "NotAction" } else { "Action" };
            let patterns: Vec<String> = (0..=self.roll(5)).map(|_| format!("\"{}\"", self.pattern())).collect();
            let resource = self.one(&[
                r#""Resource":"*""#,
                r#""Resource":"arn:aws:s3:::a/${aws:username}/*""#,
                r#""NotResource":["arn:aws:sqs:*:*:q","arn:aws:s3:*"]"#,
            ]);
            let condition = self.one(&[
                "",
                "",
                r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
                r#","Condition":{"ForAllValues:StringLike":{"aws:TagKeys":["a*"]},"Null":{"aws:TagKeys":"false"}}"#,
                r#","Condition":{"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}"#,
            ]);
            statements.push(format!(r#"{{"Effect":"{effect}","{element}":[{}],{resource}{condition}}}"#, patterns.join(",")));
        }
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
    }

    fn unused(&mut self) -> Unused {
        let mut lines = Vec::new();
        for service in SERVICES {
            match self.roll(4) {
                0 => lines.push(service.to_owned()),
                1 => lines.push(format!("{service}:{}", self.name(service))),
                _ => {
                    let weight = 1 + self.roll(9);
                    for name in catalogue().service(service).unwrap().action_names() {
                        if self.roll(10) < weight {
                            lines.push(format!("{service}:{name}"));
                        }
                    }
                }
            }
        }
        Unused::parse(&lines.join("\n")).unwrap()
    }
}

const SERVICES: [&str; 4] = ["s3", "sqs", "lambda", "kms"];

#[test]
fn what_is_recommended_is_included_in_the_original() {
    let catalogue = catalogue();
    let mut dice = Dice(29);
    let mut changed = 0;
    for _ in 0..300 {
        let text = dice.policy();
        let original = Policy::parse(&text).unwrap();
        let choices = Choices {
            generalization: dice.one(&[Generalization::Closed, Generalization::Open]),
            not_action: dice.one(&[NotActionForm::Keep, NotActionForm::RewriteWhenShorter]),
            compact: dice.roll(2) == 0,
        };
        let recommendation = refine(&original, &dice.unused(), catalogue, choices);
        let Some(refined) = recommendation.text.as_deref() else { continue };
        changed += usize::from(refined != text);
        let new = Policy::parse(refined).unwrap();
        let answer = no_new_access(&[&original], &[&new], PolicyKind::Identity, catalogue);
        assert_eq!(answer, Comparison::Included, "{text}\n{refined}");
    }
    assert!(changed > 200, "{changed}");
}
