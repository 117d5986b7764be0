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
        for (name, vector) in types(&by_type)? {
            let vector =
                if is_known(&name) { vec![row(serde_json::from_str(vector.get())?)] } else { Vec::new() };
            found.insert(name, vector);
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
            for (name, rows) in types(embeddings)? {
                let rows: Vec<Vec<_>> =
                    if is_known(&name) { serde_json::from_str(rows.get())? } else { Vec::new() };
                found.insert(name, rows.into_iter().map(row).collect());
            }
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

/// Whether it is known what vectors of a type look like; of others we have none either.
pub(crate) fn is_known(name: &str) -> bool {
    ["float", "int8", "uint8", "binary", "ubinary"].contains(&name)
}

/// What came by the names of types; `null` is nothing.
fn types(by_type: &str) -> Result<BTreeMap<String, Box<RawValue>>> {
    let mut found: BTreeMap<String, Box<RawValue>> = serde_json::from_str(by_type)?;
    found.retain(|_, rows| rows.get() != "null");
    Ok(found)
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
