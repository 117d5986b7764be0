//! Citations: the same in requests, responses and streams.

use bedrock_llm_schema::content::citation::{
    Citation, CitationLocation, CitationSourceContent, DocumentLocation, SearchResultLocation, WebLocation,
};
use bedrock_llm_schema::wire::Extra;
use serde_json::Value;

/// What the members of a kind of location are called: index, start, end, title.
type Names = [&'static str; 4];

const CHARS: Names = ["document_index", "start_char_index", "end_char_index", "document_title"];
const PAGES: Names = ["document_index", "start_page_number", "end_page_number", "document_title"];
const CHUNKS: Names = ["document_index", "start_block_index", "end_block_index", "document_title"];
const RESULT: Names = ["search_result_index", "start_block_index", "end_block_index", "title"];
const WEB: Names = ["", "", "", "title"];

/// A citation as Converse has it; members it has no name for stay in `extra`.
pub(super) fn raise(mut raw: Extra) -> Citation {
    let kind = raw.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = kind.as_str();
    let names = match kind {
        "char_location" => CHARS,
        "page_location" => PAGES,
        "content_block_location" => CHUNKS,
        "search_result_location" => RESULT,
        "web_search_result_location" => WEB,
        _ => {
            // not one we know: kept whole
            return Citation { extra: raw, ..Citation::default() };
        }
    };
    raw.shift_remove("type");
    let text = |raw: &mut Extra, name: &str| match raw.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Null) | None => None,
        Some(other) => {
            raw.insert(name.to_owned(), other);
            None
        }
    };
    let [index, start, end, title] = names;
    let mut citation = Citation { title: text(&mut raw, title), ..Citation::default() };
    citation.source_content =
        text(&mut raw, "cited_text").map(|text| vec![CitationSourceContent::Text(text)]);
    // a number in another spelling stays where it is
    let mut number = |name: &str| {
        let number = raw.get(name)?.as_u64()?;
        raw.shift_remove(name);
        Some(number)
    };
    let (index, start, end) = (number(index), number(start), number(end));
    let document = DocumentLocation { document_index: index, start, end, extra: Extra::new() };
    citation.location = Some(match kind {
        "char_location" => CitationLocation::DocumentChar(document),
        "page_location" => CitationLocation::DocumentPage(document),
        "content_block_location" => CitationLocation::DocumentChunk(document),
        "search_result_location" => {
            citation.source = text(&mut raw, "source");
            let location =
                SearchResultLocation { search_result_index: index, start, end, extra: Extra::new() };
            CitationLocation::SearchResult(location)
        }
        _ => CitationLocation::Web(WebLocation { url: text(&mut raw, "url"), ..WebLocation::default() }),
    });
    citation.extra = raw;
    citation
}

/// A citation as the family writes it.
pub(super) fn lower(citation: &Citation) -> Extra {
    let mut raw = Extra::new();
    let none = (None, None, None);
    let (kind, names, (index, start, end)) = match &citation.location {
        Some(CitationLocation::DocumentChar(at)) => {
            ("char_location", CHARS, (at.document_index, at.start, at.end))
        }
        Some(CitationLocation::DocumentPage(at)) => {
            ("page_location", PAGES, (at.document_index, at.start, at.end))
        }
        Some(CitationLocation::DocumentChunk(at)) => {
            ("content_block_location", CHUNKS, (at.document_index, at.start, at.end))
        }
        Some(CitationLocation::SearchResult(at)) => {
            ("search_result_location", RESULT, (at.search_result_index, at.start, at.end))
        }
        Some(CitationLocation::Web(at)) => {
            raw.extend(at.url.clone().map(|url| ("url".to_owned(), url.into())));
            ("web_search_result_location", WEB, none)
        }
        Some(_) | None => ("", WEB, none),
    };
    if !kind.is_empty() {
        raw.insert("type".to_owned(), kind.into());
    }
    let [index_name, start_name, end_name, title] = names;
    for (name, number) in [(index_name, index), (start_name, start), (end_name, end)] {
        raw.extend(number.map(|number| (name.to_owned(), number.into())));
    }
    let cited: Option<String> = citation.source_content.as_ref().map(|pieces| {
        let text = |piece: &CitationSourceContent| match piece {
            CitationSourceContent::Text(text) => text.clone(),
            _ => String::new(),
        };
        pieces.iter().map(text).collect()
    });
    let texts = [("cited_text", cited), (title, citation.title.clone()), ("source", citation.source.clone())];
    for (name, text) in texts {
        raw.extend(text.map(|text| (name.to_owned(), text.into())));
    }
    raw.extend(citation.extra.clone());
    raw
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_round_trips() {
        for citation in [
            json!({"type": "char_location", "cited_text": "a", "document_index": 0, "document_title": "t", "start_char_index": 1, "end_char_index": 2}),
            json!({"type": "page_location", "cited_text": "a", "document_index": 1, "start_page_number": 1, "end_page_number": 2}),
            json!({"type": "content_block_location", "cited_text": "a", "document_index": 1, "start_block_index": 1, "end_block_index": 2}),
            json!({"type": "search_result_location", "cited_text": "a", "source": "s", "title": "t", "search_result_index": 0, "start_block_index": 0, "end_block_index": 1}),
            json!({"type": "web_search_result_location", "cited_text": "a", "url": "https://a", "title": "t", "encrypted_index": "x"}),
            json!({"type": "char_location", "cited_text": "a", "document_index": 1.0, "start_char_index": -1, "end_char_index": "2"}),
            json!({"type": "hologram_location", "x": 1}),
            json!({"type": 5, "cited_text": "a"}),
            json!({}),
        ] {
            let Value::Object(raw) = citation.clone() else { unreachable!() };
            assert_eq!(Value::Object(lower(&raise(raw))), citation);
        }
    }
}
