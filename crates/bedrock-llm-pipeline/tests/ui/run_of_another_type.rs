//! A pipeline is run over something else than it takes.

use bedrock_llm_pipeline::Pipeline;
use futures_util::stream;

fn main() {
    let lengths = Pipeline::new().map(|text: String| text.len());
    let _ = lengths.run(stream::iter([1_u64, 2]));
}
