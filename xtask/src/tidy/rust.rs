//! Rules for Rust source.

use super::Finding;

/// Lines of one file without its tests, beyond which it should say why.
const LONG: usize = 500;
/// Lines of a `lib.rs` that are not documentation.
const INDEX: usize = 150;

/// Every module file says what it is for before anything else.
pub(super) fn opens_with_docs(text: &str) -> Option<Finding> {
    let comment = |line: &str| line.starts_with("//") && !line.starts_with("//!");
    let first = text.lines().enumerate().find(|(_, line)| {
        let attribute = line.starts_with("#![") && !line.starts_with("#![doc");
        !(line.is_empty() || comment(line) || attribute)
    });
    let (number, line) = first.unwrap_or((0, ""));
    let opens = line.starts_with("//!") || line.starts_with("#![doc") || line.starts_with("/*!");
    (!opens).then(|| Finding(number + 1, "the file does not open with `//!`".to_owned()))
}

/// A long file says why in its first line, in a plain `//` comment.
pub(super) fn is_short(text: &str) -> Option<Finding> {
    let lines = without_tests(text).count();
    let says_why = text.lines().next().is_some_and(|line| line.starts_with("// ") && line.len() > 12);
    let what =
        format!("{lines} lines without tests, more than {LONG}: cut it, or say why in a first `//` line");
    (lines > LONG && !says_why).then_some(Finding(1, what))
}

/// `lib.rs` is the index of its crate: documentation, modules, re-exports. A macro crate must have its entry points there.
pub(super) fn is_an_index(text: &str) -> Vec<Finding> {
    let code: Vec<_> =
        text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).collect();
    if code.iter().any(|(_, line)| line.starts_with("#[proc_macro")) {
        return Vec::new();
    }
    let kinds = ["impl ", "impl<", "fn ", "struct ", "enum ", "trait ", "mod tests"];
    let is_one = |line: &str| {
        let line = line.trim_start();
        let item = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        let item = item.strip_prefix("async ").or_else(|| item.strip_prefix("const ")).unwrap_or(item);
        kinds.iter().any(|kind| item.starts_with(kind)) || line.starts_with("#[test]")
    };
    let mut found: Vec<_> = code
        .iter()
        .filter(|(_, line)| is_one(line))
        .map(|(number, _)| {
            Finding(number + 1, "lib.rs holds documentation, `mod` and `use` lines alone".to_owned())
        })
        .collect();
    if code.len() > INDEX {
        found.push(Finding(
            1,
            format!("lib.rs has {} lines beside its documentation, more than {INDEX}", code.len()),
        ));
    }
    found
}

/// The text of the doc comments, every other line blank, so that line numbers stay.
pub(super) fn docs(text: &str) -> String {
    let doc = |line: &str| {
        let line = line.trim_start();
        let doc = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"));
        doc.unwrap_or_default().to_owned() + "\n"
    };
    text.lines().map(doc).collect()
}

/// Whether it has tests that cargo could run.
pub(super) fn has_tests(text: &str) -> bool {
    text.lines().any(|line| matches!(line.trim(), "#[test]" | "#[tokio::test]"))
}

/// The lines before the test module that closes the file.
fn without_tests(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_come_first() {
        for good in [
            "//! What.\n",
            "// Long: a table.\n//! What.\n",
            "#![doc = include_str!(\"../README.md\")]\n",
            "#![cfg(unix)]\n\n//! What.\n",
        ] {
            assert_eq!(opens_with_docs(good), None, "{good}");
        }
        assert_eq!(opens_with_docs("\nuse std::fmt;\n//! late\n").unwrap().0, 2);
        assert!(opens_with_docs("").is_some());
        assert!(opens_with_docs("/// of an item\nfn f() {}\n").is_some());
    }

    #[test]
    fn long_files_say_why() {
        let long = "x\n".repeat(501);
        assert!(is_short(&long).is_some());
        assert!(is_short(&format!("// One table of all that the service may refuse.\n{long}")).is_none());
        assert!(is_short(&format!("#[cfg(test)]\n{long}")).is_none());
        assert!(is_short("x\n").is_none());
    }

    #[test]
    fn lib_is_an_index() {
        let good = "//! fn in docs\nmod a;\npub use a::A;\npub mod prelude {\n    pub use crate::A as _;\n}\n#[cfg(test)]\nmod testing;\n";
        assert_eq!(is_an_index(good), []);
        let lines: Vec<_> =
            is_an_index("mod a;\npub fn f() {}\nimpl A {}\npub(crate) struct B;\nmod tests {}\n")
                .iter()
                .map(|found| found.0)
                .collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert_eq!(is_an_index("#[proc_macro_derive(Tool)]\npub fn tool() {}\n"), []);
        assert_eq!(is_an_index(&"mod a;\n".repeat(151)).len(), 1);
    }

    #[test]
    fn docs_keep_their_lines() {
        assert_eq!(docs("//! a\nfn f() {\n    /// b\n}\n"), " a\n\n b\n\n");
    }
}
