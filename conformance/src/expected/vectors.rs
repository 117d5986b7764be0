//! What a body says of vectors and rankings, read apart from our codecs: every number is the text that was recorded.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A vector, number by number.
pub(crate) type Row = Vec<String>;

/// The vectors by the names of their types, as the services have them.
pub(crate) type ByType = BTreeMap<String, Vec<Row>>;

/// The vectors of a body of any family.
pub(crate) fn vectors(body: &str) -> Result<ByType> {
    let mut body: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body)?;
    let mut found = ByType::new();
    // Titan's: one vector, as floats and by type
    if let Some(by_type) = take(&mut body, "embeddingsByType") {
        for (name, vector) in serde_json::from_str::<BTreeMap<String, Vec<Box<RawValue>>>>(&by_type)? {
            found.insert(name, vec![row(vector)]);
        }
    }
    if let Some(vector) = take(&mut body, "embedding") {
        let floats = vec![row(serde_json::from_str(&vector)?)];
        if let Some(same) = found.insert("float".to_owned(), floats.clone()) {
            anyhow::ensure!(same == floats, "`embedding` is not `embeddingsByType.float`");
        }
    }
    if let Some(embeddings) = take(&mut body, "embeddings") {
        let embeddings = embeddings.trim_start();
        if embeddings.starts_with('{') {
            // Cohere's by type
            let by_type: BTreeMap<String, Vec<Vec<Box<RawValue>>>> = serde_json::from_str(embeddings)?;
            found.extend(by_type.into_iter().map(|(name, rows)| (name, rows.into_iter().map(row).collect())));
        } else if let Ok(objects) = serde_json::from_str::<Vec<Embedding>>(embeddings) {
            // Nova's
            found.insert(
                "float".to_owned(),
                objects.into_iter().map(|object| row(object.embedding)).collect(),
            );
        } else {
            let rows: Vec<Vec<Box<RawValue>>> = serde_json::from_str(embeddings)?;
            found.insert("float".to_owned(), rows.into_iter().map(row).collect());
        }
    }
    anyhow::ensure!(!found.is_empty(), "an answer without vectors of any known shape");
    Ok(found)
}

/// Each result's place and score.
pub(crate) fn ranking(body: &str) -> Result<Vec<(usize, String)>> {
    let body: Ranking = serde_json::from_str(body).context("a ranking of no known shape")?;
    Ok(body.results.into_iter().map(|it| (it.index, it.score.get().to_owned())).collect())
}

fn take(body: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Option<String> {
    body.remove(name).map(|value| value.get().to_owned()).filter(|value| value != "null")
}

fn row(numbers: Vec<Box<RawValue>>) -> Row {
    numbers.into_iter().map(|number| number.get().to_owned()).collect()
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Ranking {
    results: Vec<Ranked>,
}

#[derive(Deserialize)]
struct Ranked {
    index: usize,
    #[serde(alias = "relevance_score", rename = "relevanceScore")]
    score: Box<RawValue>,
}
