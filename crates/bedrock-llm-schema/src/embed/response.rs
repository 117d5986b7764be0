//! Embeddings, as they come back.

use super::{Element, Matrix, Vectors};
use crate::response::{AnsweredBy, Response, Usage};
use crate::wire::Extra;
use std::fmt;

/// One vector per input, in the order of the inputs.
#[derive(Clone, Default, PartialEq)]
pub struct EmbedResponse {
    /// The vectors, once for each type of number that was asked for.
    pub vectors: Vec<Vectors>,
    /// How many tokens the inputs were, as the service counts; from the body, or else from the response's headers.
    pub input_tokens: Option<u64>,
    /// Members of the native body that have no name here, such as Cohere's `id` and `texts`.
    pub extra: Extra,
    /// The service's id for this call.
    pub request_id: Option<String>,
    /// Who answered, where the call could have gone to several.
    pub answered_by: Option<Box<AnsweredBy>>,
    /// Whether the answer came from a client's own cache of answers; its [`usage`](Response::usage) says so too.
    pub is_replayed: bool,
}

impl EmbedResponse {
    /// The vectors of a type of number: `f32`, `i8`, `u8` or [`Bits`](super::Bits); `None` where they did not come.
    #[must_use]
    pub fn view<T: Element>(&self) -> Option<&Matrix<T>> {
        self.vectors.iter().find_map(T::view)
    }

    /// Hands over the vectors of a type of number; `None` where they did not come, or were handed over before.
    pub fn take<T: Element>(&mut self) -> Option<Matrix<T>> {
        let place = self.vectors.iter().position(|vectors| T::view(vectors).is_some())?;
        T::take(self.vectors.swap_remove(place))
    }
}

impl Response for EmbedResponse {
    fn usage(&self) -> Option<Usage> {
        let tokens = self.input_tokens?;
        Some(Usage { is_replayed: self.is_replayed, ..Usage::new(tokens, 0) })
    }

    fn set_answered_by(&mut self, who: AnsweredBy) {
        self.answered_by = Some(Box::new(who));
    }
}

/// Shows the names of further members only: Cohere gives the texts back among them, which must not reach logs.
impl fmt::Debug for EmbedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedResponse")
            .field("vectors", &self.vectors)
            .field("input_tokens", &self.input_tokens)
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .field("request_id", &self.request_id)
            .field("answered_by", &self.answered_by)
            .field("is_replayed", &self.is_replayed)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_reach_logs() {
        let extra = Extra::from_iter([("texts".to_owned(), serde_json::json!(["secret"]))]);
        let shown = format!("{:?}", EmbedResponse { extra, ..EmbedResponse::default() });
        assert!(shown.contains("texts") && !shown.contains("secret"), "{shown}");
    }
}
