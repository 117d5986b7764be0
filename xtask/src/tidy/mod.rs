//! `cargo xtask tidy`: house rules that neither the compiler nor clippy knows.
//!
//! Each rule reads one file's text and says what it found; `rust`, `docs` and `manifest` hold them by kind of file.

mod docs;
mod manifest;
mod rust;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::ci::Outcome;
use crate::metadata::{Metadata, Package};
use crate::{shell, workspace};

/// Check the house rules that the compiler and clippy do not know.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Prints every finding and fails if there is one.
    pub(crate) fn run(self) -> Result<()> {
        step().map(drop)
    }
}

/// Something to mend: its line, counted from 1, and what is wrong.
#[derive(Debug, PartialEq)]
struct Finding(usize, String);

/// A step of CI.
pub(crate) fn step() -> Result<Outcome> {
    let metadata = Metadata::load()?;
    let version = metadata
        .members()
        .iter()
        .find(|member| member.name.starts_with("bedrock-llm"))
        .map(|member| member.version.clone());
    let version = version.context("no bedrock-llm crate in the workspace")?;
    let mut count = 0;
    let mut report = |path: &str, findings: Vec<Finding>| {
        count += findings.len();
        for Finding(line, what) in findings {
            println!("{path}:{line}: {what}");
        }
    };
    let files = files()?;
    for path in &files {
        let text = fs::read_to_string(workspace::root().join(path))
            .with_context(|| format!("cannot read {path}"))?;
        report(path, findings(path, &text, &version));
    }
    for member in metadata.members() {
        let path = member.manifest_path.strip_prefix(workspace::root()).unwrap_or(&member.manifest_path);
        report(&path.to_string_lossy(), features(member)?);
        for (path, finding) in idle_tests(member)? {
            report(&path, vec![finding]);
        }
    }
    if count > 0 {
        bail!("{count} breaches of the house rules");
    }
    Ok(Outcome::Noted(format!("{} files", files.len())))
}

/// Every text file that git tracks or would track.
fn files() -> Result<Vec<String>> {
    let mut git = shell::command("git");
    let list = shell::output(git.args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let ours = |path: &&str| {
        let kind = Path::new(path).extension().and_then(|kind| kind.to_str());
        matches!(kind, Some("rs" | "md" | "toml")) && workspace::root().join(path).is_file()
    };
    Ok(list.lines().filter(ours).map(str::to_owned).collect())
}

/// What the rules say of one file.
fn findings(path: &str, text: &str, version: &str) -> Vec<Finding> {
    let mut found = docs::whitespace(text);
    match Path::new(path).extension().and_then(|kind| kind.to_str()) {
        Some("rs") => {
            found.extend(rust::opens_with_docs(text));
            found.extend(docs::fences(&rust::docs(text)));
            if path.starts_with("crates/") && path.ends_with("/src/lib.rs") {
                found.extend(rust::is_an_index(text));
            }
            if path.split('/').any(|folder| folder == "src") && !path.ends_with("/tests.rs") {
                found.extend(rust::is_short(text));
            }
        }
        Some("md") => {
            found.extend(docs::fences(text));
            found.extend(docs::versions(text, version));
            let folder = workspace::root().join(path).parent().map(Path::to_path_buf).unwrap_or_default();
            found.extend(docs::links(text, |target| folder.join(target).exists()));
        }
        _ => {}
    }
    found
}

/// Features of a published crate are said in its manifest and shown in its README.
fn features(member: &Package) -> Result<Vec<Finding>> {
    let manifest = fs::read_to_string(&member.manifest_path)?;
    let readme = fs::read_to_string(member.manifest_path.with_file_name("README.md")).unwrap_or_default();
    Ok(manifest::features(&manifest, &readme))
}

/// Tests inside an example whose manifest leaves `test = true` out: `cargo test` would build and never run them.
fn idle_tests(member: &Package) -> Result<Vec<(String, Finding)>> {
    let mut found = Vec::new();
    for target in member
        .targets
        .iter()
        .filter(|target| target.kind.iter().any(|kind| kind == "example") && !target.test)
    {
        if rust::has_tests(&fs::read_to_string(&target.src_path)?) {
            let path = target.src_path.strip_prefix(workspace::root()).unwrap_or(&target.src_path);
            let what = "its tests never run: the example's manifest entry needs `test = true`";
            found.push((path.to_string_lossy().into_owned(), Finding(1, what.to_owned())));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_follow_the_kind_of_file() {
        let what = |path: &str, text: &str| findings(path, text, "0.1.0").len();
        assert_eq!(what("crates/x/src/lib.rs", "//! Docs.\nimpl X {}\n"), 1);
        assert_eq!(what("crates/x/src/x.rs", "//! Docs.\nimpl X {}\n"), 0);
        assert_eq!(what("crates/x/src/x.rs", "impl X {} \n"), 2);
        assert_eq!(what("README.md", "See [x](no-such-file.md).\n"), 1);
        assert_eq!(what("README.md", "See [x](Cargo.toml).\n"), 0);
        let long = "//! Docs.\n".repeat(501);
        assert_eq!((what("crates/x/src/x.rs", &long), what("crates/x/tests/x.rs", &long)), (1, 0));
    }
}
