//! The JSON view of an analysis: `leastwise.findings/1`, whose schema is `docs/schema/findings.v1.json`.
//!
//! A view; it decides nothing. `details` has the shape of the provider's own findings.

use serde::Serialize;
use serde::ser::SerializeSeq;

use super::refinement::CatalogRow;
use crate::access::Timestamp;
use crate::analysis::{Analysis, InputProblem};
use crate::findings::coverage::{AccountSources, ReportCounts};
use crate::findings::held_back::unit;
use crate::findings::{Coverage, Details, Finding, FindingKind, Found, Permissions, StateCounts};
use crate::usage::{ObservationWindow, Shortfall, TrackingPeriod, TrailTimeline};

/// Name and version of this form; the number grows when a reader would have to change.
pub const SCHEMA: &str = "leastwise.findings/1";

/// Gaps of one trail that are listed; the rest is counted.
const GAPS: usize = 20;

/// An analysis as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingsReport<'a> {
    schema: &'static str,
    version: &'static str,
    catalog: CatalogRow<'a>,
    window: WindowRow,
    findings: FindingRows<'a>,
    coverage: CoverageRow<'a>,
    problems: Vec<ProblemRow<'a>>,
}

impl<'a> FindingsReport<'a> {
    /// The report on what was found in `analysis`.
    #[must_use]
    pub fn new(analysis: &'a Analysis<'_>, found: &'a Found<'a>) -> FindingsReport<'a> {
        FindingsReport {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            catalog: analysis.mapper.catalogue().provenance().into(),
            window: WindowRow::new(analysis, &found.coverage),
            findings: FindingRows(&found.findings),
            coverage: CoverageRow::new(&found.coverage),
            problems: analysis.problems.iter().map(ProblemRow::new).collect(),
        }
    }
}

/// Rows made one after the other while they are written, since details may be large.
struct FindingRows<'a>(&'a [Finding<'a>]);

impl Serialize for FindingRows<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.len()))?;
        for finding in self.0 {
            rows.serialize_element(&FindingRow::new(finding))?;
        }
        rows.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WindowRow {
    from: String,
    to: String,
    days: i64,
    tolerance_hours: u32,
    seen_until: Option<String>,
}

impl WindowRow {
    fn new(analysis: &Analysis<'_>, coverage: &Coverage<'_>) -> WindowRow {
        let TrackingPeriod { start, end } = analysis.period;
        WindowRow {
            from: start.to_string(),
            to: end.to_string(),
            days: (end.seconds() - start.seconds()) / crate::access::time::DAY,
            tolerance_hours: analysis.rules.tolerance / 3600,
            seen_until: text(coverage.seen_until),
        }
    }
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

/// One finding as JSON: also a line of NDJSON by itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingRow<'a> {
    id: &'a str,
    finding_type: &'static str,
    resource: &'a str,
    resource_type: &'static str,
    resource_owner_account: String,
    evidence: EvidenceRow<'a>,
    details: DetailsRow<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EvidenceRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    known_since: Option<String>,
    sources: Vec<SourceRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<CountsRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<KeptRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocked_by_boundary: Vec<BlockedRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceRow<'a> {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<SpanRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    says: &'a str,
}

#[derive(Serialize)]
struct SpanRow {
    from: String,
    to: String,
}

impl From<ObservationWindow> for SpanRow {
    fn from(window: ObservationWindow) -> SpanRow {
        SpanRow { from: window.from.to_string(), to: window.to.to_string() }
    }
}

#[derive(Serialize)]
struct KeptRow {
    state: &'static str,
    reason: &'static str,
    actions: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockedRow<'a> {
    service_namespace: &'a str,
    actions: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountsRow {
    granted: usize,
    used: usize,
    unused: usize,
    unobservable: usize,
    unknown: usize,
    blocked_by_boundary: usize,
    denied: usize,
    uncatalogued: usize,
}

impl From<StateCounts> for CountsRow {
    fn from(counts: StateCounts) -> CountsRow {
        let granted = counts.granted();
        let StateCounts { used, unused, unobservable, unknown, blocked, denied, uncatalogued } = counts;
        CountsRow { granted, used, unused, unobservable, unknown, blocked_by_boundary: blocked, denied, uncatalogued }
    }
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum DetailsRow<'a> {
    Key {
        #[serde(skip_serializing_if = "Option::is_none")]
        access_key_id: Option<&'a str>,
        slot: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_accessed: Option<String>,
    },
    Whole {
        #[serde(skip_serializing_if = "Option::is_none")]
        last_accessed: Option<String>,
    },
    Permissions(Vec<ServiceRow<'a>>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceRow<'a> {
    service_namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<ActionRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_accessed: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionRow<'a> {
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_accessed: Option<String>,
}

impl<'a> FindingRow<'a> {
    /// The row of one finding.
    #[must_use]
    pub fn new(finding: &'a Finding<'a>) -> FindingRow<'a> {
        let sources = finding.evidence.iter().map(|testimony| SourceRow {
            source: testimony.source.as_str(),
            window: testimony.window.map(SpanRow::from),
            last_seen: text(testimony.last_seen),
            says: &testimony.says,
        });
        let mut evidence = EvidenceRow {
            known_since: text(finding.known_since),
            sources: sources.collect(),
            permissions: None,
            kept: Vec::new(),
            blocked_by_boundary: Vec::new(),
        };
        let details = match &finding.details {
            Details::Role { last_accessed } | Details::Password { last_accessed } => {
                DetailsRow::Whole { last_accessed: text(*last_accessed) }
            }
            Details::AccessKey { slot, id, last_accessed } => {
                DetailsRow::Key { access_key_id: id.map(|id| id.as_str()), slot: *slot, last_accessed: text(*last_accessed) }
            }
            Details::Permissions(permissions) => {
                evidence.add(permissions);
                DetailsRow::Permissions(permissions.services().into_iter().map(service_row).collect())
            }
        };
        let role = finding.resource.kind() == crate::access::PrincipalKind::Role;
        FindingRow {
            id: finding.id.as_str(),
            finding_type: finding.kind.as_str(),
            resource: finding.resource.as_str(),
            resource_type: if role { "AWS::IAM::Role" } else { "AWS::IAM::User" },
            resource_owner_account: finding.account().to_string(),
            evidence,
            details,
        }
    }
}

impl<'a> EvidenceRow<'a> {
    fn add(&mut self, permissions: &Permissions<'a>) {
        self.permissions = Some(permissions.counts().into());
        let kept = permissions.kept().map(|(state, reason, actions)| KeptRow { state: state.name(), reason, actions });
        self.kept = kept.collect();
        let blocked = permissions.blocked().into_iter();
        self.blocked_by_boundary =
            blocked.map(|(service_namespace, actions)| BlockedRow { service_namespace, actions }).collect();
    }
}

fn service_row(service: crate::findings::ServicePermissions<'_>) -> ServiceRow<'_> {
    let row = |(action, last): (_, Option<Timestamp>)| ActionRow { action, last_accessed: text(last) };
    ServiceRow {
        service_namespace: service.prefix,
        actions: (!service.whole).then(|| service.actions.into_iter().map(row).collect()),
        last_accessed: text(service.last_accessed),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CoverageRow<'a> {
    nothing_judged: bool,
    finding_types: Vec<TypeRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unmatched_exclusions: Vec<UnmatchedRow<'a>>,
    judged: Vec<CountRow>,
    not_judged: Vec<CountRow>,
    total: CountsRow,
    by_principal_kind: Vec<KindRow>,
    accounts: Vec<AccountRow>,
    events: EventsRow<'a>,
}

/// One type of findings: of how many (roles, keys, passwords, actions) sources could say something, and what was held back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeRow {
    finding_type: &'static str,
    unit: &'static str,
    judged: usize,
    held_back: Vec<HeldRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldRow {
    reason: &'static str,
    count: usize,
    says: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnmatchedRow<'a> {
    option: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    similar: Option<&'a str>,
}

fn type_row(coverage: &Coverage<'_>, kind: FindingKind) -> TypeRow {
    let held = |(reason, count): (crate::findings::HeldReason, usize)| HeldRow {
        reason: reason.code(),
        count,
        says: reason.says(),
        command: reason.command(),
    };
    TypeRow {
        finding_type: kind.as_str(),
        unit: unit(kind),
        judged: coverage.held.judged(kind),
        held_back: coverage.held.of(kind).into_iter().map(held).collect(),
    }
}

#[derive(Serialize)]
struct CountRow {
    what: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct KindRow {
    kind: &'static str,
    #[serde(flatten)]
    counts: CountsRow,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountRow {
    account: String,
    details_complete: bool,
    credential_report: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_report_made: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details_refuted_by_use: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    details_may_be_old: bool,
    #[serde(skip_serializing_if = "is_false")]
    credential_report_may_be_old: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_report_refuted_by_use: Option<String>,
    trails: Vec<TrailRow>,
    last_accessed_reports: ReportsRow,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrailRow {
    window: SpanRow,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<String>,
    all_regions: bool,
    data_events: Vec<String>,
    excluded_services: Vec<String>,
    gaps: Vec<GapRow>,
    #[serde(skip_serializing_if = "is_zero")]
    more_gaps: usize,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct GapRow {
    from: String,
    to: String,
    region: Option<String>,
    why: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportsRow {
    complete: usize,
    stale: usize,
    partial: usize,
    failed: usize,
    until: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventsRow<'a> {
    read: u64,
    mapped: u64,
    not_calls: u64,
    unattributable: u64,
    unmapped: Vec<UnmappedRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnmappedRow<'a> {
    event_source: &'a str,
    event_name: &'a str,
    count: u64,
}

/// What a trail lacks for the period, in words.
#[must_use]
pub fn lacks(shortfall: &Shortfall) -> String {
    match shortfall {
        Shortfall::Window(window) => format!("it only reaches from {} to {}", window.from, window.to),
        Shortfall::NotRecorded(kind) => format!("no trail records all {kind}"),
        Shortfall::Gap(gap) => {
            let region = gap.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
            format!("it has a gap from {} to {}{region}: {}", gap.from, gap.to, gap.cause)
        }
        Shortfall::Regions(regions) => {
            let names: Vec<&str> = regions.iter().map(String::as_str).collect();
            format!("it is only known to look in {}", if names.is_empty() { "no region".to_owned() } else { names.join(", ") })
        }
    }
}

impl TrailRow {
    fn new(trail: &TrailTimeline, shortfall: Option<&Shortfall>) -> TrailRow {
        let gap = |gap: &crate::usage::Gap| GapRow {
            from: gap.from.to_string(),
            to: gap.to.to_string(),
            region: gap.region.clone(),
            why: gap.cause.to_string(),
        };
        TrailRow {
            window: trail.window.into(),
            complete: shortfall.is_none(),
            lacks: shortfall.map(lacks),
            all_regions: trail.looks_everywhere(),
            data_events: trail.data_types().map(str::to_owned).collect(),
            excluded_services: trail.excluded.iter().cloned().collect(),
            gaps: trail.gaps.iter().take(GAPS).map(gap).collect(),
            more_gaps: trail.gaps.len().saturating_sub(GAPS),
        }
    }
}

impl<'a> CoverageRow<'a> {
    fn new(coverage: &'a Coverage<'a>) -> CoverageRow<'a> {
        let account = |account: &AccountSources<'_>| {
            let ReportCounts { complete, stale, partial, failed, until } = account.reports;
            AccountRow {
                account: account.id.to_string(),
                details_complete: account.details_complete,
                credential_report: account.credential_report,
                credential_report_made: text(account.credential_report_made),
                details_refuted_by_use: text(account.details_refuted_by),
                details_may_be_old: account.details_old.is_some(),
                credential_report_may_be_old: account.credentials_old,
                credential_report_refuted_by_use: text(account.credentials_refuted_by),
                trails: account.trails.iter().map(|(trail, lacks)| TrailRow::new(trail, lacks.as_ref())).collect(),
                last_accessed_reports: ReportsRow { complete, stale, partial, failed, until: text(until) },
            }
        };
        let events = coverage.events;
        let unmapped = events.unmapped.iter().map(|((source, name), count)| UnmappedRow {
            event_source: source,
            event_name: name,
            count: *count,
        });
        let unmatched = coverage
            .unmatched
            .iter()
            .map(|unmatched| UnmatchedRow { option: &unmatched.option, similar: unmatched.similar.as_deref() });
        CoverageRow {
            nothing_judged: coverage.held.nothing_judged(),
            finding_types: FindingKind::ALL.iter().map(|kind| type_row(coverage, *kind)).collect(),
            unmatched_exclusions: unmatched.collect(),
            judged: coverage.judged.iter().map(|(kind, count)| CountRow { what: kind.name(), count: *count }).collect(),
            not_judged: coverage.unjudged.iter().map(|(why, count)| CountRow { what: why.as_str(), count: *count }).collect(),
            total: coverage.total().into(),
            by_principal_kind: coverage
                .states
                .iter()
                .map(|(kind, counts)| KindRow { kind: kind.name(), counts: (*counts).into() })
                .collect(),
            accounts: coverage.accounts.iter().map(account).collect(),
            events: EventsRow {
                read: events.events,
                mapped: events.mapped,
                not_calls: events.not_api_calls.values().sum(),
                unattributable: events.unattributable.values().sum(),
                unmapped: unmapped.collect(),
            },
        }
    }
}

/// A problem as JSON.
#[derive(Serialize)]
pub struct ProblemRow<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'static str>,
}

impl<'a> ProblemRow<'a> {
    /// The row of one problem.
    #[must_use]
    pub fn new(problem: &'a InputProblem) -> ProblemRow<'a> {
        ProblemRow {
            file: &problem.file,
            place: problem.place.map(|place| place.to_string()),
            message: &problem.message,
            help: problem.help,
        }
    }
}
