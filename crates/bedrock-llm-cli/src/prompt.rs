//! Where a question comes from.

use std::io::{IsTerminal as _, Read as _};

use anyhow::Context as _;

/// The question: as it was given, else standard input, else none, where that is a terminal.
pub(crate) fn of(given: Option<&str>) -> anyhow::Result<Option<String>> {
    if given.is_some() || std::io::stdin().is_terminal() {
        return Ok(given.map(str::to_owned));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the question from standard input")?;
    Ok(Some(text))
}
