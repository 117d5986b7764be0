//! A pipeline with a filter may have no result, so it does not give one.

use bedrock_llm_pipeline::Pipeline;

async fn run() {
    let long = Pipeline::new().filter(|text: &String| text.len() > 10);
    let _ = long.execute("short".to_owned()).await;
}

fn main() {
    drop(run());
}
