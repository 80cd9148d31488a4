//! What the kernel says of this process, under the names that Prometheus has for it. Where there is no /proc, nothing is said.

use prometheus::proto::MetricFamily;

use crate::clock::Time;

use super::exposition::{gauge, one, sample, seconds};

pub fn families(since: Time) -> Vec<MetricFamily> {
    let mut families = vec![gauge("process_start_time_seconds", "When the process started, since 1970.", [sample(&[], seconds(since))])];
    if let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
        families.push(gauge("process_resident_memory_bytes", "Memory that the process holds.", [one(bytes)]));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // The listing itself has one open.
        families.push(gauge("process_open_fds", "Open file descriptors.", [one(open.count().saturating_sub(1))]));
    }
    if let Some(most) = std::fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(most_descriptors) {
        families.push(gauge("process_max_fds", "File descriptors that may be open.", [one(most)]));
    }
    families
}

/// `VmRSS:     1234 kB` (proc_pid_status(5)).
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `Max open files   1024   4096   files`, soft and hard (proc_pid_limits(5)).
fn most_descriptors(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        assert_eq!(resident_bytes("VmPeak:\t9 kB\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2048 * 1024));
        assert_eq!(resident_bytes("VmPeak:\t9 kB\n"), None);
        assert_eq!(
            most_descriptors("Limit  Soft  Hard\nMax open files            1024                 524288               files\n"),
            Some(1024)
        );
        assert_eq!(most_descriptors("Max open files            unlimited            unlimited            files\n"), None);
    }
}
