//! Bodies of the shape that was recorded, of made-up numbers.

use std::fmt::Write as _;

/// What Titan text v2 answers: each number twice, in the digits of a double.
pub(crate) fn titan_body(dimensions: usize) -> Vec<u8> {
    let numbers = numbers(dimensions, f64::from);
    format!(
        "{{\"embedding\":{numbers},\"embeddingsByType\":{{\"float\":{numbers}}},\"inputTextTokenCount\":24}}"
    )
    .into_bytes()
}

/// What Cohere embed v4 answers to so many texts. The texts come back as well.
pub(crate) fn cohere_body(dimensions: usize, texts: &[String]) -> serde_json::Result<Vec<u8>> {
    let vector = numbers(dimensions, |number| number);
    let vectors = vec![vector; texts.len()].join(",");
    let texts = serde_json::to_string(texts)?;
    Ok(format!(
        "{{\"embeddings\":{{\"float\":[{vectors}]}},\"id\":\"8ab1e49a-f303-4e8c-9f40-a77442dd13a1\",\
         \"response_type\":\"embeddings_by_type\",\"texts\":{texts}}}"
    )
    .into_bytes())
}

/// A list of numbers between -0.1 and 0.1, as a type prints them.
fn numbers<N: std::fmt::Display>(count: usize, r#as: impl Fn(f32) -> N) -> String {
    let mut list = String::from("[");
    let mut state = 0x2545_f491_u32;
    for place in 0..count {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let number = (state >> 8) as f32 / (1 << 24) as f32 * 0.2 - 0.1;
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(list, "{comma}{}", r#as(number));
    }
    list.push(']');
    list
}
