//! Native citations as Converse has them.

use serde_json::{Map, Value, json};

use super::{items, text};

/// The members of each kind of Anthropic's: Converse's name; index, start, end; title.
const KINDS: &[(&str, &str, [&str; 4])] = &[
    (
        "char_location",
        "documentChar",
        ["document_index", "start_char_index", "end_char_index", "document_title"],
    ),
    (
        "page_location",
        "documentPage",
        ["document_index", "start_page_number", "end_page_number", "document_title"],
    ),
    (
        "content_block_location",
        "documentChunk",
        ["document_index", "start_block_index", "end_block_index", "document_title"],
    ),
    (
        "search_result_location",
        "searchResultLocation",
        ["search_result_index", "start_block_index", "end_block_index", "title"],
    ),
    ("web_search_result_location", "web", ["", "", "", "title"]),
];

/// A citation of Anthropic's; of a kind we do not know it is kept whole. Members without a place are kept too.
pub(super) fn anthropic(raw: &Value) -> Value {
    let Some((kind, tag, [index, start, end, title])) = KINDS.iter().find(|(kind, ..)| raw["type"] == *kind)
    else {
        return raw.clone();
    };
    let mut rest = raw.as_object().cloned().unwrap_or_default();
    let mut take = |name: &str| rest.remove(name).unwrap_or_default();
    take("type");
    let mut citation = Map::new();
    citation.insert("title".to_owned(), take(title));
    if let Value::String(cited) = take("cited_text") {
        citation.insert("sourceContent".to_owned(), json!([{"text": cited}]));
    }
    let location = if *kind == "web_search_result_location" {
        json!({"url": take("url")})
    } else {
        json!({"start": take(start), "end": take(end)})
    };
    let mut location = location.as_object().cloned().unwrap_or_default();
    match *kind {
        "web_search_result_location" => {}
        "search_result_location" => {
            location.insert("searchResultIndex".to_owned(), take(index));
            citation.insert("source".to_owned(), take("source"));
        }
        _ => drop(location.insert("documentIndex".to_owned(), take(index))),
    }
    citation.insert("location".to_owned(), json!({*tag: location}));
    citation.extend(rest);
    citation.into()
}

/// A citation of Cohere's, its own members kept beside Converse's.
pub(super) fn cohere(raw: &Value) -> Value {
    let mut citation = raw.as_object().cloned().unwrap_or_default();
    let sources: Vec<&str> = items(&raw["document_ids"]).map(text).collect();
    if !sources.is_empty() {
        citation.insert("source".to_owned(), sources.join(", ").into());
    }
    citation.insert("sourceContent".to_owned(), json!([{"text": text(&raw["text"])}]));
    citation.into()
}
