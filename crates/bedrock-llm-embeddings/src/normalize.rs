//! Vectors of length 1, and shorter vectors from long ones.

use bedrock_llm_schema::embed::Matrix;

/// A vector that has no direction, so that it cannot be scaled to length 1: all its numbers are 0, or one is infinite or
/// not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a vector of zeros, or with a number that is not finite, has no direction and cannot be scaled to length 1"
)]
#[non_exhaustive]
pub struct ZeroVector;

/// Rows that could not be scaled; all others were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the vectors cannot be scaled to length 1, the first is row {}", rows.len(), rows.first().unwrap_or(&0))]
#[non_exhaustive]
pub struct ZeroRows {
    /// Which rows, in ascending order; they are as they were.
    pub rows: Vec<usize>,
}

/// Why vectors could not be shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShortenError {
    /// There are fewer dimensions than are wanted, or none are.
    #[error("{wanted} dimensions cannot be taken of vectors that have {found}")]
    Dimensions {
        /// How many were wanted.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Beginnings that cannot be scaled to length 1.
    #[error(transparent)]
    Zero(#[from] ZeroRows),
}

/// Scales a vector to length 1 (L2) and says how long it was.
///
/// ```
/// use bedrock_llm_embeddings::normalize;
///
/// let mut vector = [3.0, 4.0];
/// assert_eq!(normalize(&mut vector), Ok(5.0));
/// assert_eq!(vector, [0.6, 0.8]);
/// assert!(normalize(&mut [0.0, 0.0]).is_err());
/// ```
///
/// # Errors
/// When it has no direction; it is left as it was.
pub fn normalize(vector: &mut [f32]) -> Result<f64, ZeroVector> {
    let length = length(vector);
    if length == 0.0 || !length.is_finite() {
        return Err(ZeroVector);
    }
    for number in vector {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1")]
        {
            *number = (f64::from(*number) / length) as f32;
        }
    }
    Ok(length)
}

/// Scales every row to length 1.
///
/// # Errors
/// When rows have no direction: they are left as they were, the others are scaled.
pub fn normalize_rows(matrix: &mut Matrix<f32>) -> Result<(), ZeroRows> {
    let width = matrix.width().max(1);
    let rows = matrix.as_mut_slice().chunks_exact_mut(width).enumerate();
    let rows: Vec<_> = rows.filter_map(|(place, row)| normalize(row).err().map(|_| place)).collect();
    if rows.is_empty() { Ok(()) } else { Err(ZeroRows { rows }) }
}

/// The beginnings of vectors, scaled to length 1: shorter vectors of the same texts, where the model was trained so
/// that its vectors can be cut
/// ([`is_matryoshka`](bedrock_llm_schema::model::EmbeddingFacts::is_matryoshka)). Of another model they are worth little.
///
/// # Errors
/// When there are not so many dimensions, 0 are wanted, or a beginning has no direction.
pub fn truncate_dimensions(matrix: &Matrix<f32>, dimensions: usize) -> Result<Matrix<f32>, ShortenError> {
    let wrong = ShortenError::Dimensions { wanted: dimensions, found: matrix.width() };
    if dimensions == 0 || dimensions > matrix.width() && !matrix.is_empty() {
        return Err(wrong);
    }
    let beginnings = matrix.rows().filter_map(|row| row.get(..dimensions)).flatten().copied().collect();
    let mut shorter = Matrix::from_values(beginnings, dimensions).map_err(|_| wrong)?;
    normalize_rows(&mut shorter)?;
    Ok(shorter)
}

/// In `f64`, in which the square of no `f32` overflows or vanishes.
fn length(vector: &[f32]) -> f64 {
    // several sums at once, so that the processor adds them side by side
    let (chunks, rest) = vector.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, number) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*number) * f64::from(*number);
        }
    }
    let rest: f64 = rest.iter().map(|number| f64::from(*number) * f64::from(*number)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_any_size_are_scaled() {
        for scale in [1e-38, 1e-20, 1.0, 1e20, 1e37] {
            let mut vector = vec![3.0 * scale; 19];
            normalize(&mut vector).unwrap();
            assert!((length(&vector) - 1.0).abs() < 1e-6, "{scale}: {vector:?}");
        }
    }

    #[test]
    fn what_has_no_direction_is_left_as_it_was() {
        for bad in [vec![], vec![0.0, -0.0], vec![1.0, f32::NAN], vec![f32::INFINITY, 1.0]] {
            let mut vector = bad.clone();
            assert_eq!(normalize(&mut vector), Err(ZeroVector));
            assert_eq!(format!("{vector:?}"), format!("{bad:?}"));
        }
        let mut matrix = Matrix::from_values(vec![3.0, 4.0, 0.0, 0.0, 0.0, 2.0], 2).unwrap();
        assert_eq!(normalize_rows(&mut matrix), Err(ZeroRows { rows: vec![1] }));
        assert_eq!(matrix.as_slice(), [0.6, 0.8, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn vectors_are_shortened() {
        let matrix = Matrix::from_values(vec![3.0, 4.0, 12.0, 0.0, 5.0, 0.0], 3).unwrap();
        assert_eq!(truncate_dimensions(&matrix, 2).unwrap().as_slice(), [0.6, 0.8, 0.0, 1.0]);
        assert_eq!(truncate_dimensions(&matrix, 4), Err(ShortenError::Dimensions { wanted: 4, found: 3 }));
        assert!(matches!(truncate_dimensions(&matrix, 0), Err(ShortenError::Dimensions { .. })));
        assert!(matches!(truncate_dimensions(&matrix, 1), Err(ShortenError::Zero(rows)) if rows.rows == [1]));
        assert!(truncate_dimensions(&Matrix::new(), 2).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn a_vector_keeps_its_direction(numbers in prop::collection::vec(-1e6f32..1e6, 1..40)) {
            let mut scaled = numbers.clone();
            if let Ok(length) = normalize(&mut scaled) {
                for (number, scaled) in numbers.iter().zip(&scaled) {
                    prop_assert!((f64::from(*scaled) * length - f64::from(*number)).abs() <= length * 1e-6);
                }
            }
        }
    }
}
