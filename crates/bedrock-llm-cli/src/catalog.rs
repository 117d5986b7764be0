//! Facts on models that the user gives in a file.

use std::path::Path;

use anyhow::Context as _;
use bedrock_llm_schema::Catalog;

/// The built-in facts, corrected and extended by those of a TOML file.
pub(crate) fn extended_by(file: &Path) -> anyhow::Result<Catalog> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut catalog = Catalog::builtin().clone();
    catalog.extend_toml(&text).with_context(|| format!("{} is no catalog", file.display()))?;
    Ok(catalog)
}
