//! Processor time of processes, from /proc. It knows pids and ticks.

/// Ticks per second of the times in /proc (fixed at 100 for user space on Linux).
const TICKS_PER_SECOND: u64 = 100;

/// The fields of /proc/PID/stat after the name, which may contain anything.
fn fields(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

fn number(fields: &[String], index: usize) -> u64 {
    fields.get(index).and_then(|f| f.parse().ok()).unwrap_or(0)
}

/// Milliseconds of processor time that `pid` used so far (user and system, all threads).
pub fn process_ms(pid: u32) -> u64 {
    let Some(f) = fields(pid) else { return 0 };
    (number(&f, 11) + number(&f, 12)) * 1_000 / TICKS_PER_SECOND
}

/// The same for `pid`, its children that live and its children that ended.
pub fn family_ms(pid: u32) -> u64 {
    let Some(own) = fields(pid) else { return 0 };
    let ended = (number(&own, 13) + number(&own, 14)) * 1_000 / TICKS_PER_SECOND;
    let children: u64 = std::fs::read_dir("/proc")
        .map(|entries| {
            entries
                .flatten()
                .filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok()))
                .filter(|child| fields(*child).is_some_and(|f| number(&f, 1) == u64::from(pid)))
                .map(process_ms)
                .sum()
        })
        .unwrap_or(0);
    process_ms(pid) + ended + children
}
