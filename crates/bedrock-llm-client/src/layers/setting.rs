//! What is said of a layer's setting that cannot work.

use bedrock_llm_schema::{Error, ErrorKind};

/// Names the setting and says why.
pub(super) fn cannot_work(setting: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("setting `{setting}` cannot work: {why}"))
}
