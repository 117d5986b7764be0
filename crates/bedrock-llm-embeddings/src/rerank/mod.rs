//! Ranking: documents by how well they answer a query, however many there are.

mod call;
mod calls;
mod document;
mod error;
mod pieces;
mod ranking;
mod reranker;
mod run;

pub use call::RankingFault;
pub use document::ToRerankDocument;
pub use error::{PartialRanking, RefusedDocument, RerankError};
pub use ranking::{Ranked, Ranking, RerankUsage};
pub use reranker::{RerankService, Reranker};
pub use run::Rerank;

#[cfg(test)]
mod tests;
