//! The same vector in every type of number.

use bedrock_llm_schema::embed::{Bits, EmbeddingType, Matrix, ShapeError, Vectors};

/// Four standard deviations of a vector of length 1 fill a byte; what is further out is cut off.
const DEVIATIONS: f32 = 4.0;

/// Rows of floats in a type of number; `None` for a type that this version does not know.
pub(super) fn quantize(rows: &[Vec<f32>], r#type: &EmbeddingType) -> Result<Option<Vectors>, ShapeError> {
    Ok(Some(match r#type {
        EmbeddingType::Float => Vectors::Float(matrix(rows, <[f32]>::to_vec)?),
        EmbeddingType::Int8 => Vectors::Int8(matrix(rows, |row| bytes(row).collect())?),
        // the same, from 0
        EmbeddingType::Uint8 => {
            Vectors::Uint8(matrix(rows, |row| bytes(row).map(|byte| byte.cast_unsigned() ^ 0x80).collect())?)
        }
        EmbeddingType::Binary => Vectors::Binary(matrix(rows, bits)?),
        EmbeddingType::Ubinary => Vectors::Ubinary(matrix(rows, bits)?),
        _ => return Ok(None),
    }))
}

fn matrix<T: Clone>(rows: &[Vec<f32>], convert: impl Fn(&[f32]) -> Vec<T>) -> Result<Matrix<T>, ShapeError> {
    let mut matrix = Matrix::new();
    rows.iter().try_for_each(|row| matrix.push(&convert(row)))?;
    Ok(matrix)
}

fn bits(row: &[f32]) -> Vec<Bits> {
    Bits::pack(row.iter().map(|number| *number > 0.0))
}

fn bytes(row: &[f32]) -> impl Iterator<Item = i8> {
    let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    let scale = (row.len() as f32).sqrt() / length * f32::from(i8::MAX) / DEVIATIONS;
    // a cast of a float to an integer stops at the ends of its range
    row.iter().map(move |number| (number * scale).round() as i8)
}

#[cfg(test)]
mod tests {
    use super::super::features::Features;
    use super::super::project::project;
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn every_type_tells_alike_from_unlike() {
        let texts =
            ["The cat sat on a mat!", "A cat sits on the mat.", "My cat is asleep.", "Revenue of the bank"];
        let rows: Vec<_> = texts.iter().map(|text| project(&Features::of_text(text), 512)).collect();
        let floats = |vectors: Vectors, place: usize| -> Vec<f32> {
            match vectors {
                Vectors::Float(matrix) => matrix.row(place).unwrap().to_vec(),
                Vectors::Int8(matrix) => matrix.row(place).unwrap().iter().map(|n| f32::from(*n)).collect(),
                Vectors::Uint8(matrix) => {
                    matrix.row(place).unwrap().iter().map(|n| f32::from(*n) - 128.0).collect()
                }
                Vectors::Binary(matrix) | Vectors::Ubinary(matrix) => {
                    let bits = matrix.row(place).unwrap().iter().flat_map(|bits| bits.unpack());
                    bits.map(|bit| if bit { 1.0 } else { -1.0 }).collect()
                }
                _ => panic!("another type"),
            }
        };
        for r#type in [
            EmbeddingType::Float,
            EmbeddingType::Int8,
            EmbeddingType::Uint8,
            EmbeddingType::Binary,
            EmbeddingType::Ubinary,
        ] {
            let vectors = quantize(&rows, &r#type).unwrap().unwrap();
            assert_eq!((vectors.r#type(), vectors.len(), vectors.dimensions()), (r#type.clone(), 4, 512));
            let like = |place| cosine(&floats(vectors.clone(), 0), &floats(vectors.clone(), place));
            let (near, related, unrelated) = (like(1), like(2), like(3));
            assert!(
                near > related && related > unrelated && unrelated < 0.3,
                "{type}: {near} {related} {unrelated}"
            );
        }
        assert_eq!(quantize(&rows, &EmbeddingType::from("int4")), Ok(None));
    }

    #[test]
    fn bytes_fill_their_range() {
        let row = project(&Features::of_text("The museum opens at nine and closes at five."), 1024);
        let found: Vec<_> = bytes(&row).collect();
        assert!(found.iter().any(|byte| *byte > 60) && found.iter().any(|byte| *byte < -60));
        assert_eq!(bytes(&[1.0, 0.0, 0.0, 0.0]).collect::<Vec<_>>(), [64, 0, 0, 0]);
    }
}
