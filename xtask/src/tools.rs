//! Cargo tools that CI needs, installed at a pinned version under `target/tools` when they are not there yet.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{shell, workspace};

/// Feature sets.
pub(crate) const HACK: Tool = Tool { name: "cargo-hack", version: "0.6.46", features: &[] };
/// Licences, bans and sources of dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", features: &[] };
/// The book. Without `serve` and `watch`, which CI does not use.
pub(crate) const MDBOOK: Tool =
    Tool { name: "mdbook", version: "0.5.4", features: &["--no-default-features", "--features", "search"] };

/// A crate with one binary of the same name.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

impl Tool {
    /// The tool as a command, installed first where need be.
    pub(crate) fn command(&self) -> Result<Command> {
        let home = workspace::target("tools");
        let binary = home.join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        let list = fs::read_to_string(home.join(".crates.toml")).unwrap_or_default();
        if !(self.listed(&list) && binary.exists()) {
            self.install(&home)?;
        }
        ensure!(binary.exists(), "cargo installed {} but not as {}", self.name, binary.display());
        Ok(shell::command(binary))
    }

    /// Built for a short build rather than a fast tool, and apart from the workspace's own artefacts.
    fn install(&self, home: &Path) -> Result<()> {
        let mut install = shell::cargo();
        install.args(["install", "--locked", "--root"]).arg(home);
        install.args([self.name, "--version", self.version]).args(self.features);
        install.env("CARGO_TARGET_DIR", workspace::target("tools-build"));
        for (setting, value) in [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "0")]
        {
            install.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        install.env_remove("RUSTFLAGS");
        shell::run(&mut install).with_context(|| format!("{} {} is not installed", self.name, self.version))
    }

    /// Whether cargo's list of what it installed names this version.
    fn listed(&self, list: &str) -> bool {
        list.contains(&format!("\"{} {} (", self.name, self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_pinned_version_for_installed() {
        let list =
            |version| format!("[v1]\n\"cargo-hack {version} (registry+https://x)\" = [\"cargo-hack\"]\n");
        assert!(HACK.listed(&list(HACK.version)));
        assert!(!HACK.listed(&list("0.6.4")));
        assert!(!HACK.listed(""));
    }
}
