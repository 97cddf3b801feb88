//! What the process uses of its machine, from Linux's `/proc`; 0 where that is
//! not to be had.
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// What it uses just now.
pub(super) struct Process {
    pub(super) cpu_s: f64,
    pub(super) resident_bytes: f64,
    pub(super) open_fds: f64,
    pub(super) max_fds: f64,
}

/// Looks.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn look() -> Process {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let resident_kb = std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        })
        .unwrap_or_default();
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Process {
        cpu_s: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
        resident_bytes: (resident_kb << 10) as f64,
        open_fds: open as f64,
        max_fds: getrlimit(Resource::Nofile).current.unwrap_or_default() as f64,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_there_and_uses_something() {
        let process = super::look();
        assert!(process.cpu_s > 0.0 && process.resident_bytes > 1e6);
        assert!(process.open_fds >= 3.0 && process.max_fds >= process.open_fds);
    }
}
