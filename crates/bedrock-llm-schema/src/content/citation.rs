//! Text that names its sources.

use crate::wire::{wire_struct, wire_union};

wire_union! {
    /// A piece of generated text.
    pub enum CitationGeneratedContent {
        /// Text.
        Text(String) = "text",
    }

    /// A piece of the source that is cited.
    pub enum CitationSourceContent {
        /// Text.
        Text(String) = "text",
    }

    /// Where in the sources the cited words stand.
    pub enum CitationLocation {
        /// On a web page.
        Web(WebLocation) = "web",
        /// Between two characters of a document.
        DocumentChar(DocumentLocation) = "documentChar",
        /// Between two pages of a document.
        DocumentPage(DocumentLocation) = "documentPage",
        /// Between two pieces of a document.
        DocumentChunk(DocumentLocation) = "documentChunk",
        /// Between two pieces of a search result.
        SearchResult(SearchResultLocation) = "searchResultLocation",
    }
}

wire_struct! {
    /// Text with the sources it rests on.
    #[derive(Default)]
    pub struct CitationsContentBlock {
        /// The text.
        pub content: Option<Vec<CitationGeneratedContent>>,
        /// Its sources.
        pub citations: Option<Vec<Citation>>,
    }

    /// One source. In a stream it comes in the same form.
    #[derive(Default)]
    pub struct Citation {
        /// The source's title.
        pub title: Option<String>,
        /// Where it was found.
        pub source: Option<String>,
        /// The words that are cited.
        pub source_content: Option<Vec<CitationSourceContent>>,
        /// Where they stand.
        pub location: Option<CitationLocation>,
    }

    /// A web page.
    #[derive(Default)]
    pub struct WebLocation {
        /// Its address.
        pub url: Option<String>,
        /// Its domain.
        pub domain: Option<String>,
    }

    /// A stretch of a document.
    #[derive(Default)]
    pub struct DocumentLocation {
        /// Which of the request's documents, counted from 0.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub document_index: Option<u64>,
        /// First character, page or piece.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub start: Option<u64>,
        /// The one after the last.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub end: Option<u64>,
    }

    /// A stretch of a search result.
    #[derive(Default)]
    pub struct SearchResultLocation {
        /// Which of the request's search results, counted from 0.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub search_result_index: Option<u64>,
        /// First piece.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub start: Option<u64>,
        /// The one after the last.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub end: Option<u64>,
    }
}

impl CitationsContentBlock {
    /// The text, joined as it stands.
    #[must_use]
    pub fn text(&self) -> String {
        let pieces = self.content.iter().flatten();
        pieces
            .filter_map(|piece| {
                if let CitationGeneratedContent::Text(text) = piece { Some(text.as_str()) } else { None }
            })
            .collect()
    }
}
