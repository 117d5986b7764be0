//! Where things are: the workspace, its target folder, and the data of other projects that lies beside it.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the workspace: the folder above this package.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// A path under cargo's target folder.
pub(crate) fn target(path: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(target).join(path)
}

/// Exchanges recorded against the real service: `BEDROCK_LLM_RECORDINGS`, else `../shared/recordings`.
pub(crate) fn recordings() -> PathBuf {
    beside("BEDROCK_LLM_RECORDINGS", "../shared/recordings")
}

/// Programs that know nothing of us: `BEDROCK_LLM_CLIENTS`, else `../shared/clients`.
pub(crate) fn clients() -> PathBuf {
    beside("BEDROCK_LLM_CLIENTS", "../shared/clients")
}

fn beside(variable: &str, default: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| default.into(), PathBuf::from);
    let path = root().join(path);
    path.canonicalize().unwrap_or(path)
}

/// Whether this is CI, where nothing may be skipped for want of something.
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false" && ci != "0")
}
