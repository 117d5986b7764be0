//! The documents that are ranked, all of them in memory.

use anyhow::{bail, ensure};
use bedrock_llm_schema::rerank::RerankDocument;
use serde_json::Value;

use crate::records::{self, shown};
use crate::texts::{Content, Place, Texts};

pub(super) struct Documents {
    /// What is sent, in order.
    pub(super) content: Vec<RerankDocument>,
    /// Where each comes from.
    pub(super) labels: Vec<Label>,
}

pub(super) struct Label {
    pub(super) place: Place,
    pub(super) id: Option<Value>,
}

impl Documents {
    /// A ranking of some would be taken for one of all, and so there must be no line that cannot be read.
    pub(super) fn read(texts: Texts) -> anyhow::Result<Self> {
        let (mut content, mut labels) = (Vec::new(), Vec::new());
        for item in texts.items() {
            let item = item?;
            content.push(match item.content {
                Ok(Content::Text(text)) => RerankDocument::Text(text),
                Ok(Content::Object(object)) => RerankDocument::Json(object),
                Err(why) => bail!("{}: {why}", item.place),
            });
            labels.push(Label { place: item.place, id: item.id });
        }
        ensure!(!content.is_empty(), "there are no documents to rank");
        Ok(Self { content, labels })
    }

    /// What tells them from others, whatever their files are called.
    pub(super) fn hash(&self) -> String {
        let mut all = Vec::new();
        for (document, label) in self.content.iter().zip(&self.labels) {
            let id = label.id.as_ref().map(Value::to_string).unwrap_or_default();
            let part = format!("{}\0{id}\0{}", label.place.line, document.text());
            all.extend(records::hash(part.as_bytes()).to_le_bytes());
        }
        shown(records::hash(&all))
    }
}
