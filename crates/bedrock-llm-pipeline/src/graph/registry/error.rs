//! What is wrong with a file that declares a graph.

use super::super::GraphError;
use super::super::error::Known;
use crate::BoxError;

/// A file that declares no graph that can be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Not TOML; the message tells the line.
    #[error("{message}")]
    Syntax {
        /// Where, and what was expected.
        message: String,
    },
    /// A field that is unknown, missing, or of the wrong type.
    #[error("`{at}`: {message}")]
    Field {
        /// The field, from the top: `nodes.embed.batch.size`.
        at: String,
        /// What is wrong.
        message: String,
    },
    /// No kind of that name is registered.
    #[error("`nodes.{node}.use`: there is no kind `{kind}`{}", Known { what: "kinds", similar: similar.as_deref(), all })]
    Kind {
        /// The node.
        node: String,
        /// The kind it asks for.
        kind: String,
        /// A kind that may be meant.
        similar: Option<String>,
        /// The names of all kinds.
        all: Vec<String>,
    },
    /// The kind does not take these settings.
    #[error("`nodes.{node}.with`: `{kind}` does not take these settings")]
    Settings {
        /// The node.
        node: String,
        /// Its kind.
        kind: String,
        /// Why not.
        #[source]
        source: BoxError,
    },
    /// The graph cannot be.
    #[error("`{at}`: {error}")]
    Graph {
        /// The field that says so.
        at: String,
        /// What is wrong with it.
        error: GraphError,
    },
}
