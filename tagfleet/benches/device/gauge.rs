//! What the device itself says while something runs on it.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ai_worker::engine::Device;

const EVERY: Duration = Duration::from_millis(200);

/// Looks until it is asked.
pub struct Gauge {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Vec<Look>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    used_mib: f64,
    busy_percent: f64,
}

#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub peak_mib: f64,
    /// Mean; `None` where nobody counts it.
    pub busy: Option<f64>,
}

impl Gauge {
    /// On a CPU it looks at the memory of the process `pid` alone.
    pub fn start(device: Device, pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let looking = thread::spawn(move || {
            let mut looks = Vec::new();
            while !stopped.load(Relaxed) {
                looks.extend(if device.is_gpu() {
                    gpu(device.id())
                } else {
                    process(pid)
                });
                thread::sleep(EVERY);
            }
            looks
        });
        Self { stop, looking }
    }

    pub fn stop(self, device: Device) -> Seen {
        self.stop.store(true, Relaxed);
        let looks = self.looking.join().expect("looking does not panic");
        let peak_mib = looks.iter().map(|look| look.used_mib).fold(0.0, f64::max);
        let busy = looks
            .iter()
            .map(|look| look.busy_percent / 100.0)
            .sum::<f64>()
            / looks.len() as f64;
        Seen {
            peak_mib,
            busy: device.is_gpu().then_some(busy),
        }
    }
}

fn gpu(id: i32) -> Option<Look> {
    let asked = Command::new("nvidia-smi")
        .args([
            "--id",
            &id.to_string(),
            "--query-gpu=memory.used,utilization.gpu",
            "--format=csv,noheader,nounits",
        ])
        .output()
        .ok()?;
    let answer = String::from_utf8(asked.stdout).ok()?;
    let (used, busy) = answer.trim().split_once(", ")?;
    Some(Look {
        used_mib: used.parse().ok()?,
        busy_percent: busy.parse().ok()?,
    })
}

fn process(pid: u32) -> Option<Look> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .strip_suffix(" kB")?;
    Some(Look {
        used_mib: kib.trim().parse::<f64>().ok()? / 1024.0,
        busy_percent: 0.0,
    })
}

/// In words.
pub fn machine(device: Device) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpu = format!(
        "{cores} cores of {}",
        cpu.trim_start_matches([':', '\t', ' '])
    );
    let query = [
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader",
    ];
    let gpus = Command::new("nvidia-smi")
        .args(["--id", &device.id().to_string()])
        .args(query)
        .output();
    match gpus
        .ok()
        .filter(|_| device.is_gpu())
        .and_then(|output| String::from_utf8(output.stdout).ok())
    {
        Some(gpu) => format!("{}; {cpu}", gpu.trim()),
        None => cpu,
    }
}
