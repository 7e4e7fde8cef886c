//! CPU time of this thread and peak memory of this process, as Linux tells them.

use std::time::{Duration, Instant};

/// CPU time that this thread has used, in nanoseconds.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

/// Runs `work` once: what it gives, its CPU time and its wall time.
pub fn once<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (wall, start) = (Instant::now(), cpu());
    let result = work();
    let used = cpu() - start;
    (result, Duration::from_nanos(used), wall.elapsed())
}

/// Peak resident memory of this process so far, in megabytes.
pub fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Milliseconds with fractions.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
