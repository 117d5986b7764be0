//! What can be ranked.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bedrock_llm_schema::rerank::RerankDocument;
use serde_json::{Map, Value};

/// A document of the caller's, in the form in which a model reads it.
///
/// Texts, JSON objects and references to them have it. A type of one's own says what of it is read:
///
/// ```
/// use bedrock_llm_embeddings::rerank::ToRerankDocument;
/// use bedrock_llm_schema::rerank::RerankDocument;
///
/// struct Page {
///     title: String,
///     body: String,
///     number: u32,
/// }
///
/// impl ToRerankDocument for Page {
///     fn to_rerank_document(&self) -> RerankDocument {
///         RerankDocument::Text(format!("{}\n{}", self.title, self.body))
///     }
/// }
///
/// let page = Page { title: "Rivers".into(), body: "The Rhône rises in a glacier.".into(), number: 3 };
/// assert_eq!(page.to_rerank_document().text(), "Rivers\nThe Rhône rises in a glacier.");
/// # assert_eq!(page.number, 3);
/// ```
pub trait ToRerankDocument {
    /// What the model reads.
    fn to_rerank_document(&self) -> RerankDocument;
}

impl ToRerankDocument for RerankDocument {
    fn to_rerank_document(&self) -> RerankDocument {
        self.clone()
    }
}

impl ToRerankDocument for str {
    fn to_rerank_document(&self) -> RerankDocument {
        RerankDocument::Text(self.to_owned())
    }
}

impl ToRerankDocument for String {
    fn to_rerank_document(&self) -> RerankDocument {
        self.as_str().to_rerank_document()
    }
}

impl ToRerankDocument for Map<String, Value> {
    fn to_rerank_document(&self) -> RerankDocument {
        RerankDocument::Json(self.clone())
    }
}

/// An object is JSON, a string is the text in it, and anything else is text as JSON writes it.
impl ToRerankDocument for Value {
    fn to_rerank_document(&self) -> RerankDocument {
        match self {
            Self::Object(object) => object.to_rerank_document(),
            Self::String(text) => text.to_rerank_document(),
            other => RerankDocument::Text(other.to_string()),
        }
    }
}

impl<D: ToRerankDocument + ToOwned + ?Sized> ToRerankDocument for Cow<'_, D> {
    fn to_rerank_document(&self) -> RerankDocument {
        (**self).to_rerank_document()
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<D: ToRerankDocument + ?Sized> ToRerankDocument for $pointer {
            fn to_rerank_document(&self) -> RerankDocument {
                (**self).to_rerank_document()
            }
        }
    )*};
}

pointers! { &D, Box<D>, Rc<D>, Arc<D> }

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_as_what_it_is() {
        assert_eq!(json!("text").to_rerank_document(), "text".into());
        assert_eq!(json!([1, null]).to_rerank_document(), "[1,null]".into());
        let object = json!({"title": "Rivers"});
        assert_eq!(object.to_rerank_document(), RerankDocument::Json(object.as_object().unwrap().clone()));
        assert_eq!((&&Arc::new(Cow::Borrowed("text"))).to_rerank_document(), "text".into());
    }
}
