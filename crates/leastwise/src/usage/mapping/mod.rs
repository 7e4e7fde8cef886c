//! From a call as CloudTrail names it to the actions that it was authorised by.
//!
//! Between the record and the ledger. Three sources, the first that knows wins: the operations that an imported service
//! reference states, the hand-kept exceptions, and the generated table with the catalogue's own names. A call that none
//! of them knows stays unmapped: it is reported, and nothing is guessed from how names look alike.

mod observe;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use leastwise_policy::catalogue::AccessLevel;
use leastwise_policy::{ActionName, Catalogue};

use super::event::{Event, EventKind};
pub use observe::Observability;
use table::{BY_HAND, GENERATED, Needs};

/// What an event says about the use of actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapping {
    /// A call that is authorised by actions.
    Actions {
        /// Checked for certain: evidence of use.
        used: Vec<ActionName>,
        /// May have been checked besides, without a record of its own: no evidence of use, and none of the contrary.
        possibly_used: Vec<ActionName>,
    },
    /// No call, or one that no policy has a say in.
    NotAnApiCall(NotAnApiCall),
    /// A call that maps to no known action.
    Unmapped {
        /// Prefixes of the services that it can have concerned; none when the event source is unknown too.
        services: Vec<String>,
    },
}

/// Why an event uses no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotAnApiCall {
    /// A service tells of something that happened in it.
    ServiceEvent,
    /// Somebody signed in to the console, or switched roles there.
    SignIn,
    /// Something was done in the console without an API call.
    ConsoleAction,
    /// CloudTrail noticed unusual activity.
    Insight,
    /// An endpoint's record of traffic, of a call that is not known.
    NetworkActivity,
    /// A call that is made with a token or without credentials, and that no policy has a say in.
    NeedsNoPermission,
}

/// Maps events to actions, for one catalogue.
#[derive(Debug)]
pub struct EventMapper<'c> {
    catalogue: &'c Catalogue,
    /// Actions that other actions need besides, each with those; in lower case.
    needed_by: OnceLock<BTreeMap<String, Vec<String>>>,
    /// Observabilities that were asked for.
    observed: Mutex<HashMap<ActionName, Arc<Observability>>>,
}

impl<'c> EventMapper<'c> {
    /// A mapper that spells names as the catalogue does, and prefers its operations where it has some.
    #[must_use]
    pub fn new(catalogue: &'c Catalogue) -> EventMapper<'c> {
        EventMapper { catalogue, needed_by: OnceLock::new(), observed: Mutex::default() }
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &'c Catalogue {
        self.catalogue
    }

    /// What an event says.
    #[must_use]
    pub fn map(&self, event: &Event<'_>) -> Mapping {
        self.map_kind(event.kind, event.may_tag(), &event.source, &event.name)
    }

    /// What an event says of which only this is known: its type, whether it [may set tags](Event::may_tag), its source and name.
    #[must_use]
    pub fn map_kind(&self, kind: EventKind, may_tag: bool, source: &str, name: &str) -> Mapping {
        // The console asks for the session, and no call of its own is on record (IAM user guide, switching to a role).
        if kind == EventKind::ConsoleSignIn && name.eq_ignore_ascii_case("SwitchRole") {
            return self.map_call("sts.amazonaws.com", "AssumeRole");
        }
        if let Some(reason) = no_call(kind) {
            return Mapping::NotAnApiCall(reason);
        }
        let mut mapping = self.map_call(source, name);
        match (&mut mapping, kind) {
            (Mapping::Unmapped { .. }, EventKind::ConsoleAction) => return Mapping::NotAnApiCall(NotAnApiCall::ConsoleAction),
            (Mapping::Unmapped { .. }, EventKind::NetworkActivity) => {
                return Mapping::NotAnApiCall(NotAnApiCall::NetworkActivity);
            }
            (Mapping::Actions { used, possibly_used }, _) if may_tag => self.add_tagging(used, possibly_used),
            _ => {}
        }
        mapping
    }

    /// What a call of `name` at the event source `source` (`s3.amazonaws.com`) says, whatever its parameters.
    #[must_use]
    pub fn map_call(&self, source: &str, name: &str) -> Mapping {
        let label = label(source);
        let spelled = [name, without_date(name), without_edition(without_date(name))];
        let names = || {
            spelled
                .iter()
                .enumerate()
                .filter(|(at, name)| !spelled.iter().take(*at).any(|n| n == *name))
                .map(|(_, n)| n.to_ascii_lowercase())
        };
        if names().any(|name| listed(&BY_HAND.not_api, &label, &name)) {
            return Mapping::NotAnApiCall(NotAnApiCall::SignIn);
        }
        if names().any(|name| listed(&BY_HAND.free, &label, &name)) {
            return Mapping::NotAnApiCall(NotAnApiCall::NeedsNoPermission);
        }
        let services = self.services_of(source);
        for name in names() {
            let mut found: Option<(Vec<ActionName>, Vec<ActionName>)> = None;
            for prefix in &services {
                match (&mut found, self.actions_of(prefix, &name)) {
                    (None, told) => found = told,
                    // The same call under a second prefix: either of the two may be what the policy names.
                    (Some((_, possible)), Some((used, others))) => possible.extend(used.into_iter().chain(others)),
                    (Some(_), None) => {}
                }
            }
            if let Some((used, possible)) = found {
                return self.with_dependents(used, possible);
            }
        }
        if let Some(name) = names().find_map(|name| console_call(&name).map(str::to_owned)) {
            return self.of_console(&services, &name);
        }
        Mapping::Unmapped { services }
    }

    /// What a call that the console makes to itself says: it may stand for the action that its name begins with, and for no other.
    fn of_console(&self, services: &[String], name: &str) -> Mapping {
        let longest = |prefix: &String| {
            let service = self.catalogue.service(prefix)?;
            let begins = |action: &&str| action.len() > 3 && name.starts_with(&action.to_ascii_lowercase());
            let found = service.actions().map(|action| action.name()).filter(begins).max_by_key(|action| action.len())?;
            ActionName::of(service.prefix(), found)
        };
        match services.iter().filter_map(longest).collect::<Vec<_>>() {
            none if none.is_empty() => Mapping::NotAnApiCall(NotAnApiCall::ConsoleAction),
            possibly_used => Mapping::Actions { used: Vec::new(), possibly_used },
        }
    }

    /// Prefixes of the services behind an event source, the likeliest first; none when the source is unknown.
    #[must_use]
    pub fn services_of(&self, source: &str) -> Vec<String> {
        let label = label(source);
        let listed = BY_HAND.labels.get(label.as_str()).or_else(|| GENERATED.labels.get(label.as_str()));
        let mut services: Vec<String> = listed.into_iter().flatten().map(|prefix| (*prefix).to_owned()).collect();
        let known = self.catalogue.service(&label).is_some() || GENERATED.sections.contains_key(label.as_str());
        if known && !services.contains(&label) {
            services.push(label);
        }
        services
    }

    /// The actions of one operation of one service; both names in lower case.
    fn actions_of(&self, prefix: &str, operation: &str) -> Option<(Vec<ActionName>, Vec<ActionName>)> {
        let generated = GENERATED.sections.get(prefix).and_then(|section| section.needs.get(operation));
        let by_hand = BY_HAND.needs.get(prefix).and_then(|needs| needs.get(operation));
        let own = self.known(prefix, operation);
        let named = |names: &[&str]| names.iter().filter_map(|name| self.spelled(name)).collect::<Vec<_>>();
        if let Some(stated) = self.stated(prefix, operation) {
            let (used, mut possible) = split_stated(stated, own.as_ref(), by_hand.or(generated));
            // A statement is not known to be whole: what we know besides stays possible.
            possible.extend([by_hand, generated].into_iter().flatten().flat_map(|needs| named(&needs.possibly_used)));
            return Some((used, possible));
        }
        if let Some(needs) = by_hand.or(generated) {
            let mut possible = named(&needs.possibly_used);
            possible.extend(generated.into_iter().flat_map(|other| named(&other.possibly_used)));
            return Some((named(&needs.used), possible));
        }
        own.map(|own| (vec![own], Vec::new()))
    }

    /// What the catalogue itself states, when it is from a source that lists operations.
    fn stated(&self, prefix: &str, operation: &str) -> Option<Vec<ActionName>> {
        let operations = self.catalogue.service(prefix)?.operations();
        let stated = operations.iter().find(|known| known.name.eq_ignore_ascii_case(operation))?;
        let actions: Vec<ActionName> = stated.authorised_actions.as_ref()?.iter().filter_map(|name| self.spelled(name)).collect();
        (!actions.is_empty()).then_some(actions)
    }

    /// The action of that name, when the catalogue has it or an earlier one had it.
    fn known(&self, prefix: &str, name: &str) -> Option<ActionName> {
        if let Some(action) = self.catalogue.service(prefix).and_then(|service| service.action(name)) {
            return ActionName::of(action.service().prefix(), action.name());
        }
        let section = GENERATED.sections.get(prefix)?;
        let name = name.to_ascii_lowercase();
        let earlier =
            section.operations.get(&name).or_else(|| section.runtime.get(&name)).or_else(|| section.retired.get(&name))?;
        ActionName::of(prefix, earlier)
    }

    /// The action as the catalogue spells it, or as it is written here.
    fn spelled(&self, action: &str) -> Option<ActionName> {
        let (prefix, name) = action.split_once(':')?;
        self.known(&prefix.to_ascii_lowercase(), name).or_else(|| ActionName::parse(action))
    }

    fn with_dependents(&self, used: Vec<ActionName>, mut possible: Vec<ActionName>) -> Mapping {
        for action in &used {
            let known = self.catalogue.service(action.service()).and_then(|service| service.action(action.name()));
            if let Some(known) = known {
                possible.extend(known.dependent_actions().filter_map(|name| self.spelled(name)));
            }
        }
        Mapping::Actions { possibly_used: distinct_without(possible, &used), used: distinct_without(used, &[]) }
    }

    /// Tags given in a call are checked as the service's tagging actions, without a record of their own.
    fn add_tagging(&self, used: &[ActionName], possibly_used: &mut Vec<ActionName>) {
        let services: BTreeSet<&str> = used.iter().map(ActionName::service).collect();
        for service in services.into_iter().filter_map(|prefix| self.catalogue.service(prefix)) {
            let tagging = service.actions().filter(|action| action.access_levels().contains(AccessLevel::Tagging));
            possibly_used.extend(tagging.filter_map(|action| ActionName::of(service.prefix(), action.name())));
        }
        *possibly_used = distinct_without(std::mem::take(possibly_used), used);
    }
}

/// What the console's own call (`GetStorageLensDashboardDataInternal`) is called without the mark that it is one; in lower case.
fn console_call(name: &str) -> Option<&str> {
    ["internal", "forconsole"].iter().find_map(|mark| name.strip_suffix(mark)).filter(|rest| !rest.is_empty())
}

fn listed(table: &HashMap<&'static str, HashSet<String>>, label: &str, name: &str) -> bool {
    table.get(label).is_some_and(|names| names.contains(name))
}

/// Which of the actions that a service reference states for one operation are used: the one of the operation's own
/// name or the ones that the tables rename it to; a single one is used in any case. The others are possibly used.
fn split_stated(stated: Vec<ActionName>, own: Option<&ActionName>, needs: Option<&Needs>) -> (Vec<ActionName>, Vec<ActionName>) {
    let renamed =
        |action: &ActionName| needs.is_some_and(|needs| needs.used.iter().any(|name| name.eq_ignore_ascii_case(action.as_str())));
    let single = stated.len() == 1;
    stated.into_iter().partition(|action| single || Some(action) == own || renamed(action))
}

fn distinct_without(mut actions: Vec<ActionName>, others: &[ActionName]) -> Vec<ActionName> {
    actions.sort();
    actions.dedup();
    actions.retain(|action| !others.contains(action));
    actions
}

/// Why an event is no call, as far as its type tells.
fn no_call(kind: EventKind) -> Option<NotAnApiCall> {
    match kind {
        EventKind::ServiceEvent => Some(NotAnApiCall::ServiceEvent),
        EventKind::ConsoleSignIn => Some(NotAnApiCall::SignIn),
        EventKind::Insight => Some(NotAnApiCall::Insight),
        EventKind::ApiCall | EventKind::ConsoleAction | EventKind::NetworkActivity | EventKind::Other => None,
    }
}

/// An event source without its domain, in lower case: `runtime.lex.amazonaws.com` is `runtime.lex`.
fn label(source: &str) -> String {
    let source = source.trim().to_ascii_lowercase();
    let cut = [".amazonaws.com.cn", ".amazonaws.com", ".aws.internal", ".amazon.com", ".api.aws", ".aws"]
        .iter()
        .find_map(|domain| source.strip_suffix(domain));
    cut.unwrap_or(&source).to_owned()
}

/// `GetFunction20150331v2` and `ListDistributions2020_05_31` without date and edition.
fn without_date(name: &str) -> &str {
    let name_of = |rest: &str, digits: &[usize]| -> Option<usize> {
        let mut at = rest.len();
        for (place, count) in digits.iter().enumerate() {
            if place > 0 {
                at = at.checked_sub(1).filter(|at| rest.as_bytes().get(*at) == Some(&b'_'))?;
            }
            let start = at.checked_sub(*count)?;
            rest.as_bytes().get(start..at)?.iter().all(u8::is_ascii_digit).then_some(())?;
            at = start;
        }
        Some(at)
    };
    let rest = without_edition(name);
    for rest in [rest, name] {
        if let Some(at) = name_of(rest, &[8]).or_else(|| name_of(rest, &[2, 2, 4])) {
            return rest.get(..at).unwrap_or(name).trim_end_matches('_');
        }
    }
    name
}

/// A name without a final `v2` or `V2`.
fn without_edition(name: &str) -> &str {
    let start = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if start.len() == name.len() { name } else { start.strip_suffix(['v', 'V']).unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;

    fn mapper() -> EventMapper<'static> {
        EventMapper::new(Catalogue::embedded())
    }

    fn used(source: &str, name: &str) -> Vec<String> {
        match mapper().map_call(&format!("{source}.amazonaws.com"), name) {
            Mapping::Actions { used, .. } => used.iter().map(ToString::to_string).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    fn possibly(source: &str, name: &str) -> Vec<String> {
        match mapper().map_call(&format!("{source}.amazonaws.com"), name) {
            Mapping::Actions { possibly_used, .. } => possibly_used.iter().map(ToString::to_string).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn a_call_of_an_actions_own_name_uses_that_action() {
        assert_eq!(used("ec2", "DescribeInstances"), ["ec2:DescribeInstances"]);
        assert_eq!(used("sts", "AssumeRole"), ["sts:AssumeRole"]);
    }

    #[test]
    fn a_call_of_the_console_to_itself_bars_nothing_but_an_action_of_its_own() {
        assert_eq!(possibly("s3", "GetStorageLensDashboardDataInternal"), ["s3:GetStorageLensDashboard"]);
        assert_eq!(used("s3", "GetStorageLensDashboardDataInternal"), Vec::<String>::new());
        assert_eq!(used("s3", "FooBarInternal"), ["NotAnApiCall(ConsoleAction)"]);
        assert!(used("s3", "FooBar")[0].starts_with("Unmapped"));
    }

    #[test]
    fn a_switch_of_roles_in_the_console_uses_the_permission_to_assume() {
        let told = mapper().map_kind(EventKind::ConsoleSignIn, false, "signin.amazonaws.com", "SwitchRole");
        assert!(matches!(told, Mapping::Actions { used, .. } if used.iter().any(|action| action.as_str() == "sts:AssumeRole")));
    }

    #[test]
    fn the_event_source_is_not_always_the_prefix() {
        for (source, name, action) in [
            ("monitoring", "DescribeAlarms", "cloudwatch:DescribeAlarms"),
            ("email", "ListIdentities", "ses:ListIdentities"),
            ("tagging", "GetResources", "tag:GetResources"),
            ("opensearchservice", "DescribeDomain", "es:DescribeDomain"),
            ("migrationhub", "ListMigrationTasks", "mgh:ListMigrationTasks"),
            ("models.lex", "GetBots", "lex:GetBots"),
        ] {
            assert_eq!(used(source, name), [action]);
        }
    }

    #[test]
    fn dates_and_editions_are_not_part_of_the_name() {
        assert_eq!(used("lambda", "CreateFunction20150331"), ["lambda:CreateFunction"]);
        assert_eq!(used("lambda", "GetFunctionConfiguration20150331v2"), ["lambda:GetFunctionConfiguration"]);
        assert_eq!(used("lambda", "GetLayerVersionByArn20181031"), ["lambda:GetLayerVersion"]);
        assert_eq!(used("cloudfront", "ListDistributions2020_05_31"), ["cloudfront:ListDistributions"]);
        assert_eq!(used("s3", "ListObjectsV2"), ["s3:ListBucket"]);
    }

    #[test]
    fn an_action_whose_name_ends_in_digits_keeps_them() {
        assert_eq!(used("wafv2", "ListWebACLs"), ["wafv2:ListWebACLs"]);
        assert_eq!(used("route53", "GetHostedZone"), ["route53:GetHostedZone"]);
        assert_eq!(used("securityhub", "GetInsightsV2").len(), 1);
        assert_eq!(without_edition("AbortPart2"), "AbortPart2");
    }

    #[test]
    fn renamed_operations_use_the_renamed_action() {
        assert_eq!(used("s3", "ListBuckets"), ["s3:ListAllMyBuckets"]);
        assert_eq!(used("s3", "HeadBucket"), ["s3:ListBucket"]);
        assert_eq!(used("s3", "PutBucketLifecycle"), ["s3:PutLifecycleConfiguration"]);
        assert_eq!(used("lambda", "Invoke"), ["lambda:InvokeFunction"]);
        assert_eq!(used("kms", "ReEncrypt"), ["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
        assert_eq!(used("budgets", "DescribeBudgets"), ["budgets:ViewBudget"]);
    }

    #[test]
    fn api_gateway_goes_by_the_verb() {
        assert_eq!(used("apigateway", "GetRestApis"), ["apigateway:GET"]);
        assert_eq!(used("apigateway", "CreateRestApi"), ["apigateway:POST"]);
        assert_eq!(used("apigateway", "UpdateStage"), ["apigateway:PATCH"]);
    }

    #[test]
    fn what_a_call_may_need_besides_is_no_evidence_of_use() {
        assert!(possibly("ec2", "RunInstances").contains(&"iam:PassRole".to_owned()));
        assert!(possibly("s3", "CopyObject").contains(&"s3:PutObjectTagging".to_owned()));
        assert_eq!(used("s3", "CopyObject"), ["s3:GetObject", "s3:PutObject"]);
    }

    #[test]
    fn a_call_with_tags_may_have_used_the_tagging_actions_of_its_service() {
        let mut call = event("ec2.amazonaws.com", "RunInstances");
        let tagging = ActionName::parse("ec2:CreateTags").unwrap();
        let possibly = |call: &Event<'_>| match mapper().map(call) {
            Mapping::Actions { possibly_used, .. } => possibly_used,
            _ => Vec::new(),
        };
        call.request = Some(r#"{"tagSpecificationSet":{}}"#.into());
        assert!(possibly(&call).contains(&tagging));
    }

    #[test]
    fn records_that_are_no_calls_are_told_apart_from_unmapped_ones() {
        let mut login = event("signin.amazonaws.com", "ConsoleLogin");
        assert_eq!(mapper().map(&login), Mapping::NotAnApiCall(NotAnApiCall::SignIn));
        login.kind = EventKind::ServiceEvent;
        assert_eq!(mapper().map(&login), Mapping::NotAnApiCall(NotAnApiCall::ServiceEvent));
        assert_eq!(
            mapper().map_call("sso.amazonaws.com", "GetRoleCredentials"),
            Mapping::NotAnApiCall(NotAnApiCall::NeedsNoPermission)
        );
    }

    #[test]
    fn an_unknown_call_is_not_guessed_but_tells_its_service_when_that_is_known() {
        let unmapped = mapper().map_call("s3.amazonaws.com", "GetStorageLensUnheardOf");
        assert_eq!(unmapped, Mapping::Unmapped { services: vec!["s3".to_owned()] });
        assert_eq!(mapper().map_call("no-such.amazonaws.com", "GetThing"), Mapping::Unmapped { services: Vec::new() });
    }

    #[test]
    fn operations_that_the_catalogue_states_win() {
        let text = "leastwise-catalogue 1\nsource reference\nversion 1\ndate 2026-01-01\n\nservice iam\tIAM\nactions\n PassRole\tW\n\n\
            service s3\tS3\nactions\n ListBucket\tL\n ListEverything\tL\n PutObject\tW\noperations\n ListObjects\ts3:ListEverything\n \
            PutObject\tiam:PassRole,s3:PutObject\n";
        let catalogue = Catalogue::parse(text.to_owned()).unwrap();
        let mapper = EventMapper::new(&catalogue);
        let named = |names: &[&str]| names.iter().map(|name| ActionName::parse(name).unwrap()).collect::<Vec<_>>();
        let told = |used: &[&str], possibly: &[&str]| Mapping::Actions { used: named(used), possibly_used: named(possibly) };
        assert_eq!(mapper.map_call("s3.amazonaws.com", "ListObjects"), told(&["s3:ListEverything"], &[]));
        assert_eq!(
            mapper.map_call("s3.amazonaws.com", "PutObject"),
            told(
                &["s3:PutObject"],
                &["iam:PassRole", "s3:PutObjectAcl", "s3:PutObjectLegalHold", "s3:PutObjectRetention", "s3:PutObjectTagging"]
            )
        );
        assert_eq!(mapper.map_call("s3.amazonaws.com", "HeadBucket"), told(&["s3:ListBucket"], &[]));
    }

    #[test]
    fn what_an_operation_may_need_besides_stays_possible_where_the_catalogue_states_it_otherwise() {
        let text = "leastwise-catalogue 1\nsource reference\nversion 1\ndate 2026-01-01\n\nservice s3\tS3\nactions\n GetObject\tR\n \
            GetObjectVersion\tR\noperations\n GetObject\ts3:GetObject\n";
        let catalogue = Catalogue::parse(text.to_owned()).unwrap();
        let Mapping::Actions { used, possibly_used } = EventMapper::new(&catalogue).map_call("s3.amazonaws.com", "GetObject")
        else {
            panic!("a known call")
        };
        assert_eq!(used, [ActionName::parse("s3:GetObject").unwrap()]);
        assert!(possibly_used.contains(&ActionName::parse("s3:GetObjectVersion").unwrap()), "{possibly_used:?}");
    }

    #[test]
    fn every_action_that_the_hand_kept_table_names_is_known() {
        let mapper = mapper();
        for (operation, needs) in BY_HAND.needs.values().flatten() {
            for action in needs.used.iter().chain(&needs.possibly_used) {
                let (service, name) = action.split_once(':').unwrap();
                assert!(mapper.known(service, name).is_some(), "{operation}: {action}");
            }
        }
    }
}
