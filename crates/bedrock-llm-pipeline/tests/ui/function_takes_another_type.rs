//! A function takes something else than the node before it gives.

use bedrock_llm_pipeline::{BoxError, Pipeline};

async fn embed(text: String) -> Result<Vec<f32>, BoxError> {
    Ok(vec![text.len() as f32])
}

fn main() {
    Pipeline::new().map(|text: String| text.len()).then(embed);
}
