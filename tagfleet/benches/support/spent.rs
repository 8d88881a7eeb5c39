//! Processor time of each process, for each request.

use loadtest::cpu::Processes;

/// Processes by what they are called here.
pub struct Parts {
    pub alone: Vec<(&'static str, u32)>,
    pub descendants: Vec<(&'static str, u32)>,
    pub groups: Vec<(&'static str, u32)>,
}

/// Microseconds a request.
pub struct Spent {
    pub parts: Vec<(&'static str, f64)>,
}

impl Parts {
    pub fn since(&self, before: &Processes, after: &Processes, requests: u64) -> Spent {
        let each = |used_s: f64| used_s * 1e6 / requests.max(1) as f64;
        let alone = self
            .alone
            .iter()
            .map(|(name, pid)| (*name, each(after.alone_s(*pid) - before.alone_s(*pid))));
        let below = |pid: u32| after.descendants_s(pid) - before.descendants_s(pid);
        let descendants = self
            .descendants
            .iter()
            .map(|(name, pid)| (*name, each(below(*pid))));
        let groups = self
            .groups
            .iter()
            .map(|(name, id)| (*name, each(after.group_s(*id) - before.group_s(*id))));
        Spent {
            parts: alone.chain(descendants).chain(groups).collect(),
        }
    }
}

impl Spent {
    pub fn sum_us(&self, names: &[&str]) -> f64 {
        self.parts
            .iter()
            .filter(|(name, _)| names.contains(name))
            .map(|(_, us)| us)
            .sum()
    }

    pub fn total_us(&self) -> f64 {
        self.parts.iter().map(|(_, us)| us).sum()
    }

    pub fn tell(&self, of: &str) {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, us)| format!("{name} {us:.0}"))
            .collect();
        println!("  {of}, CPU µs a request: {}", parts.join(", "));
    }
}
