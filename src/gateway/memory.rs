//! How much memory the process holds, how much it may hold, and what follows when that becomes tight.
//!
//! Invariant: the decision is pure, and made of what the kernel says the process holds (not of what was asked for).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Time;
use crate::config::MemoryCap;
use crate::edge::Room;

use super::house::House;

/// Between two looks. What comes in meanwhile finds room in the last tenth below the cap.
const LOOK: Duration = Duration::from_millis(100);
/// Percent of the cap: from the first on new connections are turned away, below the second no longer.
const SHORT: u64 = 90;
const ENOUGH: u64 = 80;
/// What was given up is seen only when the allocator has given it back, ten seconds later.
const UNTIL_STRANGERS: Duration = Duration::from_secs(15);
const UNTIL_IDLERS: Duration = Duration::from_secs(30);

/// The process's memory as all may read it.
pub struct Memory {
    /// Bytes.
    pub cap: u64,
    resident: AtomicU64,
    short: AtomicBool,
    /// Kept open, so that it can be read also when there is no descriptor left.
    statm: Option<File>,
}

impl Memory {
    pub fn begin(cap: MemoryCap) -> Self {
        let total = available();
        let cap = match cap {
            MemoryCap::Share(percent) => total.map_or(u64::MAX, |total| percent_of(total, u64::from(percent))),
            MemoryCap::Bytes(bytes) => bytes,
        };
        if let Some(total) = total.filter(|total| cap > *total) {
            tracing::warn!(
                "caps.memory is {}, but there is only {}: lower it, or the system will end the gateway before the cap is reached",
                shown(cap),
                shown(total)
            );
        }
        let statm = File::open("/proc/self/statm").ok();
        let memory = Self { cap, resident: AtomicU64::new(0), short: AtomicBool::new(false), statm };
        memory.look();
        memory
    }

    /// Bytes, at the last look.
    pub fn resident(&self) -> u64 {
        self.resident.load(Ordering::Relaxed)
    }

    /// Whether new connections are turned away.
    pub fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    pub fn shortage(&self) -> Option<String> {
        self.is_short().then(|| {
            format!(
                "memory is short ({} of {}): new connections are turned away; raise caps.memory, or lower caps.connections",
                shown(self.resident()),
                shown(self.cap)
            )
        })
    }

    /// Asks the kernel. `None`: it does not say.
    fn look(&self) -> Option<u64> {
        let mut line = [0; 128];
        let count = self.statm.as_ref()?.read_at(&mut line, 0).ok()?;
        let pages = resident_pages(line.get(..count)?)?;
        let bytes = pages.saturating_mul(rustix::param::page_size() as u64);
        self.resident.store(bytes, Ordering::Relaxed);
        Some(bytes)
    }
}

/// Looks again and again, and has connections turned away or ended while memory is short.
pub async fn watch(house: Arc<House>) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pressure = Pressure::new(house.memory.cap);
    loop {
        tick.tick().await;
        let Some(resident) = house.memory.look() else {
            return tracing::warn!("the system does not say how much memory the gateway holds, so caps.memory is not watched");
        };
        let before = pressure.room;
        let room = pressure.feel(resident, house.clock.now());
        house.memory.short.store(room != Room::Enough, Ordering::Relaxed);
        house.front.set_room(room);
        tell(&house, before, room);
    }
}

/// Each step is told once in an episode.
fn tell(house: &House, before: Room, room: Room) {
    let (resident, cap) = (shown(house.memory.resident()), shown(house.memory.cap));
    match room {
        Room::Enough if before != Room::Enough => {
            let counts = house.front.counts();
            tracing::warn!(
                "memory is no longer short ({resident} of {cap}): new connections are taken again; since the start {} were turned away and {} ended",
                counts.turned_away,
                counts.relieved
            );
        }
        Room::Little if before == Room::Enough => tracing::error!(
            "memory is short: the gateway holds {resident} of the {cap} that caps.memory allows. New connections are turned away until it is below {ENOUGH}%; who works over an open one goes on. Look at `yumen status` for who is connected; raise caps.memory if the machine has more, or lower caps.connections"
        ),
        Room::NoneForIdlers if before != Room::NoneForIdlers => tracing::error!(
            "memory is still short ({resident} of {cap}) though all strangers' connections were ended; those of signed-in people end too where nothing is under way"
        ),
        _ => {}
    }
}

/// What the readings so far come to.
struct Pressure {
    short: u64,
    enough: u64,
    cap: u64,
    /// Since when there has been too little without a pause.
    since: Option<Time>,
    room: Room,
}

impl Pressure {
    fn new(cap: u64) -> Self {
        Self { short: percent_of(cap, SHORT), enough: percent_of(cap, ENOUGH), cap, since: None, room: Room::Enough }
    }

    /// How much room there is for connections when the process holds so many bytes.
    fn feel(&mut self, resident: u64, now: Time) -> Room {
        self.room = if resident >= self.short {
            let lasts = now.since(*self.since.get_or_insert(now));
            match lasts {
                lasts if lasts >= UNTIL_IDLERS => Room::NoneForIdlers,
                lasts if lasts >= UNTIL_STRANGERS || resident >= self.cap => Room::NoneForStrangers,
                _ => Room::Little,
            }
        } else {
            self.since = None;
            // Below the upper mark nothing more is taken from anybody, but the door stays shut until there is some to spare.
            if resident >= self.enough && self.room != Room::Enough { Room::Little } else { Room::Enough }
        };
        self.room
    }
}

fn percent_of(whole: u64, percent: u64) -> u64 {
    whole.checked_div(100).unwrap_or(0).saturating_mul(percent)
}

/// `size resident shared …`, in pages (proc_pid_statm(5)).
fn resident_pages(statm: &[u8]) -> Option<u64> {
    std::str::from_utf8(statm).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// What the machine has, or less where a control group says so.
fn available() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let total = read(Path::new("/proc/meminfo")).as_deref().and_then(total_bytes);
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    total.into_iter().chain(smallest_limit(&groups, read)).min()
}

/// `MemTotal:       16303012 kB` (proc_meminfo(5)).
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The tightest limit of the process's control groups and of those around them (cgroups(7)); a container sees its own group as the root.
fn smallest_limit(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (base, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let inner = PathBuf::from(base).join(path.trim_start_matches('/'));
        for directory in inner.ancestors().take_while(|directory| directory.starts_with(base)) {
            limits.extend(read(&directory.join(file)).and_then(|limit| limit.trim().parse::<u64>().ok()));
        }
    }
    limits.into_iter().min()
}

/// As people read it: `1.5 GiB`.
pub fn shown(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")];
    let (size, name) = UNITS.into_iter().find(|(size, _)| bytes >= *size).unwrap_or((1 << 10, "KiB"));
    let tenths = bytes.saturating_mul(10).checked_div(size).unwrap_or(0);
    format!("{}.{} {name}", tenths.checked_div(10).unwrap_or(0), tenths.checked_rem(10).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(0).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn the_door_shuts_before_the_cap_and_opens_when_there_is_some_to_spare() {
        let mut pressure = Pressure::new(1000);
        for (resident, room) in [
            (899, Room::Enough),
            (900, Room::Little),
            (899, Room::Little),
            (800, Room::Little),
            (799, Room::Enough),
            (800, Room::Enough),
            (899, Room::Enough),
            (950, Room::Little),
            (0, Room::Enough),
        ] {
            assert_eq!(pressure.feel(resident, at(0)), room, "{resident}");
        }
    }

    #[test]
    fn what_lasts_takes_more_and_what_falls_begins_anew() {
        let mut pressure = Pressure::new(1000);
        assert_eq!(pressure.feel(950, at(0)), Room::Little);
        assert_eq!(pressure.feel(950, at(14)), Room::Little);
        assert_eq!(pressure.feel(950, at(15)), Room::NoneForStrangers);
        assert_eq!(pressure.feel(950, at(29)), Room::NoneForStrangers);
        assert_eq!(pressure.feel(950, at(30)), Room::NoneForIdlers);
        assert_eq!(pressure.feel(850, at(31)), Room::Little, "between the marks only the door stays shut");
        assert_eq!(pressure.feel(950, at(40)), Room::Little);
        assert_eq!(pressure.feel(950, at(54)), Room::Little);
        assert_eq!(pressure.feel(950, at(55)), Room::NoneForStrangers);
    }

    #[test]
    fn at_the_cap_strangers_go_at_once() {
        let mut pressure = Pressure::new(1000);
        assert_eq!(pressure.feel(1000, at(0)), Room::NoneForStrangers);
        assert_eq!(pressure.feel(999, at(1)), Room::Little);
    }

    #[test]
    fn the_tightest_group_around_the_process_counts() {
        let read = |path: &Path| {
            let limit = match path.to_str().unwrap() {
                "/sys/fs/cgroup/system.slice/yumen.service/memory.max" => "max\n",
                "/sys/fs/cgroup/system.slice/memory.max" => "1073741824\n",
                "/sys/fs/cgroup/memory/box/memory.limit_in_bytes" => "536870912\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "9223372036854771712\n",
                "/sys/memory.max" | "/memory.max" => panic!("outside of the groups"),
                _ => return None,
            };
            Some(limit.to_owned())
        };
        assert_eq!(smallest_limit("0::/system.slice/yumen.service\n", read), Some(1 << 30));
        assert_eq!(smallest_limit("9:name=systemd:/\n4:cpu,memory:/box/inner\n0::/\n", read), Some(1 << 29));
        assert_eq!(smallest_limit("0::/\n", read), None);
        assert_eq!(smallest_limit("nonsense", read), None);
    }

    #[test]
    fn the_kernels_words_are_read() {
        assert_eq!(resident_pages(b"5000 1234 800 1 0 900 0\n"), Some(1234));
        assert_eq!(resident_pages(b""), None);
        assert_eq!(total_bytes("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2048 * 1024));
        let memory = Memory::begin(MemoryCap::Share(50));
        assert!(memory.resident() > 1 << 20 && memory.cap > memory.resident(), "{} of {}", memory.resident(), memory.cap);
    }

    #[test]
    fn sizes_are_told_in_the_largest_unit_with_one_digit() {
        for (bytes, told) in [(0, "0.0 KiB"), (1536, "1.5 KiB"), (512 << 20, "512.0 MiB"), (3 << 29, "1.5 GiB"), (1 << 40, "1.0 TiB")] {
            assert_eq!(shown(bytes), told);
        }
    }
}
