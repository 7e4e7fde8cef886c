//! Writes the truth: per principal what is granted and what is known of its use, and the findings that must come out.
//!
//! Last step of the generator. States follow from what was decided and from which files are there and whole, by the rules
//! of evidence as the generator states them in `rules`; no file is read back and nothing of the product is asked.

use std::io;

use crate::organization::{KeyUse, Kind, Organization, Outcome, Principal};
use crate::reports::{report_is_damaged, service_last};
use crate::services::{Action, Bits, Logged};
use crate::text::quote;
use crate::time::{DAY, zulu};
use crate::trail::{DATA_TYPES, Seen, Shown, is_logged};
use crate::{Damage, FileKind, Options, Sink, Trails};

const RULES: &str = "known actions: those of service-reference/, also for `*` and NotAction; a `*` of the analysis must be taken over the same catalogue. \
used: let in within the period, and in a last-accessed report that is there and whole (tracked actions) or in a log file that is. \
unused: not used, and (a whole report shows no use of the tracked action, or nothing of the service, in the period; or its call is logged and the account's \
log is whole over the period and has no call of the principal of an unknown name of the service); never for a permission checked in another service's \
call or in a logged call of another action. \
unknown: not used, and a source that should show it is damaged or has a gap, or the unknown name. unobservable: the rest. \
onlyLogs: what it did last shows in the logs alone, as IAM counts no assumption of a role, and the last hours not yet. \
blocked and denied: granted, but taken away by the boundary or by an unconditional Deny on every resource; they have no state. \
exact false: a damaged file concerns the principal, and findings and unused actions may only be fewer than listed.";

#[derive(Default)]
struct States {
    used: Vec<(usize, Shown)>,
    unused: Bits,
    unobservable: Bits,
    unknown: Bits,
}

pub(crate) fn write(organization: &Organization, options: &Options, seen: &Seen, sink: &mut Sink<'_>) -> io::Result<()> {
    let truth = Truth { organization, options, seen };
    let mut text = String::from("{\n");
    let members = [
        ("rules", quote(RULES)),
        ("catalogue", quote("service-reference")),
        ("seed", options.seed.to_string()),
        ("asOf", quote(&zulu(options.as_of))),
        ("trackingPeriod", options.tracking_period.to_string()),
        ("periodStart", quote(&zulu(organization.period_start))),
        ("logStart", quote(&zulu(organization.log_start))),
        ("dataEvents", truth.data_types()),
        ("accounts", truth.accounts()),
    ];
    for (key, value) in members {
        text.push_str(&format!("\"{key}\": {value},\n"));
    }
    let mut findings = Vec::new();
    text.push_str("\"principals\": [\n");
    for (at, principal) in organization.principals.iter().enumerate() {
        if at > 0 {
            text.push_str(",\n");
        }
        text.push_str(&truth.principal(at, principal, &mut findings));
    }
    findings.sort();
    text.push_str(&format!("\n],\n\"findings\": [\n{}\n]\n}}\n", findings.join(",\n")));
    sink.plain("truth.json", text.as_bytes())
}

struct Truth<'t> {
    organization: &'t Organization,
    options: &'t Options,
    seen: &'t Seen,
}

impl Truth<'_> {
    fn data_types(&self) -> String {
        let types = DATA_TYPES.iter().filter(|_| self.options.data_events).map(|(_, kind)| quote(kind));
        format!("[{}]", types.collect::<Vec<_>>().join(", "))
    }

    fn accounts(&self) -> String {
        let account = |(id, covered): (&String, &Option<bool>)| {
            let log = match covered {
                None => "none",
                Some(true) => "complete",
                Some(false) => "incomplete",
            };
            format!("{{\"id\": \"{id}\", \"log\": \"{log}\"}}")
        };
        let accounts: Vec<String> = self.organization.accounts.iter().zip(&self.seen.covered).map(account).collect();
        format!("[{}]", accounts.join(", "))
    }

    /// The last-accessed report: there and whole, damaged, or not there.
    fn report(&self, at: usize) -> Option<bool> {
        let damage = self.options.damage_of(FileKind::LastAccessed);
        (damage != Some(Damage::LeaveOut)).then(|| !report_is_damaged(at, damage))
    }

    fn damaged(&self, source: FileKind) -> bool {
        matches!(self.options.damage_of(source), Some(Damage::Truncate | Damage::Corrupt))
    }

    /// Whether the findings about the principal must be exactly those listed.
    fn exact(&self, at: usize, principal: &Principal) -> bool {
        let hit = [FileKind::AccountDetails, FileKind::CloudTrail, FileKind::CredentialReport]
            .iter()
            .any(|source| self.damaged(*source));
        let reference = self.options.damage_of(FileKind::ServiceReference).is_some();
        let nothing = self.options.damage_of(FileKind::AccountDetails) == Some(Damage::LeaveOut);
        !(reference || nothing || (hit && principal.account == 0) || self.report(at) == Some(false))
    }

    fn in_period(&self, time: i64) -> bool {
        time >= self.organization.period_start
    }

    fn states(&self, at: usize, principal: &Principal, shown: &[Shown]) -> States {
        let mut states = States::default();
        if !principal.can_act() {
            // No source looks at a group: what its members use is theirs.
            states.unobservable = principal.effective;
            return states;
        }
        let report = self.report(at);
        let log = self.seen.covered.get(principal.account).copied().flatten();
        for number in principal.effective.iter() {
            let Some(action) = self.organization.table.actions.get(number) else { continue };
            if let Some(shown) = self.visible_use(principal, shown, number, action, report) {
                states.used.push((number, shown));
                continue;
            }
            let carrier = self.organization.table.carrier(number);
            let logged = log.is_some() && is_logged(self.organization, self.options, carrier);
            // Data events that are recorded since the middle of the period only leave a gap before.
            let data = self.organization.table.actions.get(carrier).is_some_and(|a| a.logged == Logged::Data);
            let whole = log == Some(true) && !(data && self.options.trails == Trails::Several);
            let carried =
                carrier != number
                    && principal.uses.iter().zip(shown).any(|(used, shown)| {
                        used.action == carrier && shown.logged.is_some_and(|(_, last)| self.in_period(last))
                    });
            let service = service_last(self.organization, principal, shown, action.service);
            let service_silent = service.is_none_or(|last| !self.in_period(last));
            let reported = action.logged != Logged::Elsewhere && (action.tracked || service_silent);
            let barred = principal.unmapped.is_some_and(|(service, _)| log.is_some() && service == action.service);
            let set = if action.logged == Logged::Elsewhere || carried {
                &mut states.unobservable
            } else if report == Some(true) && reported {
                &mut states.unused
            } else if barred {
                &mut states.unknown
            } else if logged && whole {
                &mut states.unused
            } else if report == Some(false) || (logged && !whole) {
                &mut states.unknown
            } else {
                &mut states.unobservable
            };
            set.add(number);
        }
        states
    }

    /// What the files show of a use within the period.
    fn visible_use(
        &self,
        principal: &Principal,
        shown: &[Shown],
        number: usize,
        action: &Action,
        report: Option<bool>,
    ) -> Option<Shown> {
        let mut uses = principal.uses.iter().zip(shown).filter(|(used, _)| used.action == number && used.what == Outcome::Used);
        let (_, shown) = uses.next()?;
        let reported = report == Some(true) && action.tracked;
        (reported || shown.logged.is_some_and(|(_, last)| self.in_period(last))).then_some(*shown)
    }

    fn principal(&self, at: usize, principal: &Principal, findings: &mut Vec<String>) -> String {
        let arn = principal.arn(self.organization);
        let shown = self.seen.uses.get(at).map(Vec::as_slice).unwrap_or_default();
        let kind = match principal.kind {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Role => "role",
            Kind::ServiceLinked => "serviceLinkedRole",
            Kind::PermissionSet => "permissionSetRole",
        };
        let exact = self.exact(at, principal);
        let states = self.states(at, principal, shown);
        let young = principal.created >= self.organization.period_start;
        let judged = !young && matches!(principal.kind, Kind::User | Kind::Role | Kind::PermissionSet);
        let mut services = Vec::new();
        let mut unused = Vec::new();
        for place in 0..self.organization.table.services.len() {
            let own = |set: Bits| self.organization.table.of_service(place).filter(|a| set.has(*a)).collect::<Vec<usize>>();
            if own(principal.granted).is_empty() {
                continue;
            }
            let prefix = self.organization.table.services.get(place).map_or("", |s| s.prefix);
            let names = |actions: &[usize]| {
                format!("[{}]", actions.iter().map(|a| quote(self.organization.table.name(*a).1)).collect::<Vec<_>>().join(", "))
            };
            let of_service = |number: usize| self.organization.table.actions.get(number).is_some_and(|a| a.service == place);
            let used = states.used.iter().filter(|(number, _)| of_service(*number)).map(|(number, shown)| {
                format!(
                    "{{\"action\": {}, \"last\": \"{}\", \"logged\": {}}}",
                    quote(self.organization.table.name(*number).1),
                    zulu(shown.last),
                    shown.count
                )
            });
            let gone = own(states.unused);
            let whole = gone.len() == own(principal.effective).len();
            services.push(format!(
                "    {{\"service\": \"{prefix}\", \"used\": [{}], \"unused\": {}, \"unobservable\": {}, \"unknown\": {}, \"blocked\": {}, \"denied\": {}}}",
                used.collect::<Vec<_>>().join(", "),
                names(&gone),
                names(&own(states.unobservable)),
                names(&own(states.unknown)),
                names(&own(principal.blocked)),
                names(&own(principal.denied)),
            ));
            if !gone.is_empty() {
                unused.push(format!("{{\"service\": \"{prefix}\", \"all\": {whole}, \"actions\": {}}}", names(&gone)));
            }
        }
        if judged {
            let finding = |kind: &str, more: String| {
                format!("  {{\"findingType\": \"{kind}\", \"resource\": \"{arn}\", \"exact\": {exact}{more}}}")
            };
            if principal.kind != Kind::User && !principal.is_active() {
                findings.push(finding("UnusedIAMRole", String::new()));
            } else if principal.is_active() && !unused.is_empty() {
                findings.push(finding("UnusedPermission", format!(", \"unused\": [{}]", unused.join(", "))));
            }
            if principal.kind == Kind::User && self.options.damage_of(FileKind::CredentialReport) != Some(Damage::LeaveOut) {
                self.credentials(principal, &finding, findings);
            }
        }
        // Its life shows in the logs alone: IAM counts requests, and not the last hours' yet.
        let late = principal.keys.iter().any(|key| matches!(key.used, KeyUse::Late(_)))
            || principal.password.is_some_and(|password| password.late.is_some());
        let only_logs = late || principal.late || principal.assumed.is_some();
        let groups = principal.groups.iter().filter_map(|g| self.organization.principals.get(*g)).map(|g| quote(&g.name));
        format!(
            "  {{\"arn\": \"{arn}\", \"kind\": \"{kind}\", \"created\": \"{}\", \"judged\": {judged}, \"active\": {}, \"exact\": {exact}, \
             \"onlyLogs\": {only_logs}, \"groups\": [{}], \"services\": [\n{}\n  ]}}",
            zulu(principal.created),
            principal.is_active(),
            groups.collect::<Vec<_>>().join(", "),
            services.join(",\n")
        )
    }

    fn credentials(&self, user: &Principal, finding: &dyn Fn(&str, String) -> String, findings: &mut Vec<String>) {
        let keys_listed = self.options.damage_of(FileKind::AccessKeys).is_none();
        for (slot, key) in user.keys.iter().enumerate() {
            let idle = !matches!(key.used, KeyUse::Now | KeyUse::Late(_));
            if key.active && idle && !self.in_period(key.made) {
                let id = if keys_listed { format!(", \"accessKeyId\": \"{}\"", key.id) } else { String::new() };
                findings.push(finding("UnusedIAMUserAccessKey", format!(", \"slot\": {}{id}", slot + 1)));
            }
        }
        if let Some(password) = user.password
            && password.used.max(password.late).is_none_or(|at| !self.in_period(at))
            && password.changed < self.organization.period_start - DAY
        {
            findings.push(finding("UnusedIAMUserPassword", String::new()));
        }
    }
}
