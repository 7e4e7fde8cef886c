//! Recommendations for the cases in which the provider gives none, each on a small account made by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use leastwise::access::{AccountId, AccountsReader, Principal, Timestamp};
use leastwise::analysis::{Analysis, Records};
use leastwise::backtest::{RequestLog, Scope, Verdict, judge};
use leastwise::recommend::{Advisor, Basis, Change, GroupWay, ManagedWay, NotJudged, Obstacle};
use leastwise::refine::Choices;
use leastwise::usage::{
    Collector, Event, EventCategory, EventKind, EventMapper, Identity, ObservationWindow, RecordKind, Rules, TrackingPeriod,
    TrailTimeline,
};
use leastwise_policy::Catalogue;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{kind}/{name}")
}

fn allow(actions: &[&str]) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}

fn inline(name: &str, document: &Value) -> Value {
    json!({"PolicyName": name, "PolicyDocument": document})
}

fn attached(arns: &[&str]) -> Vec<Value> {
    arns.iter().map(|arn| json!({"PolicyName": arn.rsplit('/').next(), "PolicyArn": arn})).collect()
}

fn role(path: &str, name: &str, policies: &[Value], managed: &[&str]) -> Value {
    json!({
        "Path": path, "RoleName": name, "RoleId": format!("AROA{name}"), "Arn": format!("arn:aws:iam::{ACCOUNT}:role{path}{name}"),
        "CreateDate": "2024-01-01T00:00:00Z", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
        "InstanceProfileList": [], "RolePolicyList": policies, "AttachedManagedPolicies": attached(managed), "Tags": [],
        "RoleLastUsed": {},
    })
}

fn user(name: &str, groups: &[&str], policies: &[Value]) -> Value {
    json!({
        "Path": "/", "UserName": name, "UserId": format!("AIDA{name}"), "Arn": arn("user", name), "CreateDate": "2024-01-01T00:00:00Z",
        "UserPolicyList": policies, "GroupList": groups, "AttachedManagedPolicies": [], "Tags": [],
    })
}

fn group(name: &str, policies: &[Value]) -> Value {
    json!({
        "Path": "/", "GroupName": name, "GroupId": format!("AGPA{name}"), "Arn": arn("group", name),
        "CreateDate": "2024-01-01T00:00:00Z", "GroupPolicyList": policies, "AttachedManagedPolicies": [],
    })
}

fn managed(arn: &str, attachments: usize, document: &Value) -> Value {
    json!({
        "PolicyName": arn.rsplit('/').next(), "PolicyId": "ANPA1", "Arn": arn, "Path": "/", "DefaultVersionId": "v1",
        "AttachmentCount": attachments, "PermissionsBoundaryUsageCount": 0, "IsAttachable": true,
        "CreateDate": "2024-01-01T00:00:00Z", "UpdateDate": "2024-02-01T00:00:00Z",
        "PolicyVersionList": [{"Document": document, "VersionId": "v1", "IsDefaultVersion": true, "CreateDate": "2024-01-01T00:00:00Z"}],
    })
}

#[derive(Default)]
struct World {
    users: Vec<Value>,
    groups: Vec<Value>,
    roles: Vec<Value>,
    policies: Vec<Value>,
    /// Principal's ARN, source, name, time.
    calls: Vec<(String, &'static str, &'static str, &'static str)>,
}

fn event<'e>(arn: &'e str, source: &'e str, name: &'e str, at: &str) -> Event<'e> {
    Event {
        id: None,
        time: time(at),
        source: source.into(),
        name: name.into(),
        region: "eu-west-1".into(),
        account: AccountId::parse(ACCOUNT),
        identity: Some(Identity {
            kind: Some(if arn.contains(":user/") { "IAMUser" } else { "AssumedRole" }.into()),
            arn: Some(arn.into()),
            issuer_arn: arn.contains(":role/").then(|| arn.into()),
            ..Identity::default()
        }),
        error_code: None,
        kind: EventKind::ApiCall,
        category: EventCategory::Management,
        read_only: None,
        resources: Vec::new(),
        request: Some("{}".into()),
        response: None,
        additional: None,
        from_console: false,
    }
}

impl World {
    fn analysis(&self) -> Analysis<'static> {
        let mapper = EventMapper::new(Catalogue::embedded());
        let mut collector = Collector::new(&mapper);
        for (arn, source, name, at) in &self.calls {
            collector.record(&event(arn, source, name, at));
        }
        let window = ObservationWindow { from: time("2025-06-01"), to: time("2026-04-02") };
        let account = AccountId::parse(ACCOUNT).unwrap();
        let kinds = [RecordKind::Reads, RecordKind::Writes];
        collector.ledger().cover(TrailTimeline::complete(account, window, &["us-east-1"], kinds));
        let ledger = collector.finish();
        let text = json!({
            "UserDetailList": self.users, "GroupDetailList": self.groups, "RoleDetailList": self.roles,
            "Policies": self.policies, "IsTruncated": false,
        });
        let mut reader = AccountsReader::new();
        reader.read("account.json", text.to_string().as_bytes());
        let (accounts, _) = reader.finish();
        let period = TrackingPeriod::ending(time("2026-04-01"), 90).unwrap();
        Analysis::new(mapper, Records { accounts, ledger, ..Records::default() }, period, Rules::default())
    }
}

fn named<'a>(analysis: &'a Analysis<'_>, name: &str) -> &'a Principal {
    analysis.access.principals().iter().find(|p| p.arn.name() == name).unwrap()
}

fn refusal(world: &World, name: &str) -> NotJudged {
    let analysis = world.analysis();
    let advisor = Advisor::new(Basis::of(&analysis, Choices::default()));
    advisor.propose(named(&analysis, name)).unwrap().unwrap_err()
}

/// For each plan: what becomes of managed policies and groups, the steps (change, policy, new text) and what is retained.
type Told = (Option<ManagedWay>, Option<GroupWay>, Vec<(&'static str, String, Option<String>)>, Vec<Obstacle>);

fn plans(world: &World, name: &str) -> Vec<Told> {
    let analysis = world.analysis();
    let advisor = Advisor::new(Basis::of(&analysis, Choices::default()));
    let proposal = advisor.propose(named(&analysis, name)).unwrap().unwrap();
    let mut log = RequestLog::new(&analysis.mapper, Scope::All, analysis.period);
    world.calls.iter().for_each(|(arn, source, name, at)| log.record(&event(arn, source, name, at)));
    let told = |verdict: Verdict<'_>| {
        let Verdict::Applicable(plan) = verdict else { panic!("{:?}", verdict.replay()) };
        let steps =
            plan.steps.iter().map(|step| (step.change.as_str(), step.existing_policy_id().to_owned(), step.refined.text.clone()));
        (plan.managed, plan.groups, steps.collect(), plan.retained.iter().map(|retained| retained.why.clone()).collect())
    };
    judge(&analysis.access, proposal, &log).into_iter().map(told).collect()
}

const QUEUES: [&str; 2] = ["sqs:CreateQueue", "sqs:DeleteQueue"];
const NOW: &str = "2026-03-15T10:00:00Z";

#[test]
fn a_user_in_a_group_gets_both_ways_and_the_group_keeps_what_another_member_uses() {
    let world = World {
        users: vec![user("ann", &["team"], &[inline("own", &allow(&["sqs:DeleteQueue"]))]), user("bob", &["team"], &[])],
        groups: vec![group(
            "team",
            &[inline("queues", &allow(&["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"]))],
        )],
        calls: vec![
            (arn("user", "ann"), "sqs.amazonaws.com", "CreateQueue", NOW),
            (arn("user", "bob"), "sqs.amazonaws.com", "DeleteQueue", NOW),
        ],
        ..World::default()
    };
    let plans = plans(&world, "ann");
    let changes = |at: usize| plans[at].2.iter().map(|(change, id, _)| (*change, id.as_str())).collect::<Vec<_>>();
    assert_eq!((plans.len(), plans[0].1, plans[1].1), (2, Some(GroupWay::Move), Some(GroupWay::Union)));
    assert_eq!(changes(0), [("inline", "own"), ("move_to_user", "queues")]);
    assert_eq!(plans[0].2[0].2, None);
    let taken = plans[0].2[1].2.as_deref().unwrap();
    assert!(taken.contains("CreateQueue") && !taken.contains("DeleteQueue") && !taken.contains("SetQueueAttributes"));
    // Bob deletes queues, so the group keeps that, and then ann's own policy keeps it too.
    assert_eq!(changes(1), [("group", "queues")]);
    let kept = plans[1].2[0].2.as_deref().unwrap();
    assert!(kept.contains("DeleteQueue") && !kept.contains("SetQueueAttributes"));
    assert_eq!(plans[1].3, [Obstacle::NeededByOthers]);
}

#[test]
fn a_shared_policy_is_copied_or_changed_for_all_as_far_as_all_leave_it_unused() {
    let shared = format!("arn:aws:iam::{ACCOUNT}:policy/shared");
    let world = |attachments| World {
        roles: vec![role("/", "one", &[], &[&shared]), role("/", "two", &[], &[&shared])],
        policies: vec![managed(&shared, attachments, &allow(&["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"]))],
        calls: vec![
            (arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW),
            (arn("role", "two"), "sqs.amazonaws.com", "DeleteQueue", NOW),
        ],
        ..World::default()
    };
    let both = plans(&world(2), "one");
    assert_eq!((both[0].0, both[1].0, both.len()), (Some(ManagedWay::Fork), Some(ManagedWay::InPlace), 2));
    assert!(!both[0].2[0].2.as_deref().unwrap().contains("DeleteQueue"));
    let in_place = both[1].2[0].2.as_deref().unwrap();
    assert!(in_place.contains("DeleteQueue") && in_place.contains("CreateQueue") && !in_place.contains("SetQueueAttributes"));
    // IAM counts a third holder whom the export does not show.
    let copy_only = plans(&world(3), "one");
    assert_eq!(copy_only.iter().map(|plan| plan.0).collect::<Vec<_>>(), [Some(ManagedWay::Fork)]);
}

#[test]
fn a_policy_of_aws_is_copied_never_changed() {
    let aws = "arn:aws:iam::aws:policy/Queues";
    let world = World {
        roles: vec![role("/", "one", &[], &[aws]), role("/", "two", &[], &[aws])],
        policies: vec![managed(aws, 2, &allow(&QUEUES))],
        calls: vec![(arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW)],
        ..World::default()
    };
    let plans = plans(&world, "one");
    assert_eq!(plans.len(), 1);
    assert_eq!((plans[0].2[0].0, plans[0].2[0].1.as_str()), ("copy", aws));
}

#[test]
fn a_permission_set_loses_only_what_all_its_roles_leave_unused() {
    let path = "/aws-reserved/sso.amazonaws.com/";
    let set = |hash: &str, policy: &Value| {
        role(path, &format!("AWSReservedSSO_Ops_{hash}"), &[inline("AwsSSOInlinePolicy", policy)], &[])
    };
    let policy = allow(&["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"]);
    let session = |hash: &str| format!("arn:aws:iam::{ACCOUNT}:role{path}AWSReservedSSO_Ops_{hash}");
    let mut world = World {
        roles: vec![set("aaaa", &policy), set("bbbb", &policy)],
        calls: vec![
            (session("aaaa"), "sqs.amazonaws.com", "CreateQueue", NOW),
            (session("bbbb"), "sqs.amazonaws.com", "DeleteQueue", NOW),
        ],
        ..World::default()
    };
    let told = plans(&world, "AWSReservedSSO_Ops_aaaa");
    let text = told[0].2[0].2.as_deref().unwrap();
    assert_eq!(told[0].2[0].0, Change::PermissionSet("Ops").as_str());
    assert!(text.contains("DeleteQueue") && text.contains("CreateQueue") && !text.contains("SetQueueAttributes"));
    world.roles[1] = set("bbbb", &allow(&QUEUES));
    assert!(matches!(refusal(&world, "AWSReservedSSO_Ops_aaaa"), NotJudged::PermissionSetOutOfStep(_)));
}

#[test]
fn what_a_boundary_blocks_is_kept_and_is_not_called_unused() {
    let bound = format!("arn:aws:iam::{ACCOUNT}:policy/bound");
    let mut bounded =
        role("/", "one", &[inline("own", &allow(&["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"]))], &[]);
    bounded["PermissionsBoundary"] = json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": bound});
    let world = World {
        roles: vec![bounded],
        policies: vec![managed(&bound, 0, &allow(&["sqs:CreateQueue", "sqs:SetQueueAttributes"]))],
        calls: vec![(arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW)],
        ..World::default()
    };
    let plans = plans(&world, "one");
    let text = plans[0].2[0].2.as_deref().unwrap();
    assert!(text.contains("DeleteQueue") && text.contains("CreateQueue") && !text.contains("SetQueueAttributes"));
}

#[test]
fn services_roles_and_what_cannot_be_read_get_no_recommendation_and_a_reason() {
    let missing = format!("arn:aws:iam::{ACCOUNT}:policy/missing");
    let mut young = role("/", "young", &[], &[]);
    young["CreateDate"] = json!("2026-03-01T00:00:00Z");
    let world = World {
        roles: vec![
            role("/aws-service-role/ecs.amazonaws.com/", "AWSServiceRoleForECS", &[inline("own", &allow(&QUEUES))], &[]),
            role("/", "unreadable", &[inline("own", &allow(&QUEUES))], &[&missing]),
            young,
        ],
        groups: vec![group("team", &[])],
        ..World::default()
    };
    assert_eq!(refusal(&world, "AWSServiceRoleForECS"), NotJudged::ServiceLinked);
    assert!(matches!(refusal(&world, "unreadable"), NotJudged::Unread(_)));
    assert!(matches!(refusal(&world, "young"), NotJudged::Young(Some(_))));
    assert_eq!(refusal(&world, "team"), NotJudged::Group(0));
    for name in ["AWSServiceRoleForECS", "unreadable", "young", "team"] {
        assert!(!refusal(&world, name).to_string().is_empty());
    }
}

#[test]
fn a_list_of_exceptions_grows_by_what_is_unused() {
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}});
    let world = World {
        roles: vec![role("/", "one", &[inline("own", &policy)], &[])],
        calls: vec![(arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW)],
        ..World::default()
    };
    let plans = plans(&world, "one");
    let text = plans[0].2[0].2.as_deref().unwrap();
    assert!(text.contains("NotAction") && text.contains("sqs:DeleteQueue") && !text.contains("sqs:CreateQueue"));
}

/// A log with a call that the ledger never saw: as if the ledger were wrong.
fn judged_with(policy: &Value, at: &str) -> (bool, u64, u64, usize) {
    let world = World { roles: vec![role("/", "one", &[inline("own", policy)], &[])], ..World::default() };
    let analysis = world.analysis();
    let advisor = Advisor::new(Basis::of(&analysis, Choices::default()));
    let proposal = advisor.propose(named(&analysis, "one")).unwrap().unwrap();
    let mut log = RequestLog::new(&analysis.mapper, Scope::All, analysis.period);
    let one = arn("role", "one");
    log.record(&event(&one, "sqs.amazonaws.com", "CreateQueue", at));
    let verdicts = judge(&analysis.access, proposal, &log);
    let replay = verdicts[0].replay();
    (verdicts[0].applicable().is_some(), replay.newly_denied, replay.undecidable, replay.older.len())
}

#[test]
fn a_plan_that_denies_a_recorded_request_is_withheld() {
    assert_eq!(judged_with(&allow(&QUEUES), NOW), (false, 1, 0, 0));
}

#[test]
fn a_condition_that_the_record_cannot_decide_is_taken_both_ways() {
    let mut policy = allow(&QUEUES);
    policy["Statement"][0]["Condition"] = json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}});
    assert_eq!(judged_with(&policy, NOW), (false, 1, 0, 0));
}

#[test]
fn a_use_before_the_period_is_shown_and_withholds_nothing() {
    assert_eq!(judged_with(&allow(&QUEUES), "2025-12-01T00:00:00Z"), (true, 0, 0, 1));
}

#[test]
fn the_views_tell_each_permissions_state_and_why_and_a_certificate_that_can_be_checked() {
    let world = World {
        roles: vec![role("/", "one", &[inline("own", &allow(&["sqs:CreateQueue", "sqs:DeleteQueue", "iam:PassRole"]))], &[])],
        calls: vec![(arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW)],
        ..World::default()
    };
    let analysis = world.analysis();
    let one = named(&analysis, "one");
    let told = leastwise::report::permissions::permissions(&analysis, one, analysis.period);
    let rows: Vec<[&str; 3]> = told["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["action", "state"].map(|key| row[key].as_str().unwrap()))
        .zip(told["permissions"].as_array().unwrap().iter().map(|row| row["reasons"][0]["code"].as_str().unwrap()))
        .map(|([action, state], reason)| [action, state, reason])
        .collect();
    let expected = [
        ["iam:PassRole", "unobservable", "unseen"],
        ["sqs:CreateQueue", "used", "seen"],
        ["sqs:DeleteQueue", "unused", "silentTrail"],
    ];
    assert_eq!(rows, expected);
    assert_eq!(told["permissions"][1]["lastSeen"], NOW);
    assert_eq!(told["permissions"][0]["grantedBy"][0]["policy"], "own");

    let basis = Basis::of(&analysis, Choices::default());
    let proposal = Advisor::new(basis).propose(one).unwrap().unwrap();
    let (judged, unused) = (proposal.judged.clone(), proposal.unused.clone());
    let log = RequestLog::new(&analysis.mapper, Scope::All, analysis.period);
    let verdicts = judge(&analysis.access, proposal, &log);
    let shown = leastwise::report::recommendation::recommendation(&basis, &judged, None, &unused, &verdicts);
    let step = &shown["alternatives"][0]["recommendedSteps"][0];
    let policies = ["before", "text"].map(|key| leastwise_policy::Policy::parse(step[key].as_str().unwrap()).unwrap());
    assert!(policies[0].text().contains("DeleteQueue") && !policies[1].text().contains("DeleteQueue"));
    let certificate = leastwise_proof::Certificate::from_json(&step["certificate"].to_string()).unwrap();
    assert_eq!(certificate.unused_sha256().len(), 64);
}

/// For each alternative: whether AWS's words say it, its operations as phrases, and why something is retained.
fn operations(world: &World, name: &str) -> Vec<(bool, Vec<String>, Vec<Obstacle>)> {
    let analysis = world.analysis();
    let advisor = Advisor::new(Basis::of(&analysis, Choices::default()));
    let proposal = advisor.propose(named(&analysis, name)).unwrap().unwrap();
    let log = RequestLog::new(&analysis.mapper, Scope::All, analysis.period);
    let told = |verdict: Verdict<'_>| {
        let Verdict::Applicable(plan) = verdict else { panic!("{:?}", verdict.replay()) };
        let phrases = plan.operations().iter().map(leastwise::recommend::Operation::phrase).collect();
        (plan.is_in_aws_words(), phrases, plan.retained.iter().map(|retained| retained.why.clone()).collect())
    };
    judge(&analysis.access, proposal, &log).into_iter().map(told).collect()
}

const SHARED: &str = "arn:aws:iam::111122223333:policy/shared";

#[test]
fn what_is_done_to_a_group_is_said_of_the_group_and_never_in_awss_words() {
    let world = World {
        users: vec![user("ann", &["team"], &[inline("team", &allow(&["sqs:CreateQueue"]))])],
        groups: vec![group("team", &[inline("team", &allow(&["sqs:DeleteQueue"]))])],
        calls: vec![(arn("user", "ann"), "sqs.amazonaws.com", "CreateQueue", NOW)],
        ..World::default()
    };
    // To leave the group and to take its policy away are one, as nobody else is in it.
    let all = operations(&world, "ann");
    assert_eq!(all, [(false, vec!["remove user `ann` from group `team`".to_owned()], Vec::new())]);
}

#[test]
fn a_policy_that_is_attached_already_is_not_attached_again_and_counts_once() {
    let world = World {
        users: vec![{
            let mut ann = user("ann", &["team"], &[]);
            ann["AttachedManagedPolicies"] = attached(&[SHARED]).into();
            ann
        }],
        groups: vec![{
            let mut team = group("team", &[inline("idle", &allow(&["sqs:DeleteQueue"]))]);
            team["AttachedManagedPolicies"] = attached(&[SHARED]).into();
            team
        }],
        policies: vec![managed(SHARED, 2, &allow(&["sqs:CreateQueue"]))],
        calls: vec![(arn("user", "ann"), "sqs.amazonaws.com", "CreateQueue", NOW)],
        ..World::default()
    };
    let all = operations(&world, "ann");
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].1, ["remove user `ann` from group `team`"]);
}

#[test]
fn the_sixth_version_needs_the_oldest_to_go_and_a_new_policy_a_name_that_is_free() {
    let mut policy = managed(SHARED, 2, &allow(&QUEUES));
    let document = allow(&QUEUES);
    policy["DefaultVersionId"] = "v7".into();
    policy["PolicyVersionList"] = (3..8)
        .map(|n| json!({"Document": document, "VersionId": format!("v{n}"), "IsDefaultVersion": n == 7, "CreateDate": "2024-01-01T00:00:00Z"}))
        .collect();
    let world = World {
        roles: vec![role("/", "one", &[], &[SHARED]), role("/", "other", &[], &[SHARED])],
        policies: vec![policy, managed("arn:aws:iam::111122223333:policy/app/Shared-Recommended", 0, &allow(&["s3:*"]))],
        calls: vec![
            (arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW),
            (arn("role", "other"), "sqs.amazonaws.com", "CreateQueue", NOW),
        ],
        ..World::default()
    };
    let all = operations(&world, "one");
    let copy = [
        "create policy `shared-recommended-2`".to_owned(),
        "attach `shared-recommended-2` to role `one`".to_owned(),
        format!("detach `{SHARED}` from role `one`"),
    ];
    assert_eq!((all[0].0, &all[0].1[..]), (true, &copy[..]));
    let version = [format!("delete version `v3` of `{SHARED}`"), format!("create a default version of `{SHARED}`")];
    assert_eq!((all[1].0, &all[1].1[..], all.len()), (false, &version[..], 2));
}

#[test]
fn a_policy_is_changed_for_all_only_when_all_who_have_it_are_seen() {
    let calls = vec![(arn("role", "one"), "sqs.amazonaws.com", "CreateQueue", NOW)];
    let obstacles = |world: World| -> Vec<Obstacle> {
        operations(&world, "one").into_iter().flat_map(|(_, _, obstacles)| obstacles).collect()
    };
    let roles = || vec![role("/", "one", &[inline("own", &allow(&["sns:*"]))], &[SHARED])];
    let with_group = || {
        let mut team = group("team", &[]);
        team["AttachedManagedPolicies"] = attached(&[SHARED]).into();
        vec![team]
    };
    let policies = |attachments| vec![managed(SHARED, attachments, &allow(&QUEUES))];
    // The export has no users, so that nobody knows who is in the group.
    let hidden = World { roles: roles(), groups: with_group(), policies: policies(2), calls: calls.clone(), ..World::default() };
    assert!(matches!(&obstacles(hidden)[..], [Obstacle::HiddenMembers(group)] if group.name() == "team"));
    // With one, the group is seen to be empty.
    let seen = World {
        roles: roles(),
        groups: with_group(),
        users: vec![user("bob", &[], &[])],
        policies: policies(2),
        calls: calls.clone(),
    };
    assert_eq!(obstacles(seen), []);
    let mut bounds = policies(1);
    bounds[0]["PermissionsBoundaryUsageCount"] = 1.into();
    let bounding = World {
        roles: roles(),
        policies: bounds,
        calls: calls.clone(),
        groups: with_group(),
        users: vec![user("bob", &[], &[])],
    };
    assert!(obstacles(bounding).contains(&Obstacle::Incomplete));
    let set = role("/aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_Ops_0123456789abcdef", &[], &[SHARED]);
    let with_set = World { roles: [roles(), vec![set]].concat(), policies: policies(2), calls, ..World::default() };
    assert_eq!(obstacles(with_set), [Obstacle::InPermissionSet("Ops".to_owned())]);
}
