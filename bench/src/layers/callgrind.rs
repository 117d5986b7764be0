//! Instructions a call takes, by valgrind's callgrind: the same in every run, however busy the machine is.

use std::process::Command;

use anyhow::{Context as _, ensure};

/// Calls of the two runs whose difference is counted, so that start and end of the process cancel out.
const FEW: u32 = 50;
const MANY: u32 = 250;

/// Whether there is a valgrind on this machine.
pub(super) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

pub(super) fn per_call(subject: &str) -> anyhow::Result<i64> {
    let (few, many) = (count(subject, FEW)?, count(subject, MANY)?);
    Ok((many - few) / i64::from(MANY - FEW))
}

fn count(subject: &str, calls: u32) -> anyhow::Result<i64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["layers", "--subject", subject, "--calls", &calls.to_string()])
        .output()
        .context("valgrind did not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed: {said}");
    // "==123== Collected : 4567"
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.with_context(|| format!("valgrind says no count: {said}"))?;
    Ok(number.trim().parse()?)
}
