//! Rules about documents, images, videos and sound.

use std::collections::BTreeSet;

use super::rule::{RuleReport, Subject};
use crate::ContentBlock;

pub(super) fn document_names(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let mut names = BTreeSet::new();
    for (turn, message) in subject.request.messages.iter().enumerate() {
        for (block, content) in message.content.iter().enumerate() {
            if let ContentBlock::Document(document) = content
                && !names.insert(document.name.as_str())
            {
                report.add(
                    format!("messages[{turn}].content[{block}].document.name"),
                    format!("another document is named {:?}", document.name),
                    "rename one",
                );
            }
        }
    }
}
