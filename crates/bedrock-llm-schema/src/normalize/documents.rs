//! Document names: within the service's alphabet, and each of its own.
//!
//! A name depends on the documents before it alone, so that a prompt's beginning stays the same, byte for byte, when
//! turns are added: a name that changed would make the service's prompt cache miss.

use std::collections::BTreeSet;

use super::Changes;
use crate::content::ContentKind;
use crate::content::media::{DOCUMENT_NAME_MAX, DocumentBlock, document_name};
use crate::model::ModelProfile;
use crate::{ContentBlock, Message, ToolResultContentBlock};

/// What is said of documents that come without a word.
const INTRODUCTION: &str = "Attached:";

/// Cleans the names and gives the second `report` the name `report (2)`. Documents inside tool results take part.
pub(super) fn mend(messages: &mut [Message], changes: &mut Changes) {
    let mut taken = BTreeSet::new();
    for (turn, message) in messages.iter_mut().enumerate() {
        for (place, block) in message.content.iter_mut().enumerate() {
            let path = format_args!("messages[{turn}].content[{place}]");
            match block {
                ContentBlock::Document(document) => {
                    rename(document, &mut taken, || format!("{path}.document.name"), changes);
                }
                ContentBlock::ToolResult(result) => {
                    for (piece, content) in result.content.iter_mut().enumerate() {
                        if let ToolResultContentBlock::Document(document) = content {
                            let path = || format!("{path}.toolResult.content[{piece}].document.name");
                            rename(document, &mut taken, path, changes);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// Puts a text before documents that come without any: the service refuses them
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html>).
pub(super) fn introduce(messages: &mut [Message], profile: &ModelProfile, changes: &mut Changes) {
    // beside a tool result they may be welcome where text is not
    let company = profile.tools.result_company.as_deref().unwrap_or_default();
    let is_wordless = company.contains(&ContentKind::Document) && !company.contains(&ContentKind::Text);
    for (turn, message) in messages.iter_mut().enumerate() {
        let place = |kind| message.content.iter().position(|block| block.kind() == kind);
        if is_wordless && place(ContentKind::ToolResult).is_some() {
            continue;
        }
        if let Some(at) = place(ContentKind::Document).filter(|_| place(ContentKind::Text).is_none()) {
            message.content.insert(at, INTRODUCTION.into());
            changes.mended(
                "R-DOC-TEXT",
                format!("messages[{turn}].content[{at}]"),
                "put a text before documents",
            );
        }
    }
}

fn rename(
    document: &mut DocumentBlock,
    taken: &mut BTreeSet<String>,
    path: impl Fn() -> String,
    changes: &mut Changes,
) {
    let clean = document_name(&document.name);
    let name = if taken.contains(&clean) { numbered(&clean, taken) } else { clean };
    if name != document.name {
        changes.mended("R-DOC-NAME", path(), format!("document {:?} is named {name:?}", document.name));
        document.name.clone_from(&name);
    }
    taken.insert(name);
}

/// The name with the first number that makes it one of its own.
fn numbered(name: &str, taken: &BTreeSet<String>) -> String {
    let numbers = (2..).map(|number| {
        let number = format!(" ({number})");
        let stem: String = name.chars().take(DOCUMENT_NAME_MAX - number.len()).collect();
        format!("{}{number}", stem.trim_end())
    });
    numbers.into_iter().find(|numbered| !taken.contains(numbered)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolResultBlock;

    fn document(name: &str) -> DocumentBlock {
        DocumentBlock::from_text(name, "text")
    }

    fn names(messages: &[Message]) -> Vec<String> {
        let value = serde_json::to_value(messages).unwrap();
        let mut names = Vec::new();
        collect(&value, &mut names);
        names
    }

    fn collect(value: &serde_json::Value, names: &mut Vec<String>) {
        if let Some(name) = value.pointer("/document/name") {
            names.push(name.as_str().unwrap().to_owned());
        }
        let members = value.as_object().into_iter().flat_map(|members| members.values());
        for inner in members.chain(value.as_array().into_iter().flatten()) {
            collect(inner, names);
        }
    }

    fn mended(names_in: &[&str]) -> (Vec<String>, usize) {
        let mut messages: Vec<Message> = names_in.iter().map(|name| Message::user(document(name))).collect();
        let mut changes = Changes::default();
        mend(&mut messages, &mut changes);
        (names(&messages), changes.into_list().len())
    }

    #[test]
    fn names_that_are_right_stay() {
        let recorded =
            ["Document 1", "Document 2", "company_policy", "document-REDACTED_1", "my-pdf", "a (1) [b]"];
        assert_eq!(mended(&recorded), (recorded.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn names_are_cleaned_and_told_apart() {
        let (names, changes) =
            mended(&["q3.report.pdf", "  a \t b ", "", "日本", "q3 report pdf", "q3.report.pdf"]);
        let wanted =
            ["q3 report pdf", "a b", "document", "document (2)", "q3 report pdf (2)", "q3 report pdf (3)"];
        assert_eq!(names, wanted);
        assert_eq!(changes, 6);
        let long = "x".repeat(300);
        let (names, _) = mended(&[&long, &long]);
        assert_eq!(names[0], "x".repeat(200));
        assert!(names[1].len() == 200 && names[1].ends_with("xx (2)"), "{names:?}");
    }

    #[test]
    fn a_later_turn_never_changes_an_earlier_name() {
        let all = ["a", "a", "a (2)", "a.", "a (2)", "a (3)"];
        let (whole, _) = mended(&all);
        for end in 0..all.len() {
            assert_eq!(mended(&all[..end]).0, whole[..end]);
        }
        let distinct: BTreeSet<_> = whole.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{whole:?}");
    }

    #[test]
    fn documents_without_a_word_get_one() {
        let mut messages =
            [Message::user(document("a")).with(document("b")), Message::user("x").with(document("c"))];
        let mut changes = Changes::default();
        introduce(&mut messages, &ModelProfile::default(), &mut changes);
        assert_eq!(messages[0].content[0], INTRODUCTION.into());
        assert_eq!(messages[1].content.len(), 2);
        assert_eq!(changes.into_list()[0].rule, "R-DOC-TEXT");
    }

    #[test]
    fn documents_in_tool_results_take_part() {
        let mut messages = [Message::user(document("a")).with(ToolResultBlock::new("t", document("a")))];
        let mut changes = Changes::default();
        mend(&mut messages, &mut changes);
        assert_eq!(names(&messages), ["a", "a (2)"]);
        assert_eq!(
            changes.into_list()[0].to_string(),
            "messages[0].content[1].toolResult.content[0].document.name: document \"a\" is named \"a (2)\" [R-DOC-NAME]"
        );
    }
}
