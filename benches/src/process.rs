//! What the system says of a process: CPU time and resident memory, from `/proc`.

use std::fs;
use std::time::Duration;

use crate::{Outcome, failed};

/// Clock ticks a second in `/proc/…/stat`; 100 on every Linux that one meets.
const TICKS: f64 = 100.0;

/// Something that uses CPU time.
#[derive(Clone, Debug)]
pub enum Watched {
    /// A process, with all its threads and those of the processes given.
    Processes(Vec<u32>),
    /// This process without the thread that asks, which is the generator's.
    Here,
}

impl Watched {
    /// The CPU time used so far.
    pub fn cpu(&self) -> Outcome<Duration> {
        match self {
            Watched::Processes(ids) => ids.iter().map(|id| cpu(&format!("/proc/{id}/stat"))).sum(),
            Watched::Here => Ok(cpu("/proc/self/stat")?.saturating_sub(cpu("/proc/thread-self/stat")?)),
        }
    }
}

/// Resident memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Now, in bytes.
    pub resident: u64,
    /// At most since the start or since [`forget_peak`].
    pub peak: u64,
}

/// The resident memory of a process.
pub fn memory(id: u32) -> Outcome<Memory> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or(format!("no {name} in /proc/{id}/status"))
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// Begins a new peak of resident memory.
pub fn forget_peak(id: u32) -> Outcome<()> {
    Ok(fs::write(format!("/proc/{id}/clear_refs"), "5")?)
}

fn cpu(stat: &str) -> Outcome<Duration> {
    let text = fs::read_to_string(stat)?;
    // The name in parentheses may hold spaces; what follows it may not.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    match (fields.get(11).map(|user| user.parse::<u64>()), fields.get(12).map(|system| system.parse::<u64>())) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(Duration::from_secs_f64((user + system) as f64 / TICKS)),
        _ => failed(format!("{stat} has no times")),
    }
}
