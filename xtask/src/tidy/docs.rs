//! Rules for text: documentation comments and Markdown.

use super::Finding;

/// No line ends in blanks, and the file ends in one line break.
pub(super) fn whitespace(text: &str) -> Vec<Finding> {
    let blank_end = |line: &str| line.ends_with([' ', '\t', '\r']);
    let mut found: Vec<_> = text
        .split('\n')
        .enumerate()
        .filter(|(_, line)| blank_end(line))
        .map(|(number, _)| Finding(number + 1, "blanks at the end of the line".to_owned()))
        .collect();
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        found.push(Finding(text.lines().count(), "the file does not end in one line break".to_owned()));
    }
    found
}

/// Rust in documentation is compiled: no fence says `ignore`, and none calls Rust `text`.
pub(super) fn fences(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut open: Option<(&str, bool)> = None; // the fence's marks, and whether it says `text`
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let marks = &line[..line.len() - line.trim_start_matches(['`', '~']).len()];
        let mut add = |what: &str| found.push(Finding(number + 1, what.to_owned()));
        match open {
            None if marks.len() >= 3 => {
                let says = |word| line[marks.len()..].split([',', ' ']).any(|said| said == word);
                if says("ignore") || says("ignored") {
                    add("a fence that is ignored: use `no_run` or `compile_fail`");
                }
                open = Some((marks, says("text")));
            }
            Some((opening, _)) if marks.starts_with(opening) && line.len() == marks.len() => open = None,
            Some((opening, true)) if looks_like_rust(line) => {
                add("Rust in a `text` fence is never compiled");
                open = Some((opening, false));
            }
            _ => {}
        }
    }
    found
}

fn looks_like_rust(line: &str) -> bool {
    let starts = [
        "let ",
        "fn ",
        "pub fn ",
        "async fn ",
        "use std::",
        "use bedrock_llm",
        "impl ",
        "#[",
        "struct ",
        "pub struct ",
    ];
    starts.iter().any(|start| line.starts_with(start)) && line.ends_with([';', '{', '}', ']', '('])
}

/// A dependency on our crates is shown with the version there is.
pub(super) fn versions(text: &str, version: &str) -> Vec<Finding> {
    let check = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        name.trim().starts_with("bedrock-llm").then_some(())?;
        let value = value.split_once("version").map_or(value, |(_, rest)| rest);
        let said = value.split('"').nth(1)?;
        let requirement = said.trim_start_matches(['=', '^', '~']);
        let fits = version == requirement || version.starts_with(&format!("{requirement}."));
        (!fits).then(|| format!("says version {said}, but it is {version}"))
    };
    text.lines().enumerate().filter_map(|(number, line)| Some(Finding(number + 1, check(line)?))).collect()
}

/// A link to a file leads to one.
pub(super) fn links(text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '#']).next());
        let local = targets.filter(|target| !target.is_empty() && !target.contains(':'));
        for target in local.filter(|target| !fenced && !exists(target)) {
            found.push(Finding(number + 1, format!("the link to {target} leads nowhere")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[Finding]) -> Vec<usize> {
        found.iter().map(|found| found.0).collect()
    }

    #[test]
    fn blanks_at_the_end() {
        assert_eq!(whitespace("a\nb\n"), []);
        assert_eq!(lines(&whitespace("a \nb\t\nc\n")), [1, 2]);
        assert_eq!(lines(&whitespace("a\nb")), [2]);
        assert_eq!(whitespace("a\n\n").len(), 1);
        assert_eq!(whitespace(""), []);
    }

    #[test]
    fn fences_are_compiled() {
        assert_eq!(
            fences("```no_run\nlet a = 1;\n```\n```text\nlet there be light\n```\n```json\n{}\n```\n"),
            []
        );
        assert_eq!(lines(&fences("a\n```ignore\nx\n```\n```rust,ignore\ny\n```\n")), [2, 5]);
        assert_eq!(lines(&fences("```text\nlet a = 1;\nlet b = 2;\n```\nlet c = 3;\n")), [2]);
        assert_eq!(fences("````md\n```ignore\n```\n````\n"), [], "a fence inside a longer one is text");
    }

    #[test]
    fn versions_are_ours() {
        let text = "```toml\nbedrock-llm = \"0.1\"\nbedrock-llm-schema = { version = \"=0.1.0\", features = [\"x\"] }\nserde = \"1\"\n```\n";
        assert_eq!(versions(text, "0.1.0"), []);
        assert_eq!(lines(&versions(text, "0.2.0")), [2, 3]);
        assert_eq!(versions("bedrock-llm = { path = 1 }\n`bedrock-llm chat` = \"9\"\n", "0.1.0"), []);
    }

    #[test]
    fn links_lead_somewhere() {
        let text =
            "[a](here.md#part) [b](gone.md) [c](https://example.com) [d](#part)\n```rust\nx[0](gone)\n```\n";
        let found = links(text, |target| target == "here.md");
        assert_eq!(found, [Finding(1, "the link to gone.md leads nowhere".to_owned())]);
    }
}
