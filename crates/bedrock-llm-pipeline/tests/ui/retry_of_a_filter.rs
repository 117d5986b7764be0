//! Only nodes are retried; a filter is none.

use bedrock_llm_pipeline::{Pipeline, RetryConfig};

fn main() {
    let _ = Pipeline::new().filter(|text: &String| text.len() > 10).retry(RetryConfig::attempts(3));
}
