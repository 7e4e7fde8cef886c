//! Writes what IAM reports about use: service reference, credential reports, key lists, last-accessed answers.
//!
//! Third step of the generator. The reports know every call, logged or not, and they count denied attempts as IAM does.

use std::io;

use crate::details::KNOWN;
use crate::organization::{KeyUse, Kind, Organization, Outcome, Principal};
use crate::services::Logged;
use crate::text::quote;
use crate::time::offset;
use crate::trail::{COLLECTED, REGION, Seen, Shown};
use crate::{Damage, FileKind, Sink};

/// One file a service and the list of the services, in the provider's shapes (format v1.4).
pub(crate) fn service_reference(organization: &Organization, sink: &mut Sink<'_>) -> io::Result<()> {
    let table = &organization.table;
    for (at, service) in table.services.iter().enumerate() {
        let (mut actions, mut operations) = (Vec::new(), Vec::new());
        for (number, action) in table.of_service(at).filter_map(|a| Some((a, table.actions.get(a)?))) {
            let is = |words: &[&str]| words.iter().any(|w| action.name.starts_with(w));
            let permissions = is(&["AddPermission", "RemovePermission", "AttachRole", "DetachRole", "CreateGrant", "PassRole"])
                || action.name.contains("Policy") && !is(&["Get", "List", "Describe"]);
            let list = is(&["List", "Describe"]);
            let tags = is(&["Tag", "Untag"]);
            let write = !list
                && !tags
                && !permissions
                && !is(&["Get", "Lookup", "Validate", "Scan", "Query", "BatchGet", "Decode", "Filter"]);
            actions.push(format!(
                "{{\"Name\":\"{}\",\"ActionConditionKeys\":[],\"Annotations\":{{\"Properties\":{{\"IsList\":{list},\
                 \"IsPermissionManagement\":{permissions},\"IsTaggingOnly\":{tags},\"IsWrite\":{write}}}}},\"Resources\":[],\
                 \"SupportedBy\":{{\"IAM Access Analyzer Policy Generation\":false,\"IAM Action Last Accessed\":{}}}}}",
                action.name, action.tracked
            ));
            if !matches!(action.logged, Logged::WithAnother | Logged::Elsewhere) {
                // A log's name without its version is the operation's.
                let versioned = action.event.find(|c: char| c.is_ascii_digit()).filter(|at| action.event.len() >= at + 8);
                let name = versioned.and_then(|at| action.event.get(..at)).unwrap_or(action.event);
                let authorized = table
                    .of_service(at)
                    .filter(|other| table.carrier(*other) == number)
                    .map(|other| format!("{{\"Name\":\"{}\",\"Service\":\"{}\"}}", table.name(other).1, service.prefix));
                let authorized = authorized.collect::<Vec<_>>().join(",");
                operations.push(format!("{{\"Name\":\"{name}\",\"AuthorizedActions\":[{authorized}],\"SDK\":[]}}"));
            }
        }
        let text = format!(
            "{{\"Name\":\"{}\",\"Actions\":[{}],\"ConditionKeys\":[],\"Operations\":[{}],\"Resources\":[],\"Version\":\"v1.4\"}}\n",
            service.prefix,
            actions.join(","),
            operations.join(",")
        );
        sink.put(FileKind::ServiceReference, &format!("{}.json", service.prefix), text.as_bytes(), at == 0)?;
    }
    let listed = |service: &crate::services::Service| format!("{{\"service\":\"{0}\",\"url\":\"{0}.json\"}}", service.prefix);
    let index = table.services.iter().map(listed).collect::<Vec<_>>().join(",");
    sink.put(FileKind::ServiceReference, "index.json", format!("[{index}]\n").as_bytes(), false)
}

/// The last call of a principal that was let in, or `before` when none was in the period.
fn last_used(principal: &Principal, shown: &[Shown]) -> Option<i64> {
    principal.uses.iter().zip(shown).filter(|(used, _)| used.what == Outcome::Used).map(|(_, shown)| shown.last).max()
}

/// One credential report and one list of keys an account.
pub(crate) fn credentials(organization: &Organization, seen: &Seen, sink: &mut Sink<'_>) -> io::Result<()> {
    for account in 0..organization.accounts.len() {
        let id = organization.account(account);
        let mut rows = vec![
            "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,\
             access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
             access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,\
             cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
                .to_owned(),
        ];
        let opened = organization.period_start - 2000 * 86_400;
        rows.push(format!(
            "<root_account>,arn:aws:iam::{id}:root,{},not_supported,{},not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,\
             false,N/A,false,N/A",
            offset(opened),
            offset(organization.as_of - 86_400)
        ));
        let mut lists = String::new();
        for (at, user) in organization.principals.iter().enumerate().filter(|(_, p)| p.account == account && p.kind == Kind::User)
        {
            let shown = seen.uses.get(at).map(Vec::as_slice).unwrap_or_default();
            let mut cells = vec![user.name.clone(), user.arn(organization), offset(user.created)];
            match user.password {
                Some(password) => {
                    let used = password.used.map_or("no_information".to_owned(), offset);
                    cells.extend(["true".to_owned(), used, offset(password.changed), "N/A".to_owned()]);
                }
                None => cells.extend(["false", "N/A", "N/A", "N/A"].map(str::to_owned)),
            }
            cells.push("false".to_owned());
            for slot in 0..2 {
                let Some(key) = user.keys.get(slot) else {
                    cells.extend(["false", "N/A", "N/A", "N/A", "N/A"].map(str::to_owned));
                    continue;
                };
                let used = match key.used {
                    KeyUse::Never | KeyUse::Late(_) => None,
                    KeyUse::Before(at) => Some(at),
                    KeyUse::Now => last_used(user, shown).map(|last| last.min(organization.as_of - KNOWN)),
                };
                cells.push(key.active.to_string());
                cells.push(offset(key.made));
                cells.extend(match used {
                    Some(at) => [offset(at), REGION.to_owned(), "s3".to_owned()],
                    None => ["N/A", "N/A", "N/A"].map(str::to_owned),
                });
            }
            cells.extend(["false", "N/A", "false", "N/A"].map(str::to_owned));
            rows.push(cells.join(","));
            let keys = user.keys.iter().map(|key| {
                let status = if key.active { "Active" } else { "Inactive" };
                format!(
                    "{{\"UserName\": {}, \"AccessKeyId\": \"{}\", \"Status\": \"{status}\", \"CreateDate\": \"{}\"}}",
                    quote(&user.name),
                    key.id,
                    offset(key.made)
                )
            });
            lists.push_str(&format!("{{\"AccessKeyMetadata\": [{}]}}\n", keys.collect::<Vec<_>>().join(", ")));
        }
        rows.push(String::new());
        sink.put(FileKind::CredentialReport, &format!("{id}.csv"), rows.join("\n").as_bytes(), account == 0)?;
        sink.put(FileKind::AccessKeys, &format!("{id}.json"), lists.as_bytes(), account == 0)?;
    }
    Ok(())
}

/// Whether a damage of the last-accessed reports hits the principal at this place.
pub(crate) fn report_is_damaged(at: usize, damage: Option<Damage>) -> bool {
    matches!(damage, Some(Damage::Truncate | Damage::Corrupt)) && at.is_multiple_of(3)
}

/// One answer of `get-service-last-accessed-details` a user, group or role, with the ARN that it belongs to.
pub(crate) fn last_accessed(organization: &Organization, seen: &Seen, sink: &mut Sink<'_>) -> io::Result<()> {
    if sink.options.damage_of(FileKind::LastAccessed) == Some(Damage::LeaveOut) {
        return Ok(());
    }
    let table = &organization.table;
    let (begun, done) = (offset(organization.as_of + COLLECTED - 20), offset(organization.as_of + COLLECTED));
    for (at, principal) in organization.principals.iter().enumerate().filter(|(_, p)| p.can_act()) {
        let arn = principal.arn(organization);
        let shown = seen.uses.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut services = Vec::new();
        for (place, service) in table.services.iter().enumerate() {
            let granted: Vec<usize> = table.of_service(place).filter(|a| principal.granted.has(*a)).collect();
            if granted.is_empty() {
                continue;
            }
            let of = |action: usize| principal.uses.iter().zip(shown).filter(move |(used, _)| used.action == action);
            let last = service_last(organization, principal, shown, place);
            let mut tracked = Vec::new();
            for action in granted.iter().copied().filter(|a| table.actions.get(*a).is_some_and(|a| a.tracked)) {
                let name = table.name(action).1;
                tracked.push(match of(action).map(|(_, shown)| shown.last).max() {
                    Some(last) => format!(
                        "{{\"ActionName\":\"{name}\",\"LastAccessedEntity\":\"{arn}\",\"LastAccessedTime\":\"{}\",\"LastAccessedRegion\":\"{REGION}\"}}",
                        offset(last)
                    ),
                    None => format!("{{\"ActionName\":\"{name}\"}}"),
                });
            }
            let used = match last {
                Some(last) => format!(
                    "\"LastAuthenticated\":\"{}\",\"LastAuthenticatedEntity\":\"{arn}\",\"LastAuthenticatedRegion\":\"{REGION}\",\
                     \"TotalAuthenticatedEntities\":1",
                    offset(last)
                ),
                None => "\"TotalAuthenticatedEntities\":0".to_owned(),
            };
            let tracked = if tracked.is_empty() {
                String::new()
            } else {
                format!(",\"TrackedActionsLastAccessed\":[{}]", tracked.join(","))
            };
            services.push(format!(
                "{{\"ServiceName\":{},\"ServiceNamespace\":\"{}\",{used}{tracked}}}",
                quote(&service.title),
                service.prefix
            ));
        }
        let text = format!(
            "{{\"Arn\":\"{arn}\",\"Response\":{{\"JobStatus\":\"COMPLETED\",\"JobType\":\"ACTION_LEVEL\",\"JobCreationDate\":\"{begun}\",\
             \"JobCompletionDate\":\"{done}\",\"ServicesLastAccessed\":[{}],\"IsTruncated\":false}}}}\n",
            services.join(",")
        );
        let kind = if principal.kind == Kind::User { "user" } else { "role" };
        // The path tells whose report it is, also when the text cannot.
        let name = format!("{}/{kind}{}{}.json", organization.account(principal.account), principal.path, principal.name);
        let damaged = report_is_damaged(at, sink.options.damage_of(FileKind::LastAccessed));
        sink.put(FileKind::LastAccessed, &name, text.as_bytes(), damaged)?;
    }
    Ok(())
}

/// The last attempt at anything of a service, as IAM reports it for a principal that is granted something of it.
pub(crate) fn service_last(organization: &Organization, principal: &Principal, shown: &[Shown], service: usize) -> Option<i64> {
    let of_service = |action: usize| organization.table.actions.get(action).is_some_and(|a| a.service == service);
    let uses = principal.uses.iter().zip(shown).filter(|(used, _)| of_service(used.action)).map(|(_, shown)| shown.last);
    uses.chain(principal.unmapped.filter(|(own, _)| *own == service).map(|(_, at)| at)).max()
}
