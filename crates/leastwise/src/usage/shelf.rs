//! Keeps reports of last access in little memory: names once, equal lists of tracked actions once.
//!
//! Behind the ledger. A hundred thousand roles have a few thousand different lists between them. A report goes in and
//! comes out as it was; times are kept in 32 bits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ledger::ReportSummary;
use super::sources::last_accessed::{LastAccessedReport, ReportStatus, ServiceAccess};
use crate::access::{PrincipalArn, Timestamp};

/// The names and lists that reports share.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    names: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, u32>,
    lists: HashSet<Arc<[u32]>>,
}

/// A report without its principal.
#[derive(Debug)]
pub(super) struct Kept {
    completed: Option<Timestamp>,
    status: ReportStatus,
    services: Box<[KeptService]>,
}

#[derive(Debug)]
struct KeptService {
    prefix: u32,
    /// Zero for never.
    last: u32,
    tracked: Arc<[u32]>,
    /// Places in `tracked` with a time each; the others have none.
    times: Box<[(u32, u32)]>,
    doubtful: bool,
}

/// Seconds in 32 bits, good from 1970 to 2106; zero for none.
pub(super) fn narrow(time: Option<Timestamp>) -> u32 {
    time.map_or(0, |time| u32::try_from(time.seconds().max(1)).unwrap_or(u32::MAX))
}

/// The time that [`narrow`] made small.
pub(super) fn wide(seconds: u32) -> Option<Timestamp> {
    (seconds != 0).then(|| Timestamp::from_seconds(i64::from(seconds)))
}

impl Kept {
    /// The report as a whole.
    pub(super) fn summary(&self) -> ReportSummary<'_> {
        let last = self.services.iter().map(|service| service.last).max().unwrap_or_default();
        let doubtful = self.services.iter().any(|service| service.doubtful);
        ReportSummary { completed: self.completed, status: &self.status, last: wide(last), doubtful }
    }
}

impl Shelf {
    fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.by_name.insert(name, id);
        id
    }

    fn name(&self, id: u32) -> String {
        self.names.get(id as usize).map(|name| name.as_ref().to_owned()).unwrap_or_default()
    }

    /// Puts a report away.
    pub(super) fn keep(&mut self, report: LastAccessedReport) -> Kept {
        let services = report.services.into_iter().map(|service| self.keep_service(&service)).collect();
        Kept { completed: report.completed, status: report.status, services }
    }

    fn keep_service(&mut self, service: &ServiceAccess) -> KeptService {
        let ids: Vec<u32> = service.tracked.iter().map(|(name, _)| self.id(name)).collect();
        let tracked = self.lists.get(ids.as_slice()).cloned().unwrap_or_else(|| {
            let list: Arc<[u32]> = ids.into();
            self.lists.insert(list.clone());
            list
        });
        let times = service.tracked.iter().zip(0_u32..).filter_map(|((_, time), place)| Some((place, narrow(Some((*time)?)))));
        let (last, doubtful) = (narrow(service.last), service.doubtful);
        KeptService { prefix: self.id(&service.prefix), last, times: times.collect(), tracked, doubtful }
    }

    /// The report as it was.
    pub(super) fn report(&self, kept: &Kept, principal: &PrincipalArn) -> LastAccessedReport {
        let services = kept.services.iter().map(|service| {
            let mut tracked: Vec<_> = service.tracked.iter().map(|id| (self.name(*id), None)).collect();
            for (place, time) in &service.times {
                if let Some((_, known)) = tracked.get_mut(*place as usize) {
                    *known = wide(*time);
                }
            }
            let (last, doubtful) = (wide(service.last), service.doubtful);
            ServiceAccess { prefix: self.name(service.prefix), last, tracked, doubtful }
        });
        let services = services.collect();
        LastAccessedReport { principal: principal.clone(), completed: kept.completed, status: kept.status.clone(), services }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_comes_out_as_it_went_in_and_shares_its_lists() {
        let at = |text| Timestamp::parse(text);
        let service = |prefix: &str, last| ServiceAccess {
            prefix: prefix.to_owned(),
            last,
            tracked: vec![("CreateBucket".to_owned(), None), ("ListAllMyBuckets".to_owned(), at("2026-03-01"))],
            doubtful: last.is_none(),
        };
        let report = LastAccessedReport {
            principal: PrincipalArn::parse("arn:aws:iam::111122223333:role/r").unwrap(),
            completed: at("2026-04-01"),
            status: ReportStatus::Complete,
            services: vec![service("lambda", None), service("s3", at("2026-03-01"))],
        };
        let mut shelf = Shelf::default();
        let kept = shelf.keep(report.clone());
        assert_eq!(shelf.report(&kept, &report.principal), report);
        assert_eq!((shelf.names.len(), shelf.lists.len()), (4, 1));
    }
}
