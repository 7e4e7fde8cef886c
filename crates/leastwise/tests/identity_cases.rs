//! Whose use it is: records told by unique ids, assumptions, access keys and sign-ins, over small accounts made up here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use leastwise::access::credential_report::CredentialReport;
use leastwise::access::{AccessKeyList, AccountsReader, PrincipalArn, Timestamp};
use leastwise::analysis::{Analysis, DEFAULT_TOLERANCE, Records};
use leastwise::findings::{Exclusions, Finding, FindingKind, find};
use leastwise::usage::{
    Collector, Event, EventCategory, EventKind, EventMapper, EventResource, Identity, Reason, RoleActivity, Rules, State,
    TrackingPeriod,
};
use leastwise_policy::{ActionName, Catalogue};

const ACCOUNT: &str = "111122223333";
const ANN: &str = "AIDAEXAMPLEANN000001";
const BOB: &str = "AIDAEXAMPLEBOB000001";
const JOB: &str = "AROAEXAMPLEJOB000001";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn arn(text: &str) -> PrincipalArn {
    PrincipalArn::parse(&format!("arn:aws:iam::{ACCOUNT}:{text}")).unwrap()
}

/// A user, by name, unique id and day of creation.
fn user(name: &str, id: &str, created: &str) -> String {
    let policy = r#"[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:ListRoles","sts:AssumeRole"],"Resource":"*"}]}}]"#;
    format!(
        r#"{{"Path":"/","UserName":"{name}","UserId":"{id}","Arn":"arn:aws:iam::{ACCOUNT}:user/{name}","CreateDate":"{created}T00:00:00Z","GroupList":[],"AttachedManagedPolicies":[],"UserPolicyList":{policy}}}"#
    )
}

fn role(name: &str, id: &str, created: &str, last_used: &str) -> String {
    let used = if last_used.is_empty() { "{}".to_owned() } else { format!(r#"{{"LastUsedDate":"{last_used}"}}"#) };
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    format!(
        r#"{{"Path":"/","RoleName":"{name}","RoleId":"{id}","Arn":"arn:aws:iam::{ACCOUNT}:role/{name}","CreateDate":"{created}T00:00:00Z","AssumeRolePolicyDocument":{trust},"InstanceProfileList":[],"RolePolicyList":[],"AttachedManagedPolicies":[],"RoleLastUsed":{used}}}"#
    )
}

fn call(source: &'static str, name: &'static str, time: &str, identity: Identity<'static>) -> Event<'static> {
    Event {
        id: None,
        time: at(time),
        source: source.into(),
        name: name.into(),
        region: "us-east-1".into(),
        account: leastwise::access::AccountId::parse(ACCOUNT),
        identity: Some(identity),
        error_code: None,
        kind: if source == "signin.amazonaws.com" { EventKind::ConsoleSignIn } else { EventKind::ApiCall },
        category: EventCategory::Management,
        read_only: None,
        resources: Vec::new(),
        request: None,
        response: None,
        additional: None,
        from_console: false,
    }
}

fn by_user(name: &str, id: &str, key: &'static str) -> Identity<'static> {
    Identity {
        kind: Some("IAMUser".into()),
        arn: Some(format!("arn:aws:iam::{ACCOUNT}:user/{name}").into()),
        principal_id: Some(id.to_owned().into()),
        access_key: Some(key.into()),
        ..Identity::default()
    }
}

fn by_session(name: &str, principal_id: &str, issuer_id: &str) -> Identity<'static> {
    Identity {
        kind: Some("AssumedRole".into()),
        arn: Some(format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s").into()),
        issuer_arn: Some(format!("arn:aws:iam::{ACCOUNT}:role/{name}").into()),
        principal_id: Some(principal_id.to_owned().into()),
        issuer_id: Some(issuer_id.to_owned().into()),
        ..Identity::default()
    }
}

fn by_service() -> Identity<'static> {
    Identity { kind: Some("AWSService".into()), invoked_by: Some("lambda.amazonaws.com".into()), ..Identity::default() }
}

#[derive(Default)]
struct World {
    users: Vec<String>,
    roles: Vec<String>,
    events: Vec<Event<'static>>,
    reports: Vec<String>,
    keys: Option<String>,
    rules: Rules,
}

impl World {
    fn analysis(&self) -> Analysis<'static> {
        let mapper = EventMapper::new(Catalogue::embedded());
        let mut collector = Collector::new(&mapper);
        self.events.iter().for_each(|event| collector.record(event));
        let mut reader = AccountsReader::new();
        let details = format!(
            r#"{{"UserDetailList":[{}],"GroupDetailList":[],"RoleDetailList":[{}],"Policies":[],"IsTruncated":false}}"#,
            self.users.join(","),
            self.roles.join(",")
        );
        reader.read("details.json", details.as_bytes());
        let (accounts, problems) = reader.finish();
        assert!(problems.is_empty(), "{problems:?}");
        let credentials = self.reports.iter().map(|text| CredentialReport::read("r.csv", text.as_bytes()).0).collect();
        let keys = self.keys.iter().map(|text| AccessKeyList::read("keys/111122223333.json", text.as_bytes()).0).collect();
        let records = Records { accounts, ledger: collector.finish(), credentials, keys, problems: Vec::new() };
        let period = TrackingPeriod::ending(at("2026-11-01"), 90).unwrap();
        let rules = Rules { tolerance: DEFAULT_TOLERANCE, ..self.rules };
        Analysis::new(EventMapper::new(Catalogue::embedded()), records, period, rules)
    }

    fn state(&self, principal: &str, action: &str) -> (State, Vec<&'static str>) {
        let analysis = self.analysis();
        let principal = analysis.access.principal(&arn(principal)).unwrap().clone();
        let (state, evidence) = analysis.use_of(&principal).state(&ActionName::parse(action).unwrap());
        (state, evidence.reasons.iter().map(Reason::code).collect())
    }

    fn found(&self, kind: FindingKind) -> Vec<String> {
        let analysis = self.analysis();
        let found = find(&analysis, &Exclusions::default());
        let of_kind = |finding: &&Finding<'_>| finding.kind == kind;
        let tell = |finding: &Finding<'_>| match &finding.details {
            leastwise::findings::Details::AccessKey { slot, .. } => format!("{} {slot}", finding.resource.name()),
            _ => finding.resource.name().to_owned(),
        };
        found.findings.iter().filter(of_kind).map(tell).collect()
    }
}

const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// A report with one user: the last use of its password, and of its keys, empty when there is none.
fn report(name: &str, password: &str, keys: [&str; 2]) -> String {
    let date = |day: &str| if day.is_empty() { "N/A".to_owned() } else { format!("{day}T00:00:00+00:00") };
    let [one, two] = keys.map(date);
    format!(
        "{HEADER}\n{name},arn:aws:iam::{ACCOUNT}:user/{name},2024-01-01T00:00:00+00:00,true,{},2024-01-01T00:00:00+00:00,N/A,false,true,2024-02-01T00:00:00+00:00,{one},N/A,N/A,true,2024-03-01T00:00:00+00:00,{two},N/A,N/A,false,N/A,false,N/A\n",
        date(password)
    )
}

const LIST: &str = r#"{"AccessKeyMetadata":[{"UserName":"ann","AccessKeyId":"AKIAEXAMPLEONE000001","Status":"Active","CreateDate":"2024-02-01T00:00:00Z"},
    {"UserName":"ann","AccessKeyId":"AKIAEXAMPLETWO000001","Status":"Active","CreateDate":"2024-03-01T00:00:00Z"}]}"#;

#[test]
fn a_renamed_user_keeps_what_it_used_under_its_old_name() {
    let list = |id: &str| call("iam.amazonaws.com", "ListRoles", "2026-09-15", by_user("ann.old", id, "AKIAEXAMPLEONE000001"));
    let world = |event| World { users: vec![user("ann", ANN, "2024-01-01")], events: vec![event], ..World::default() };
    assert_eq!(world(list(ANN)).state("user/ann", "iam:ListRoles").0, State::Used);
    let analysis = world(list(ANN)).analysis();
    assert_eq!(analysis.ledger.other_names(&arn("user/ann")), [&arn("user/ann.old")]);
    // Another user, who is gone.
    assert_ne!(world(list(BOB)).state("user/ann", "iam:ListRoles").0, State::Used);
    assert_eq!(world(list(BOB)).state("user/ann", "iam:ListRoles").1[0], "noTrail");
}

#[test]
fn a_user_whom_the_account_lacks_and_whose_id_is_hidden_may_be_any_of_its_users() {
    for id in ["", "HIDDEN", "AIDA***"] {
        let event = call("iam.amazonaws.com", "ListRoles", "2026-09-15", by_user("ann.old", id, ""));
        let world = World { users: vec![user("ann", ANN, "2024-01-01")], events: vec![event], ..World::default() };
        assert_eq!(world.state("user/ann", "iam:ListRoles"), (State::Unknown, vec!["unattributedUse", "noReport"]), "{id}");
    }
}

#[test]
fn an_id_that_differs_from_the_accounts_counts_by_the_name_since_the_principal_was_made() {
    let list = |time| call("iam.amazonaws.com", "ListRoles", time, by_session("job", "AROAEXAMPLEOTHER0001:s", ""));
    let world = |time| World { roles: vec![role("job", JOB, "2026-01-01", "")], events: vec![list(time)], ..World::default() };
    let used = |time| world(time).analysis().ledger.use_of(&arn("role/job"), &ActionName::parse("iam:ListRoles").unwrap()).last;
    assert_eq!(used("2025-12-01"), None, "the role that had the name before");
    assert_eq!(used("2026-02-01"), Some(at("2026-02-01")));
}

#[test]
fn a_session_whose_issuer_is_masked_is_told_by_its_own_id() {
    let list = call("iam.amazonaws.com", "ListRoles", "2026-09-01", by_session("gone", &format!("{JOB}:s"), "x"));
    let world = World { roles: vec![role("job", JOB, "2024-01-01", "")], events: vec![list], ..World::default() };
    assert!(world.analysis().ledger.use_of(&arn("role/job"), &ActionName::parse("iam:ListRoles").unwrap()).last.is_some());
}

#[test]
fn an_id_of_several_names_is_masked_and_leaves_a_stranger_to_all() {
    let list = |name: &str| call("iam.amazonaws.com", "ListRoles", "2026-09-01", by_user(name, "AIDAXXXXXXXXXXXXXXXX", ""));
    let world = World {
        users: vec![
            user("ann", ANN, "2024-01-01"),
            user("bob", BOB, "2024-01-01"),
            user("cat", "AIDAEXAMPLECAT000001", "2024-01-01"),
        ],
        events: vec![
            call("iam.amazonaws.com", "ListUsers", "2026-09-01", by_user("ann", "AIDAXXXXXXXXXXXXXXXX", "")),
            call("iam.amazonaws.com", "ListUsers", "2026-09-01", by_user("bob", "AIDAXXXXXXXXXXXXXXXX", "")),
            list("stranger"),
        ],
        ..World::default()
    };
    assert_eq!(world.state("user/cat", "iam:ListRoles").0, State::Unknown);
}

#[test]
fn a_renamed_user_whose_id_was_altered_may_be_any_user() {
    let mut change = call("iam.amazonaws.com", "UpdateUser", "2026-10-01", by_session("admin", "", ""));
    change.request = Some(r#"{"userName":"ann.old","newUserName":"ann"}"#.into());
    let list = call("iam.amazonaws.com", "ListRoles", "2026-09-01", by_user("ann.old", "AIDAALTERED000000001", ""));
    let world = World { users: vec![user("ann", ANN, "2024-01-01")], events: vec![change, list], ..World::default() };
    assert_eq!(world.state("user/ann", "iam:ListRoles").0, State::Unknown);
}

#[test]
fn a_role_that_is_assumed_is_active_even_when_its_session_calls_nothing() {
    let resource = || vec![EventResource { arn: format!("arn:aws:iam::{ACCOUNT}:role/job").into(), kind: None }];
    let listed = Event { resources: resource(), ..call("sts.amazonaws.com", "AssumeRole", "2026-09-01", by_service()) };
    let asked = Event {
        request: Some(format!(r#"{{"roleArn":"arn:aws:iam::{ACCOUNT}:role/job"}}"#).into()),
        ..call(
            "sts.amazonaws.com",
            "AssumeRoleWithWebIdentity",
            "2026-09-01",
            Identity { kind: Some("WebIdentityUser".into()), ..Identity::default() },
        )
    };
    let answered = Event {
        response: Some(format!(r#"{{"assumedRoleUser":{{"arn":"arn:aws:sts::{ACCOUNT}:assumed-role/job/s"}}}}"#).into()),
        ..call(
            "sts.amazonaws.com",
            "AssumeRoleWithSAML",
            "2026-09-01",
            Identity { kind: Some("SAMLUser".into()), ..Identity::default() },
        )
    };
    let denied = Event { error_code: Some("AccessDenied".into()), ..listed.clone() };
    let world = |events| World { roles: vec![role("job", JOB, "2024-01-01", "")], events, ..World::default() };
    assert_eq!(world(Vec::new()).found(FindingKind::UnusedIamRole), ["job"]);
    assert_eq!(world(vec![denied]).found(FindingKind::UnusedIamRole), ["job"]);
    for event in [listed, asked, answered] {
        let name = event.name.clone();
        let mut world = world(vec![event]);
        assert!(world.found(FindingKind::UnusedIamRole).is_empty(), "{name}");
        world.rules.role_activity = RoleActivity::RequestsOnly;
        assert_eq!(world.found(FindingKind::UnusedIamRole), ["job"], "{name}");
    }
}

#[test]
fn whoever_comes_by_identity_center_is_activity_of_the_permission_sets_role() {
    let federate = Event {
        additional: Some(format!(r#"{{"role_name":"Admins","account_id":"{ACCOUNT}"}}"#).into()),
        ..call(
            "sso.amazonaws.com",
            "GetRoleCredentials",
            "2026-09-01",
            Identity { kind: Some("IdentityCenterUser".into()), ..Identity::default() },
        )
    };
    let world = World {
        roles: vec![
            role("AWSReservedSSO_Admins_0123456789abcdef", JOB, "2024-01-01", ""),
            role("AWSReservedSSO_Other_0123456789abcdef", "AROAEXAMPLEOTHER0001", "2024-01-01", ""),
        ],
        events: vec![federate],
        ..World::default()
    };
    assert_eq!(world.found(FindingKind::UnusedIamRole), ["AWSReservedSSO_Other_0123456789abcdef"]);
}

#[test]
fn who_switches_to_a_role_uses_the_permission_to_assume_it_whichever_record_tells() {
    let from = Event {
        response: Some(r#"{"SwitchRole":"Success"}"#.into()),
        additional: Some(format!(r#"{{"SwitchFrom":"arn:aws:iam::{ACCOUNT}:user/ann"}}"#).into()),
        ..call("signin.amazonaws.com", "SwitchRole", "2026-09-01", by_session("job", &format!("{JOB}:ann"), ""))
    };
    let to = Event {
        additional: Some(format!(r#"{{"SwitchTo":"arn:aws:iam::{ACCOUNT}:role/job"}}"#).into()),
        ..call("signin.amazonaws.com", "SwitchRole", "2026-09-01", by_user("ann", ANN, ""))
    };
    let world = |event| World {
        users: vec![user("ann", ANN, "2024-01-01")],
        roles: vec![role("job", JOB, "2024-01-01", "")],
        events: vec![event],
        ..World::default()
    };
    for event in [from.clone(), to] {
        let world = world(event);
        assert_eq!(world.state("user/ann", "sts:AssumeRole").0, State::Used);
        assert!(world.found(FindingKind::UnusedIamRole).is_empty());
    }
    let failed = Event { response: Some(r#"{"SwitchRole":"Failure"}"#.into()), ..from.clone() };
    assert_ne!(world(failed).state("user/ann", "sts:AssumeRole").0, State::Used);
    // Without a word of who it was it may have been anybody, and the role was assumed all the same.
    let hidden = world(Event { additional: None, ..from });
    assert_eq!(hidden.state("user/ann", "sts:AssumeRole"), (State::Unknown, vec!["unattributedUse", "noReport"]));
    assert!(hidden.found(FindingKind::UnusedIamRole).is_empty());
}

#[test]
fn a_key_that_signed_a_recorded_call_is_used_with_and_without_a_list_of_keys() {
    let event = |key| call("ec2.amazonaws.com", "DescribeVpcs", "2026-10-01", by_user("ann", ANN, key));
    let world = |events, keys: Option<&str>| World {
        users: vec![user("ann", ANN, "2024-01-01")],
        events,
        reports: vec![report("ann", "2026-10-30", ["", ""])],
        keys: keys.map(str::to_owned),
        ..World::default()
    };
    let found = |events, keys| world(events, keys).found(FindingKind::UnusedIamUserAccessKey);
    assert_eq!(found(Vec::new(), None), ["ann 1", "ann 2"]);
    assert_eq!(found(vec![event("AKIAEXAMPLETWO000001")], Some(LIST)), ["ann 1"]);
    assert!(found(vec![event("AKIAEXAMPLETWO000001")], None).is_empty(), "it may be either");
    // The session of a key, and a key that is masked.
    for key in ["ASIAEXAMPLE000000001", "AKIAX", ""] {
        assert!(found(vec![event(key)], Some(LIST)).is_empty(), "{key}");
    }
    // A list with another id for the key: the use is of one of the two all the same.
    let altered = LIST.replace("AKIAEXAMPLETWO000001", "AKIAEXAMPLETWO000002");
    assert!(found(vec![event("AKIAEXAMPLETWO000001")], Some(&altered)).is_empty());
    let console = Event { from_console: true, ..event("ASIAEXAMPLE000000001") };
    assert_eq!(found(vec![console], Some(LIST)), ["ann 1", "ann 2"]);
}

#[test]
fn a_key_of_which_the_report_knows_the_use_explains_it() {
    let event = call("ec2.amazonaws.com", "DescribeVpcs", "2026-10-30", by_user("ann", ANN, "AKIAEXAMPLEONE000001"));
    let world = World {
        users: vec![user("ann", ANN, "2024-01-01")],
        events: vec![event],
        reports: vec![report("ann", "2026-10-30", ["2026-10-30", ""])],
        ..World::default()
    };
    assert_eq!(world.found(FindingKind::UnusedIamUserAccessKey), ["ann 2"]);
}

#[test]
fn a_sign_in_that_succeeded_is_a_use_of_the_password() {
    let login = |answer: &'static str| Event {
        response: Some(answer.into()),
        ..call("signin.amazonaws.com", "ConsoleLogin", "2026-09-15", by_user("ann", ANN, ""))
    };
    let found = |events| {
        let world = World {
            users: vec![user("ann", ANN, "2024-01-01")],
            events,
            reports: vec![report("ann", "2026-05-01", ["2026-10-31", "2026-10-31"])],
            ..World::default()
        };
        world.found(FindingKind::UnusedIamUserPassword)
    };
    assert_eq!(found(Vec::new()), ["ann"]);
    assert!(found(vec![login(r#"{"ConsoleLogin":"Success"}"#)]).is_empty());
    assert_eq!(found(vec![login(r#"{"ConsoleLogin":"Failure"}"#)]), ["ann"]);
}

#[test]
fn of_several_reports_the_latest_use_wins_whatever_their_order() {
    let (old, new) = (report("ann", "2026-05-30", ["2026-05-31", "2026-05-31"]), report("ann", "2026-10-30", ["2026-10-31", ""]));
    for reports in [vec![old.clone(), new.clone()], vec![new, old]] {
        let world = World { users: vec![user("ann", ANN, "2024-01-01")], reports, ..World::default() };
        assert!(world.found(FindingKind::UnusedIamUserPassword).is_empty());
        assert_eq!(world.found(FindingKind::UnusedIamUserAccessKey), ["ann 2"]);
    }
}

#[test]
fn a_use_in_the_last_hours_refutes_no_export_and_an_earlier_one_does() {
    let found = |time| {
        let world = World {
            roles: vec![role("job", JOB, "2024-01-01", ""), role("late", "AROAEXAMPLELATE00001", "2024-01-01", "")],
            events: vec![call("iam.amazonaws.com", "ListRoles", time, by_session("late", "AROAEXAMPLELATE00001:s", ""))],
            ..World::default()
        };
        world.found(FindingKind::UnusedIamRole)
    };
    assert_eq!(found("2026-10-31T21:00:00Z"), ["job"]);
    assert!(found("2026-10-31T19:00:00Z").is_empty());
}
