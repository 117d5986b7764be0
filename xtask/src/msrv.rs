//! The declared minimum Rust version is the AWS SDK's own, in every crate.

use anyhow::{Context, Result, bail};

use crate::ci::Outcome;
use crate::metadata::Metadata;

const SDK: &str = "aws-sdk-bedrockruntime";

/// A step of CI. It compares what is declared; building with that very toolchain is for a machine that has it.
pub(crate) fn step() -> Result<Outcome> {
    let metadata = Metadata::load()?;
    let sdk = metadata.packages.iter().find(|package| package.name == SDK);
    let sdk = sdk.with_context(|| format!("{SDK} is not among the workspace's dependencies"))?;
    let want = sdk.rust_version.as_deref().with_context(|| format!("{SDK} declares no rust-version"))?;
    let other: Vec<_> = metadata
        .members()
        .into_iter()
        .filter(|member| member.rust_version.as_deref() != Some(want))
        .map(|member| format!("{} {}", member.name, member.rust_version.as_deref().unwrap_or("none")))
        .collect();
    if !other.is_empty() {
        bail!("{SDK} {} needs Rust {want}, but declared are: {}", sdk.version, other.join(", "));
    }
    Ok(Outcome::Noted(format!("{want}, as {SDK} {} declares; not built with it", sdk.version)))
}
