//! Reranking: documents in the order in which they answer a query.

mod document;
mod request;
mod response;

pub use document::RerankDocument;
pub use request::{RerankApi, RerankRequest};
pub use response::{RerankResponse, RerankResult};
