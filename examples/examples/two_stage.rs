//! Searches a few hundred short texts in two stages: the nearest by their vectors, then those ranked.

use anyhow::Context as _;
use bedrock_llm::embeddings::Embedder;
use bedrock_llm::embeddings::rerank::{Reranker, ToRerankDocument};
use bedrock_llm::embeddings::two_stage::{Corpus, two_stage};
use bedrock_llm::schema::rerank::RerankDocument;

/// One line of `data/passages.jsonl`.
#[derive(serde::Deserialize)]
struct Passage {
    id: String,
    text: String,
}

/// Both stages read the text alone.
impl ToRerankDocument for Passage {
    fn to_rerank_document(&self) -> RerankDocument {
        self.text.as_str().into()
    }
}

const QUESTIONS: [&str; 5] = [
    "Which river carries the most water to the sea?",
    "How do the strings of a violin get their grip on the bow?",
    "How many keys does a piano have?",
    "Which knot makes a loop that does not slip?",
    "What does the borrow checker of Rust refuse?",
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;
    let embedder =
        Embedder::builder(client.clone(), "amazon.titan-embed-text-v2:0").dimensions(512).build()?;
    let reranker = Reranker::new(client, "cohere.rerank-v3-5:0");

    let lines = include_str!("../data/passages.jsonl").lines();
    let passages: Vec<Passage> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    // once; a program of yours would keep the vectors
    let corpus = Corpus::embed(&embedder, passages).await?;
    let vectors = corpus.embeddings();
    println!(
        "{} passages, {} dimensions, {} calls",
        vectors.len(),
        vectors.dimensions(),
        vectors.usage().calls
    );

    for question in QUESTIONS {
        let search = two_stage(&embedder, &reranker, &corpus, question).candidates(30);
        let found = search.await?.results;
        println!("\n{question}");
        let mut nearest: Vec<_> = found.iter().collect();
        nearest.sort_by_key(|found| found.place);
        println!("  the nearest of {}:", found.len());
        for near in nearest.iter().take(3) {
            println!("    {:.3} {}", near.similarity, near.document.id);
        }
        println!("  ranked:");
        for ranked in found.iter().take(3) {
            println!("    {:.3} {} (was {})", ranked.score, ranked.document.id, ranked.place + 1);
        }
        println!("  {}", found.first().context("nothing was found")?.document.text);
    }
    Ok(())
}
