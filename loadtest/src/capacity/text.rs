//! The plan for a terminal.

use std::fmt::Write;

use super::{Bill, Lever, Load, Profile};

pub fn text(profile: &Profile, load: &Load, bills: &[(Bill, Vec<Lever>)]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} requests/s in the mean, {:.0} at the peak; deadline {} s; {} zones\nprofile: {}, {} ({})",
        load.rps.value,
        load.peak_rps(),
        load.deadline_s.value,
        load.zones,
        profile.machine,
        profile.date,
        profile.command
    );
    for (bill, levers) in bills {
        tell_bill(&mut text, bill);
        tell_levers(&mut text, levers);
    }
    text
}

fn tell_bill(text: &mut String, bill: &Bill) {
    let _ = writeln!(
        text,
        "\n{}: {:.0} USD a month, {:.2} for a million images; a worker does {:.0}/s and ends at its {}",
        bill.device, bill.month, bill.million, bill.worker_per_s, bill.worker_ends_at
    );
    for count in &bill.counts {
        let _ = writeln!(
            text,
            "  {:<14}{:>7} {:<32}{:>10.0} USD",
            count.role, count.count, count.kind, count.month
        );
    }
    for (name, money) in bill.parts.iter().skip(bill.counts.len()) {
        let _ = writeln!(text, "  {name:<54}{money:>10.0} USD");
    }
    let wires: Vec<String> = bill
        .wires
        .iter()
        .map(|(name, gigabits)| format!("{name} {gigabits:.1}"))
        .collect();
    let _ = writeln!(
        text,
        "  jobs in a message: {:.1}; Gbit/s at the peak: {}",
        bill.bundle,
        wires.join(", ")
    );
    let used: Vec<String> = bill
        .used
        .iter()
        .map(|(name, part)| format!("{name} {:.0} %", part * 100.0))
        .collect();
    let _ = writeln!(
        text,
        "  used at the peak, what ends first: {}",
        used.join(", ")
    );
    if let Some(why) = &bill.impossible {
        let _ = writeln!(text, "  THIS CANNOT WORK: {why}");
    }
}

fn tell_levers(text: &mut String, levers: &[Lever]) {
    let _ = writeln!(
        text,
        "  a tenth more of this        is now   adds to the bill   because"
    );
    for lever in levers {
        let _ = writeln!(
            text,
            "  {:<28}{:>7.4}{:>+14.2} %      {}: {}",
            lever.name, lever.value, lever.adds_percent, lever.basis, lever.source
        );
    }
}
