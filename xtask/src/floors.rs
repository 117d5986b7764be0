//! The lowest versions that the manifests allow: everything builds with them, too.
//!
//! Each requirement names the version that is tested, so that the lowest ones usually *are* the locked ones; then there
//! is nothing to build anew.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::ci::Outcome;
use crate::{shell, workspace};

/// A step of CI, on a copy of the workspace.
pub(crate) fn step() -> Result<Outcome> {
    let copy = workspace::target("floors");
    copy_to(&copy)?;
    let cargo = || {
        let mut cargo = shell::cargo();
        // the option is for nightly cargo alone; it changes what is resolved, not how anything is built
        cargo.current_dir(&copy).env("RUSTC_BOOTSTRAP", "1");
        cargo
    };
    shell::run(cargo().args(["update", "-Z", "direct-minimal-versions"]))
        .context("a requirement allows a version that cannot be")?;
    let read = |folder: &Path| fs::read_to_string(folder.join("Cargo.lock"));
    if read(&copy)? == read(workspace::root())? {
        return Ok(Outcome::Noted("each requirement's lowest version is the locked one".to_owned()));
    }
    let mut check = cargo();
    check.env("CARGO_TARGET_DIR", copy.join("target"));
    shell::run(check.args(["check", "--workspace", "--all-features", "--locked"]))?;
    Ok(Outcome::Passed)
}

/// What git tracks or would track, without what was left there before.
fn copy_to(copy: &Path) -> Result<()> {
    let mut git = shell::command("git");
    let list = shell::output(git.args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let sources = copy.join("crates");
    if sources.is_dir() {
        fs::remove_dir_all(sources)?;
    }
    for path in list.lines() {
        let (from, to) = (workspace::root().join(path), copy.join(path));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(copy))?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {path}"))?;
        }
    }
    Ok(())
}
