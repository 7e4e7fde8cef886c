//! Any bytes as a credential report: the reader never panics, and says the same of the same bytes.
#![no_main]

use leastwise::access::CredentialReport;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (report, problems) = CredentialReport::read("report.csv", bytes);
    let (again, same) = CredentialReport::read("report.csv", bytes);
    assert_eq!(format!("{report:?} {problems:?}"), format!("{again:?} {same:?}"));
});
