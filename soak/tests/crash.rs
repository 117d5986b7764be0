//! A short run of the crash test.

use std::process::Command;

#[test]
fn a_killed_agent_goes_on_and_accounts_for_everything() {
    let mut crash = Command::new(env!("CARGO_BIN_EXE_soak"));
    let output = crash.args(["crash", "--kills", "16", "--seed", "6"]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("crash: seed 6, 16 kills, 0 failures"), "{out}{err}");
}
