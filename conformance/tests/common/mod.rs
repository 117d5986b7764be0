//! The command on folders of our own making.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// A folder with these exchanges in it.
pub(crate) fn folder(name: &str, exchanges: &[Value]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("exchanges")).unwrap();
    for (number, exchange) in exchanges.iter().enumerate() {
        std::fs::write(folder.join(format!("exchanges/{number}.json")), exchange.to_string()).unwrap();
    }
    folder
}

pub(crate) fn conformance(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.arg("--recordings").arg(folder);
    command
}
