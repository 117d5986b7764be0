//! Documents are cut into chunks, embedded in batches and put into an index; then questions are answered from it.
//!
//! Two pipelines: one fills the index, the other searches it, ranks what it finds and asks a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedrock_llm::embeddings::Embedder;
use bedrock_llm::embeddings::rerank::Reranker;
use bedrock_llm::embeddings::similarity::{Metric, top_k};
use bedrock_llm::nodes::{Ask, Rerank, embed_batch};
use bedrock_llm::pipeline::{BatchConfig, BoxError, CacheConfig, Pipeline, batch_each_fn};
use bedrock_llm::schema::embed::Matrix;
use bedrock_llm::{ChatRequest, Client};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use text_splitter::TextSplitter;

/// One line of `data/passages.jsonl`.
#[derive(serde::Deserialize)]
struct Passage {
    topic: String,
    text: String,
}

const QUESTIONS: [&str; 3] = [
    "Which river carries the most water to the sea?",
    "How many keys does a piano have?",
    "Which knot makes a loop that does not slip?",
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;
    let embedder =
        Embedder::builder(client.clone(), "amazon.titan-embed-text-v2:0").dimensions(512).build()?;

    let index = Arc::new(index(&embedder).await?);
    println!("{} chunks in the index", index.chunks.len());

    let answers = answering(client, embedder, index);
    let mut results = answers.run(stream::iter(QUESTIONS.map(str::to_owned)));
    while let Some(answer) = results.next().await {
        println!("\n{}", answer?);
    }
    println!("\n{}\n{}", answers.stats(), answers.to_mermaid());
    Ok(())
}

/// Chunks, and a vector for each.
struct Index {
    chunks: Vec<String>,
    vectors: Matrix<f32>,
}

async fn index(embedder: &Embedder) -> anyhow::Result<Index> {
    // a topic's passages are a document
    let mut documents = BTreeMap::<String, String>::new();
    for line in include_str!("../data/passages.jsonl").lines() {
        let passage: Passage = serde_json::from_str(line)?;
        let document = documents.entry(passage.topic).or_default();
        document.push_str(&passage.text);
        document.push('\n');
    }

    // a text that comes again is not embedded again; what must be embedded goes out in batches
    let embed = batch_each_fn(BatchConfig::new(64), embed_batch(embedder.clone(), String::clone))?;
    let chunking = Pipeline::new()
        .flat_map(|document: String| {
            TextSplitter::new(300).chunks(&document).map(str::to_owned).collect::<Vec<_>>()
        })
        .named("chunk")
        .node(embed)
        .named("embed")
        .cached(CacheConfig::max_items(100_000))?
        .parallel(128);
    let pairs: Vec<(String, Vec<f32>)> =
        chunking.run(stream::iter(documents.into_values())).try_collect().await?;
    println!("{}", chunking.stats());

    let dimensions = pairs.first().map_or(1, |(_, vector)| vector.len());
    let (chunks, vectors): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    Ok(Index { chunks, vectors: Matrix::from_values(vectors.concat(), dimensions)? })
}

/// Question → the nearest chunks → the best of them → an answer from those.
fn answering(client: Client, embedder: Embedder, index: Arc<Index>) -> Pipeline<String, String> {
    let search = move |question: String| {
        let (embedder, index) = (embedder.clone(), Arc::clone(&index));
        async move {
            let vector = embedder.embed_query(question.as_str()).await?;
            let near = top_k(&index.vectors, &vector, 20, Metric::Cosine)?;
            let chunks = near.into_iter().filter_map(|near| index.chunks.get(near.index).cloned());
            Ok::<_, BoxError>((question, chunks.collect::<Vec<_>>()))
        }
    };
    let reranker = Reranker::new(client.clone(), "cohere.rerank-v3-5:0");
    let request = ChatRequest::new("us.amazon.nova-lite-v1:0")
        .system("Answer the question from the passages before it, in one sentence.");
    Pipeline::new()
        .then(search)
        .named("search")
        .zip(Pipeline::new().node(Rerank::new(reranker).top_n(3)).named("rerank"))
        .map(|((question, _), ranked)| {
            let passages: Vec<String> = ranked.into_iter().map(|ranked| ranked.document).collect();
            format!("{}\n\n{question}", passages.join("\n"))
        })
        .named("prompt")
        .node(Ask::new(client, request))
        .named("ask")
        .boxed()
}
