//! What is the case: declared edges from `cargo metadata` and the manifests, resolved ones from `cargo tree`.
//!
//! `cargo metadata` resolves the workspace as one, so that a feature that one crate asks for counts for all;
//! `cargo tree -p` resolves a crate as its user gets it. Hence both.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use crate::metadata::{Kind, Metadata};
use crate::shell;

/// The workspace's crates, and where their manifests break the house rules for internal dependencies.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) members: Vec<Member>,
    /// Entries of `[workspace.dependencies]` that are paths without `=` and the workspace's version.
    pub(crate) not_pinned: Vec<String>,
}

/// One crate of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Declared dependencies, optional ones too.
    pub(crate) declared: Vec<(String, Kind)>,
    /// All it is built with, with all features: normal and build dependencies, however deep.
    pub(crate) closure: BTreeSet<Package>,
    /// Number of normal dependencies, however deep, with default features.
    pub(crate) default_features: usize,
    /// The same with all features.
    pub(crate) all_features: usize,
    /// Internal dependencies whose version does not come from the workspace.
    pub(crate) not_inherited: Vec<String>,
}

/// A resolved package.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The native library that its manifest says it links.
    pub(crate) links: Option<String>,
}

impl Graph {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let metadata = Metadata::load()?;
        let internal: Vec<_> = metadata.members().iter().map(|member| member.name.clone()).collect();
        let mut members = Vec::new();
        for package in metadata.members() {
            let tree = |edges: &str, features: &[&str]| tree(&package.name, edges, features);
            let mut closure = tree("normal,build", &["--all-features"])?;
            closure = closure.into_iter().map(|package| with_links(package, &metadata)).collect();
            let manifest = fs::read_to_string(&package.manifest_path)
                .with_context(|| format!("cannot read {}", package.manifest_path.display()))?;
            members.push(Member {
                name: package.name.clone(),
                declared: package.dependencies.iter().map(|each| (each.name.clone(), each.kind)).collect(),
                closure,
                default_features: tree("normal", &[])?.len(),
                all_features: tree("normal", &["--all-features"])?.len(),
                not_inherited: not_inherited(&manifest, &internal)?,
            });
        }
        let root = fs::read_to_string(crate::workspace::root().join("Cargo.toml"))?;
        Ok(Self { members, not_pinned: not_pinned(&root)? })
    }
}

impl Member {
    /// How many normal dependencies it declares.
    pub(crate) fn direct(&self) -> usize {
        let normal = self.declared.iter().filter(|(_, kind)| *kind == Kind::Normal);
        normal.map(|(name, _)| name).collect::<BTreeSet<_>>().len()
    }

    /// Names of the packages that bring C code or need a C toolchain.
    pub(crate) fn c_code(&self) -> Vec<&str> {
        self.closure.iter().filter(|package| package.needs_c()).map(|package| package.name.as_str()).collect()
    }
}

impl Package {
    fn needs_c(&self) -> bool {
        const TOOLS: &[&str] = &["cc", "cmake", "bindgen", "pkg-config", "vcpkg"];
        // `links` used as a lock against two versions in one program, and `-sys` crates written in Rust alone
        const RUST: &[&str] = &[
            "rayon-core",
            "prettyplease",
            "wasm-bindgen-shared",
            "js-sys",
            "web-sys",
            "windows-sys",
            "linux-raw-sys",
        ];
        let name = self.name.as_str();
        TOOLS.contains(&name) || (!RUST.contains(&name) && (self.links.is_some() || name.ends_with("-sys")))
    }
}

fn with_links(mut package: Package, metadata: &Metadata) -> Package {
    let known =
        metadata.packages.iter().find(|known| known.name == package.name && known.version == package.version);
    package.links = known.and_then(|known| known.links.clone());
    package
}

/// All below a crate in `cargo tree`, itself left out.
fn tree(name: &str, edges: &str, features: &[&str]) -> Result<BTreeSet<Package>> {
    let mut cargo = shell::cargo();
    cargo.args(["tree", "-p", name, "-e", edges, "--prefix", "none", "--format", "{p}"]).args(features);
    let mut packages = parse_tree(&shell::output(&mut cargo)?);
    packages.retain(|package| package.name != name);
    Ok(packages)
}

/// Lines such as `serde_derive v1.0.229 (proc-macro) (*)`.
fn parse_tree(text: &str) -> BTreeSet<Package> {
    let package = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        let version = rest.split(' ').next()?;
        Some(Package { name: name.to_owned(), version: version.to_owned(), links: None })
    };
    text.lines().filter_map(package).collect()
}

/// Internal dependencies that do not say `workspace = true`. A dev-dependency may be a bare path instead, which
/// keeps publishing free of cycles.
fn not_inherited(manifest: &str, internal: &[String]) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table);
    let mut found = Vec::new();
    for table in tables.chain([&manifest]) {
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(dependencies) = table.get(section).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies.iter().filter(|(name, _)| internal.contains(name)) {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                let bare_path = value.get("path").is_some() && value.get("version").is_none();
                if !(inherited || (section == "dev-dependencies" && bare_path)) {
                    found.push(name.clone());
                }
            }
        }
    }
    Ok(found)
}

/// Path entries of `[workspace.dependencies]` that are not `=` the workspace's version.
fn not_pinned(root: &str) -> Result<Vec<String>> {
    let root: toml::Table = root.parse()?;
    let workspace = root.get("workspace").context("the root manifest has no [workspace]")?;
    let version =
        workspace.get("package").and_then(|package| package.get("version")).and_then(toml::Value::as_str);
    let want = format!("={}", version.context("[workspace.package] has no version")?);
    let dependencies = workspace.get("dependencies").and_then(toml::Value::as_table);
    let paths = dependencies.into_iter().flatten().filter(|(_, value)| value.get("path").is_some());
    let loose = paths.filter(|(_, value)| value.get("version").and_then(toml::Value::as_str) != Some(&want));
    Ok(loose.map(|(name, _)| name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_tree() {
        let text = "bedrock-llm-schema v0.1.0 (/work/x)\nserde v1.0.229\nserde_derive v1.0.229 (proc-macro) (*)\n\n[build-dependencies]\nserde v1.0.229 (*)\n";
        let names: Vec<_> =
            parse_tree(text).into_iter().map(|package| package.name + " " + &package.version).collect();
        assert_eq!(names, ["bedrock-llm-schema 0.1.0", "serde 1.0.229", "serde_derive 1.0.229"]);
    }

    #[test]
    fn knows_c_from_a_lock() {
        let package = |name: &str, links: Option<&str>| Package {
            name: name.into(),
            version: "1".into(),
            links: links.map(Into::into),
        };
        for c in [
            package("cc", None),
            package("ring", Some("ring_core")),
            package("zstd-sys", None),
            package("cmake", None),
        ] {
            assert!(c.needs_c(), "{c:?}");
        }
        for rust in
            [package("serde", None), package("rayon-core", Some("rayon-core")), package("windows-sys", None)]
        {
            assert!(!rust.needs_c(), "{rust:?}");
        }
    }

    #[test]
    fn finds_what_is_not_inherited() {
        let manifest = r#"
            [dependencies]
            ours-a = { path = "../a", version = "1" }
            ours-b.workspace = true
            theirs = "1"
            [dev-dependencies]
            ours-c = { path = "../c" }
            ours-d = { path = "../d", version = "=1" }
            [target.'cfg(unix)'.build-dependencies]
            ours-e = "1"
        "#;
        let internal = ["ours-a", "ours-b", "ours-c", "ours-d", "ours-e"].map(str::to_owned);
        let mut found = not_inherited(manifest, &internal).unwrap();
        found.sort();
        assert_eq!(found, ["ours-a", "ours-d", "ours-e"]);
    }

    #[test]
    fn finds_what_is_not_pinned() {
        let root = r#"
            [workspace.package]
            version = "0.2.0"
            [workspace.dependencies]
            a = { path = "a", version = "=0.2.0" }
            b = { path = "b", version = "0.2.0" }
            c = { path = "c" }
            d = "1"
        "#;
        assert_eq!(not_pinned(root).unwrap(), ["b", "c"]);
    }
}
