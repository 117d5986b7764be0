//! A node takes something else than the node before it gives.

use bedrock_llm_pipeline::{BoxError, Node, Pipeline};

struct Embed;

impl Node<String, Vec<f32>> for Embed {
    async fn call(&self, text: String) -> Result<Vec<f32>, BoxError> {
        Ok(vec![text.len() as f32])
    }
}

fn main() {
    Pipeline::new().map(|text: String| text.len()).node(Embed);
}
