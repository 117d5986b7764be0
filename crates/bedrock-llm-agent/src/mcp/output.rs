//! What a server answers, as the model is told.

use std::collections::BTreeSet;

use bedrock_llm_schema::{Blob, DocumentBlock, ImageBlock, ToolResultContentBlock};
use rmcp::model::{CallToolResult, ContentBlock, Resource, ResourceContents};
use serde_json::Value;

use crate::{ToolError, ToolOutput};

/// The output, or the failure that the server tells of.
pub(super) fn output_of(result: CallToolResult) -> Result<ToolOutput, ToolError> {
    if result.is_error == Some(true) {
        return Err(ToolError::failed(failure_of(result)));
    }
    let mut blocks = Blocks::default();
    // servers repeat structured content as text, for clients that know no other
    let repeats = |text: &str| {
        result.structured_content.as_ref().is_some_and(|structured| {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value == *structured)
        })
    };
    for block in result.content {
        match &block {
            ContentBlock::Text(text) if repeats(&text.text) => {}
            _ => blocks.add(block),
        }
    }
    if let Some(structured) = result.structured_content {
        blocks.list.extend(ToolOutput::json(structured).content().iter().cloned());
    }
    Ok(blocks.list.into_iter().collect())
}

/// The server's words; pictures and files of a failure are named, since an error is told in text.
fn failure_of(result: CallToolResult) -> String {
    let mut blocks = Blocks::default();
    result.content.into_iter().for_each(|block| blocks.add(block));
    let words = blocks.list.into_iter().filter_map(|block| match block {
        ToolResultContentBlock::Text(text) => Some(text),
        ToolResultContentBlock::Image(_) => Some("(an image)".to_owned()),
        ToolResultContentBlock::Document(document) => Some(format!("(a document, {})", document.name)),
        _ => None,
    });
    let mut words: Vec<String> = words.collect();
    if words.is_empty() {
        let structured = result.structured_content.filter(|value| !value.is_null());
        words.push(
            structured.map_or_else(|| "the server does not say why".to_owned(), |value| value.to_string()),
        );
    }
    words.join("\n")
}

/// The pieces so far.
#[derive(Default)]
struct Blocks {
    list: Vec<ToolResultContentBlock>,
    /// The names of documents, each of which the service takes once.
    documents: BTreeSet<String>,
}

impl Blocks {
    fn add(&mut self, block: ContentBlock) {
        match block {
            // the service refuses blank text
            ContentBlock::Text(text) if text.text.trim().is_empty() => {}
            ContentBlock::Text(text) => self.text(text.text),
            ContentBlock::Image(image) => match Blob::from_base64(&image.data) {
                Ok(bytes) => self.image(bytes, &image.mime_type),
                Err(_) => self.note(format_args!("an image, {}, that is no base64", image.mime_type)),
            },
            ContentBlock::Audio(audio) => {
                self.note(format_args!("sound, {}, which a tool result cannot hold", audio.mime_type));
            }
            ContentBlock::Resource(resource) => self.resource(resource.resource),
            ContentBlock::ResourceLink(link) => self.link(&link),
            _ => self.note(format_args!("content of a kind that is not known")),
        }
    }

    fn text(&mut self, text: String) {
        self.list.push(ToolResultContentBlock::Text(text));
    }

    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.text(format!("({what})"));
    }

    fn image(&mut self, bytes: Blob, mime_type: &str) {
        let size = bytes.as_bytes().len();
        match ImageBlock::from_bytes(bytes) {
            Ok(image) => self.list.push(image.into()),
            Err(_) => self.note(format_args!(
                "an image, {mime_type}, {size} bytes, of no format that a model can be shown"
            )),
        }
    }

    /// Text as text, below the place it is from; pictures and documents as they are.
    fn resource(&mut self, contents: ResourceContents) {
        match contents {
            ResourceContents::TextResourceContents { uri, text, .. } => self.text(format!("{uri}:\n{text}")),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let mime_type = mime_type.unwrap_or_else(|| "of no type said".to_owned());
                match Blob::from_base64(&blob) {
                    Ok(bytes) => self.file(&uri, &mime_type, bytes),
                    Err(_) => self.note(format_args!("{uri}, {mime_type}, that is no base64")),
                }
            }
            _ => self.note(format_args!("a resource of a kind that is not known")),
        }
    }

    fn file(&mut self, uri: &str, mime_type: &str, bytes: Blob) {
        if let Ok(image) = ImageBlock::from_bytes(bytes.clone()) {
            return self.list.push(image.into());
        }
        let path = uri.split(['?', '#']).next().unwrap_or(uri);
        let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("document");
        let size = bytes.as_bytes().len();
        match DocumentBlock::from_file(name, bytes) {
            Ok(mut document) => {
                document.name = self.own_name(document.name);
                self.list.push(document.into());
            }
            Err(_) => self.note(format_args!(
                "{uri}, {mime_type}, {size} bytes, of no format that a model can be shown"
            )),
        }
    }

    /// The name, or the first of `name 2`, `name 3`, … that no document of this result has.
    fn own_name(&mut self, name: String) -> String {
        let stem: String = name.chars().take(190).collect();
        let names = std::iter::once(name).chain((2..).map(|number| format!("{} {number}", stem.trim_end())));
        let own = names.into_iter().find(|name| !self.documents.contains(name)).unwrap_or_default();
        self.documents.insert(own.clone());
        own
    }

    fn link(&mut self, link: &Resource) {
        let said = [link.title.as_ref(), link.description.as_ref(), link.mime_type.as_ref()];
        let said: String = said.into_iter().flatten().map(|text| format!(", {text}")).collect();
        self.text(format!("{}: {}{said}", link.name, link.uri));
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::DocumentFormat;
    use serde_json::json;

    use super::*;

    /// Two by two pixels, grey.
    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNoYGBoAAABhACBH6Q1SwAAAABJRU5ErkJggg==";

    fn result(value: Value) -> CallToolResult {
        serde_json::from_value(value).unwrap()
    }

    /// The texts; `-` for what is none.
    fn texts(output: &ToolOutput) -> Vec<&str> {
        fn text(block: &ToolResultContentBlock) -> &str {
            if let ToolResultContentBlock::Text(text) = block { text } else { "-" }
        }
        output.content().iter().map(text).collect()
    }

    #[test]
    fn each_kind_becomes_what_it_is_or_says_what_it_was() {
        let output = output_of(result(json!({"content": [
            {"type": "text", "text": "21 degrees"},
            {"type": "text", "text": " \n"},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
            {"type": "image", "data": "PHN2Zz48L3N2Zz4=", "mimeType": "image/svg+xml"},
            {"type": "image", "data": "!", "mimeType": "image/png"},
            {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "file:///a.md", "mimeType": "text/markdown", "text": "# A"}},
            {"type": "resource_link", "uri": "file:///b.txt", "name": "b", "mimeType": "text/plain"},
        ]})));
        let output = output.unwrap();
        assert!(matches!(&output.content()[1], ToolResultContentBlock::Image(_)), "{output:?}");
        assert_eq!(
            texts(&output),
            [
                "21 degrees",
                "-",
                "(an image, image/svg+xml, 11 bytes, of no format that a model can be shown)",
                "(an image, image/png, that is no base64)",
                "(sound, audio/wav, which a tool result cannot hold)",
                "file:///a.md:\n# A",
                "b: file:///b.txt, text/plain",
            ]
        );
    }

    #[test]
    fn files_are_pictures_documents_or_a_note() {
        let file = |uri: &str, blob: &[u8]| {
            let blob = Blob(blob.to_vec().into()).to_base64();
            json!({"type": "resource", "resource": {"uri": uri, "blob": blob}})
        };
        let output = output_of(result(json!({"content": [
            file("file:///reports/q3.v2.pdf?page=1", b"%PDF-1.7\n"),
            file("file:///other/q3.v2.pdf", b"%PDF-1.7\n"),
            file("data.csv", b"a,b\n1,2\n"),
            file("file:///x.bin", &[0, 255, 254]),
        ]})));
        let output = output.unwrap();
        let documents: Vec<_> = output
            .content()
            .iter()
            .filter_map(|block| match block {
                ToolResultContentBlock::Document(document) => {
                    Some((document.name.as_str(), document.format.clone().unwrap()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            documents,
            [("q3 v2", DocumentFormat::Pdf), ("q3 v2 2", DocumentFormat::Pdf), ("data", DocumentFormat::Csv)]
        );
        let last = texts(&output)[3];
        assert_eq!(last, "(file:///x.bin, of no type said, 3 bytes, of no format that a model can be shown)");
    }

    #[test]
    fn structured_content_is_told_once() {
        let repeated = output_of(result(json!({
            "content": [{"type": "text", "text": "{ \"sum\": 3 }"}], "structuredContent": {"sum": 3}
        })));
        assert_eq!(repeated.unwrap(), ToolOutput::json(json!({"sum": 3})));
        let beside = output_of(result(json!({
            "content": [{"type": "text", "text": "three"}], "structuredContent": [3]
        })));
        assert_eq!(beside.unwrap(), ToolOutput::text("three").and(json!({"result": [3]})));
    }

    #[test]
    fn a_failure_is_told_in_the_servers_words() {
        let failed = |value: Value| output_of(result(value)).unwrap_err().to_string();
        let words = json!({"content": [{"type": "text", "text": "no such city"}], "isError": true});
        assert_eq!(failed(words), "failed: no such city");
        let structured = json!({"content": [], "structuredContent": {"code": 7}, "isError": true});
        assert_eq!(failed(structured), r#"failed: {"code":7}"#);
        let silent = json!({"content": [], "isError": true});
        assert_eq!(failed(silent), "failed: the server does not say why");
        let picture =
            json!({"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}], "isError": true});
        assert_eq!(failed(picture), "failed: (an image)");
    }

    #[test]
    fn nothing_is_an_empty_output() {
        assert_eq!(output_of(result(json!({"content": []}))).unwrap(), ToolOutput::default());
    }
}
