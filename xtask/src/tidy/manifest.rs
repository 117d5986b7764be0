//! Rules for `Cargo.toml`.

use super::Finding;

/// Every public feature has a `##` line above it and its name in the crate's README.
pub(super) fn features(manifest: &str, readme: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut said = false;
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim() == "[features]";
        }
        let name = line.split_once('=').map(|(name, _)| name.trim().trim_matches('"'));
        // continued lines of a list are indented
        let name = name.filter(|_| inside && !line.starts_with([' ', '\t', '#']));
        if let Some(name) = name.filter(|name| *name != "default" && !name.starts_with("__")) {
            if !said {
                found.push(Finding(number + 1, format!("feature {name} has no `##` line above it")));
            }
            if !readme.contains(&format!("`{name}`")) {
                found.push(Finding(number + 1, format!("feature {name} is not in the crate's README")));
            }
        }
        said = line.starts_with("## ") || (said && line.starts_with('#'));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_explained_twice() {
        let manifest = "[package]\nname = \"x\"\n[features]\ndefault = [\"a\"]\n## Adds a.\na = []\nb = [\n    \"dep:b\",\n]\n__private = []\n[dependencies]\nc = \"1\"\n";
        assert_eq!(features(manifest, "| `a` | | `b` |").len(), 1);
        let found = features(manifest, "| `b` |");
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [6, 7]);
    }
}
