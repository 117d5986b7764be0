//! A pipeline with a filter is no node of another.

use bedrock_llm_pipeline::Pipeline;

fn main() {
    let long = Pipeline::new().filter(|text: &String| text.len() > 10);
    Pipeline::new().map(|text: String| text).node(long);
}
