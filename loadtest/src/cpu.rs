//! Processor time of processes, as the kernel counts it.

use std::{collections::HashMap, fs};

/// The unit of `/proc/…/stat`: hundredths of a second on every Linux that we know.
const TICKS_PER_S: f64 = 100.0;

/// One look at all processes of this machine.
#[derive(Clone, Debug, Default)]
pub struct Processes {
    stats: HashMap<u32, Stat>,
}

#[derive(Clone, Copy, Debug)]
struct Stat {
    parent: u32,
    group: u32,
    /// Seconds of all its threads, and of children that have ended.
    cpu_s: f64,
}

impl Processes {
    pub fn look() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Self {
            stats: pids.filter_map(|pid| Some((pid, stat(pid)?))).collect(),
        }
    }

    /// Seconds that a process alone has used; 0 where there is none.
    pub fn alone_s(&self, pid: u32) -> f64 {
        self.stats.get(&pid).map_or(0.0, |stat| stat.cpu_s)
    }

    /// Returns the seconds of all that it started, and that these started.
    pub fn descendants_s(&self, pid: u32) -> f64 {
        let children = self.stats.iter().filter(|(_, stat)| stat.parent == pid);
        children
            .map(|(child, stat)| stat.cpu_s + self.descendants_s(*child))
            .sum()
    }

    /// Returns the seconds of a process group.
    pub fn group_s(&self, group: u32) -> f64 {
        self.stats
            .values()
            .filter(|stat| stat.group == group)
            .map(|stat| stat.cpu_s)
            .sum()
    }
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Stat {
        parent: number(1)? as u32,
        group: number(2)? as u32,
        cpu_s: ticks as f64 / TICKS_PER_S,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_has_a_parent_that_it_descends_from() {
        let before = Processes::look();
        let me = std::process::id();
        let mut sum = 0_u64;
        while Processes::look().alone_s(me) - before.alone_s(me) < 0.05 {
            sum = (0..1_000_000_u64).fold(sum, |sum, n| sum.wrapping_add(n * n));
        }
        std::hint::black_box(sum);
        let after = Processes::look();
        let parent = after.stats[&me].parent;
        assert!(after.descendants_s(parent) >= after.alone_s(me));
        assert!(after.group_s(after.stats[&me].group) >= after.alone_s(me));
    }
}
