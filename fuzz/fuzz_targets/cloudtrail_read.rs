//! Any bytes as a CloudTrail log, plain and packed: the reader never panics, and what it gives is counted.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use leastwise_history::{ReadOptions, read};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("leastwise-fuzz-cloudtrail-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for logs");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let is_packed = bytes.starts_with(&[0x1f, 0x8b]);
    let path = FOLDER.join(if is_packed { "log.json.gz" } else { "log.json" });
    std::fs::write(&path, bytes).expect("a log");
    let options = ReadOptions { max_unpacked: 1 << 20, max_record: 1 << 16, ..ReadOptions::default() };
    let mut given = 0;
    let reading = read(std::slice::from_ref(&path), &options, &mut |_| given += 1);
    assert_eq!(reading.events, given);
    std::fs::remove_file(&path).ok();
});
