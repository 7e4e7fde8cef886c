//! Tests of the decision, one rule of evidence each; they stand beside `state.rs` and are compiled for tests only.

use super::super::collector::Collector;
use super::super::event::tests::event;
use super::super::event::{Event, Identity};
use super::super::sources::last_accessed::LastAccessedReader;
use super::super::timeline::tests::trail;
use super::super::timeline::{Ground, Span};
use super::super::window::tests::{at, quarter};
use super::*;
use leastwise_policy::Catalogue;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/worker";

fn call(source: &'static str, name: &'static str, time: &str) -> Event<'static> {
    let mut call = event(source, name);
    call.time = at(time);
    call.identity = Some(Identity { kind: Some("AssumedRole".into()), issuer_arn: Some(ROLE.into()), ..Identity::default() });
    call
}

struct Case {
    events: Vec<Event<'static>>,
    trail: Option<TrailTimeline>,
    report: Option<String>,
    rules: Rules,
}

fn case() -> Case {
    Case { events: Vec::new(), trail: Some(trail()), report: None, rules: Rules::default() }
}

/// A trail of these data types besides management events.
fn recording(types: &[&str]) -> TrailTimeline {
    let kinds = types.iter().map(|kind| RecordKind::Data((*kind).to_owned())).chain([RecordKind::Reads, RecordKind::Writes]);
    TrailTimeline::complete(trail().account, trail().window, &["us-east-1"], kinds)
}

impl Case {
    fn of(&self, action: &str) -> (State, Evidence) {
        let mapper = EventMapper::new(Catalogue::embedded());
        let mut collector = Collector::new(&mapper);
        self.events.iter().for_each(|event| collector.record(event));
        let mut ledger = collector.finish();
        self.trail.iter().for_each(|trail| ledger.cover(trail.clone()));
        if let Some(report) = &self.report {
            let mut reader = LastAccessedReader::default();
            reader.add("111122223333/role/team/worker.json", report.as_bytes());
            reader.finish().0.into_iter().for_each(|report| ledger.take_report(report));
        }
        let role = PrincipalArn::parse(ROLE).unwrap();
        ledger.of(&role, &mapper, quarter(), self.rules).state(&ActionName::parse(action).unwrap())
    }

    fn state(&self, action: &str) -> State {
        self.of(action).0
    }

    fn reason(&self, action: &str) -> Reason {
        self.of(action).1.reasons[0].clone()
    }
}

fn report(services: &str) -> String {
    format!(r#"{{"JobStatus":"COMPLETED","JobCompletionDate":"2026-04-01T04:00:00Z","ServicesLastAccessed":[{services}]}}"#)
}

const S3_USED: &str = r#"{"ServiceNamespace":"s3","LastAuthenticated":"2026-03-01T00:00:00Z","TrackedActionsLastAccessed":[
    {"ActionName":"CreateBucket"},{"ActionName":"DeleteBucket","LastAccessedTime":"2025-12-01T00:00:00Z"},
    {"ActionName":"ListAllMyBuckets","LastAccessedTime":"2026-03-01T00:00:00Z"}]}"#;
const S3_SILENT: &str = r#"{"ServiceNamespace":"s3","TotalAuthenticatedEntities":0}"#;

#[test]
fn a_use_in_the_period_is_used_and_one_before_it_is_not() {
    let mut case = case();
    case.events = vec![
        call("ec2.amazonaws.com", "DescribeInstances", "2026-02-01"),
        call("ec2.amazonaws.com", "StopInstances", "2025-12-31"),
    ];
    let (state, evidence) = case.of("ec2:DescribeInstances");
    assert_eq!((state, evidence.events.count, evidence.last_used()), (State::Used, 1, Some(at("2026-02-01"))));
    assert_eq!(case.state("ec2:StopInstances"), State::Unused);
    assert_eq!(case.of("ec2:StopInstances").1.last_used(), Some(at("2025-12-31")));
}

#[test]
fn a_complete_and_silent_trail_makes_unused_what_it_would_have_shown() {
    assert_eq!(case().state("ec2:RunInstances"), State::Unused);
    assert_eq!(case().reason("ec2:RunInstances"), Reason::SilentTrail(trail().window));
}

#[test]
fn without_a_source_nothing_is_unused() {
    let case = Case { trail: None, ..case() };
    assert_eq!(case.state("ec2:RunInstances"), State::Unobservable);
    assert_eq!(case.reason("ec2:RunInstances"), Reason::NoTrail);
}

#[test]
fn the_trail_of_another_account_shows_nothing_of_this_one() {
    let mut case = case();
    case.trail.as_mut().unwrap().account = crate::access::AccountId::parse("444455556666").unwrap();
    assert_eq!(case.state("ec2:RunInstances"), State::Unobservable);
}

#[test]
fn data_events_that_the_trail_does_not_record_leave_data_unobservable() {
    let mut case = case();
    assert_eq!(case.reason("s3:GetObject"), Reason::DataNotRecorded(vec!["AWS::S3::Object".into()]));
    assert_eq!(case.state("s3:GetObject"), State::Unobservable);
    case.trail = Some(recording(&["AWS::S3::Object"]));
    assert_eq!(case.state("s3:GetObject"), State::Unused);
}

#[test]
fn what_no_source_shows_is_unobservable_even_with_all_sources() {
    let mut case = case();
    case.trail = Some(recording(&["*"]));
    case.report = Some(report(r#"{"ServiceNamespace":"iam"},{"ServiceNamespace":"rds-db"}"#));
    assert_eq!(case.state("iam:PassRole"), State::Unobservable);
    assert_eq!(case.state("rds-db:connect"), State::Unobservable);
    assert_eq!(case.state("iam:CreateRole"), State::Unused);
}

#[test]
fn a_gap_or_a_short_window_makes_unknown() {
    let mut gappy = case();
    for spans in gappy.trail.as_mut().unwrap().spans.values_mut() {
        *spans = [("2025-12-01", "2026-02-01T03:00:00Z"), ("2026-02-01T04:00:00Z", "2026-04-02")]
            .map(|(from, to)| Span { from: at(from), to: at(to), ground: Ground::Described })
            .into();
    }
    assert_eq!(gappy.state("ec2:RunInstances"), State::Unknown);
    let mut short = case();
    short.trail.as_mut().unwrap().window.from = at("2026-01-10");
    assert_eq!(short.state("ec2:RunInstances"), State::Unknown);
    let mut regional = case();
    regional.trail.as_mut().unwrap().spans.retain(|(region, _), _| region.is_some());
    assert_eq!(regional.state("ec2:RunInstances"), State::Unknown);
    assert_eq!(regional.state("iam:CreateRole"), State::Unused, "a global service records in one region");
}

#[test]
fn a_trail_that_records_writes_only_says_nothing_about_reads() {
    let mut case = case();
    let of_trail = case.trail.as_mut().unwrap();
    of_trail.set_up.remove(&RecordKind::Reads);
    of_trail.spans.retain(|(_, kind), _| *kind != RecordKind::Reads);
    assert_eq!(case.state("ec2:DescribeInstances"), State::Unobservable);
    assert_eq!(case.state("ec2:TerminateInstances"), State::Unused);
    assert_eq!(case.state("sts:AssumeRole"), State::Unobservable, "CloudTrail takes it for a read, whatever IAM says");
    case.trail.as_mut().unwrap().excluded.insert("kms".into());
    assert_eq!(case.state("kms:CreateKey"), State::Unobservable);
}

#[test]
fn a_denied_attempt_is_no_use_unless_the_user_wants_the_providers_reading() {
    let mut case = case();
    let mut denied = call("ec2.amazonaws.com", "RunInstances", "2026-02-01");
    denied.error_code = Some("Client.UnauthorizedOperation".into());
    case.events = vec![denied];
    let (state, evidence) = case.of("ec2:RunInstances");
    assert_eq!((state, evidence.events.denied, evidence.events.count), (State::Unused, 1, 0));
    case.rules.denied = DeniedAttempts::CountAsUse;
    assert_eq!(case.state("ec2:RunInstances"), State::Used);
}

#[test]
fn a_failed_call_that_no_policy_turned_down_is_a_use() {
    let mut case = case();
    let mut failed = call("ec2.amazonaws.com", "RunInstances", "2026-02-01");
    failed.error_code = Some("Client.VcpuLimitExceeded".into());
    case.events = vec![failed];
    assert_eq!(case.state("ec2:RunInstances"), State::Used);
}

#[test]
fn what_a_seen_call_may_have_checked_besides_is_kept() {
    let mut case = case();
    let mut run = call("ec2.amazonaws.com", "RunInstances", "2026-02-01");
    run.request = Some(r#"{"tagSpecificationSet":{}}"#.into());
    case.events = vec![run];
    assert_eq!(case.state("ec2:CreateTags"), State::Unobservable);
    assert_eq!(case.reason("ec2:CreateTags"), Reason::PossiblyUsed(at("2026-02-01")));
    case.events.clear();
    assert_eq!(case.state("ec2:CreateTags"), State::Unused);
}

#[test]
fn an_unmapped_call_bars_its_whole_service_for_its_principal_only() {
    let mut case = case();
    case.events = vec![call("ec2.amazonaws.com", "DoSomethingUnheardOf", "2026-02-01")];
    assert_eq!(case.state("ec2:RunInstances"), State::Unknown);
    assert!(matches!(case.reason("ec2:RunInstances"), Reason::UnmappedCall(bar) if bar.name == "DoSomethingUnheardOf"));
    assert_eq!(case.state("iam:CreateRole"), State::Unused);
    case.events[0].identity.as_mut().unwrap().issuer_arn = Some("arn:aws:iam::111122223333:role/other".into());
    assert_eq!(case.state("ec2:RunInstances"), State::Unused);
    case.events = vec![call("unheard-of.amazonaws.com", "DoSomething", "2026-02-01")];
    assert_eq!(case.state("iam:CreateRole"), State::Unknown);
}

#[test]
fn a_call_whose_principal_cannot_be_told_may_be_anybodys_of_the_account() {
    let mut case = case();
    let mut nobody = call("ec2.amazonaws.com", "RunInstances", "2026-02-01");
    nobody.identity = None;
    case.events = vec![nobody.clone()];
    assert_eq!(case.state("ec2:RunInstances"), State::Unknown);
    assert_eq!(case.state("ec2:StopInstances"), State::Unused);
    nobody.account = crate::access::AccountId::parse("444455556666");
    case.events = vec![nobody];
    assert_eq!(case.state("ec2:RunInstances"), State::Unused);
}

#[test]
fn a_report_tells_by_itself_of_what_it_must_have_known_whoever_called_whatever_before() {
    let mut case = case();
    case.report = Some(report(S3_USED));
    let tracked = |case: &Case| case.state("s3:CreateBucket");
    case.events = vec![call("s3.amazonaws.com", "DoSomethingUnheardOf", "2026-02-01")];
    assert_eq!((tracked(&case), case.state("s3:PutBucketPolicy")), (State::Unused, State::Unknown), "untracked");
    assert!(matches!(case.of("s3:CreateBucket").1.reasons[1], Reason::UnmappedCall(_)));
    // What came after the report's last moment may be anything.
    case.events.push(call("unheard-of.amazonaws.com", "DoSomething", "2026-04-01T00:00:01Z"));
    assert!(
        matches!((tracked(&case), case.reason("s3:CreateBucket")), (State::Unknown, Reason::UnmappedCall(bar)) if bar.service.is_none())
    );
    let mut nobody = call("s3.amazonaws.com", "CreateBucket", "2026-02-01");
    nobody.identity = None;
    case.events = vec![nobody.clone()];
    assert_eq!(tracked(&case), State::Unused);
    nobody.time = at("2026-04-01T00:00:01Z");
    case.events = vec![nobody];
    assert_eq!(tracked(&case), State::Unknown);
}

#[test]
fn a_report_that_lists_no_use_of_a_service_is_contradicted_by_a_call_of_an_unknown_name() {
    let mut case = case();
    case.report = Some(report(S3_SILENT));
    case.events = vec![call("s3.amazonaws.com", "DoSomethingUnheardOf", "2026-02-01")];
    assert_eq!(case.state("s3:CreateBucket"), State::Unknown);
    case.events = vec![call("ec2.amazonaws.com", "DoSomethingUnheardOf", "2026-02-01")];
    assert_eq!(case.state("s3:CreateBucket"), State::Unused);
}

#[test]
fn a_session_without_an_issuer_is_found_by_the_roles_name() {
    let mut case = case();
    let mut run = call("ec2.amazonaws.com", "RunInstances", "2026-02-01");
    run.identity = Some(Identity {
        kind: Some("AssumedRole".into()),
        arn: Some("arn:aws:sts::111122223333:assumed-role/worker/s".into()),
        ..Identity::default()
    });
    case.events = vec![run];
    assert_eq!(case.state("ec2:RunInstances"), State::Used);
}

#[test]
fn a_report_tells_of_tracked_actions_and_of_whole_services_only() {
    let case = Case { trail: None, report: Some(report(&format!(r#"{S3_USED},{{"ServiceNamespace":"sqs"}}"#))), ..case() };
    assert_eq!(case.state("s3:ListAllMyBuckets"), State::Used);
    assert_eq!(case.state("s3:CreateBucket"), State::Unused);
    assert_eq!(case.state("s3:DeleteBucket"), State::Unused);
    assert_eq!(case.reason("s3:DeleteBucket"), Reason::SilentReport(at("2026-04-01")));
    assert_eq!(case.state("s3:GetBucketAcl"), State::Unobservable);
    assert!(case.of("s3:GetBucketAcl").1.reasons.contains(&Reason::NotTracked));
    assert_eq!(case.state("sqs:SendMessage"), State::Unused);
    assert_eq!(case.reason("sqs:SendMessage"), Reason::SilentService(at("2026-04-01")));
    assert_eq!(case.state("sns:Publish"), State::Unobservable);
}

#[test]
fn a_report_that_failed_lacks_pages_or_is_old_makes_unknown() {
    let with = |report: String| Case { trail: None, report: Some(report), ..case() };
    assert_eq!(with(report(S3_SILENT).replace("COMPLETED", "FAILED")).state("s3:GetObject"), State::Unknown);
    assert_eq!(with(report(S3_SILENT).replacen('{', "{\"IsTruncated\":true,", 1)).state("s3:GetObject"), State::Unknown);
    let old = with(report(S3_SILENT).replace("2026-04-01T04", "2026-04-01T03"));
    assert_eq!(old.state("s3:GetObject"), State::Unknown);
    assert_eq!(Case { rules: Rules { tolerance: 3600, ..Rules::default() }, ..old }.state("s3:GetObject"), State::Unused);
    assert_eq!(with("{\"JobStatus\":\"COMPL".to_owned()).state("s3:GetObject"), State::Unknown);
}

#[test]
fn where_sources_disagree_the_one_that_saw_use_wins() {
    let mut case = Case { report: Some(report(S3_SILENT)), ..case() };
    case.events = vec![call("s3.amazonaws.com", "ListBuckets", "2026-02-01")];
    assert_eq!(case.state("s3:ListAllMyBuckets"), State::Used);
    let case = Case { report: Some(report(S3_USED)), ..self::case() };
    assert_eq!(case.state("s3:ListAllMyBuckets"), State::Used);
}

#[test]
fn a_report_that_events_contradict_is_not_believed_for_that_service() {
    let mut case = Case { report: Some(report(S3_SILENT)), ..case() };
    case.events = vec![call("s3.amazonaws.com", "ListBuckets", "2026-02-01")];
    assert_eq!(case.state("s3:GetObject"), State::Unknown);
}

#[test]
fn one_complete_source_is_enough_whatever_the_other_lacks() {
    let mut case = Case { report: Some(report(S3_SILENT)), ..case() };
    case.trail.as_mut().unwrap().window.from = at("2026-03-01");
    assert_eq!(case.state("s3:CreateBucket"), State::Unused);
    assert_eq!(case.of("s3:CreateBucket").1.reasons.len(), 2);
}
