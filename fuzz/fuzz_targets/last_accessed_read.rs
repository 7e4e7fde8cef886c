//! Any bytes as a last-accessed report: the reader never panics, names what it cannot read, and says the same of the same bytes.
#![no_main]

use leastwise::usage::LastAccessedReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = || {
        let mut reader = LastAccessedReader::default();
        reader.add("report.json", bytes);
        reader.finish()
    };
    let (reports, problems) = read();
    let (again, same) = read();
    assert_eq!((reports.len(), problems.len()), (again.len(), same.len()));
    assert_eq!(format!("{problems:?}"), format!("{same:?}"));
    // What is no JSON is never a report, and never silent.
    if serde_json::from_slice::<serde_json::Value>(bytes).is_err() {
        assert!(reports.is_empty() && !problems.is_empty());
    }
});
