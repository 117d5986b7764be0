//! Two vectors.

use bedrock_llm_schema::embed::Bits;

use super::kernel::{Sums, differing_bits};
use super::{Number, SimilarityError};

/// The dot product: more is more alike. Of vectors of length 1 it is the [`cosine`], and quicker.
///
/// Sums of bytes are exact until they are rounded to an `f32`. An `i8` is taken as it stands, a `u8` less 128: see
/// [`Metric`](super::Metric).
///
/// ```
/// use bedrock_llm_embeddings::similarity::dot;
///
/// assert_eq!(dot(&[1.0, 2.0], &[3.0, 4.0])?, 11.0);
/// assert_eq!(dot(&[100i8, -100], &[100i8, 100])?, 0.0);
/// assert!(dot(&[1.0, 2.0], &[3.0]).is_err());
/// # Ok::<(), bedrock_llm_embeddings::similarity::SimilarityError>(())
/// ```
///
/// # Errors
/// [`SimilarityError::Length`].
pub fn dot<T: Number>(left: &[T], right: &[T]) -> Result<f32, SimilarityError> {
    check_lengths(left, right)?;
    Ok(T::dot(left, right) as f32)
}

/// The cosine of the angle between them, from -1 to 1: 1 for one direction, 0 for a right angle, -1 for opposite ones.
///
/// It does not depend on how long they are. Of `u8` it is that of the vectors less 128: see [`Metric`](super::Metric). NaN where one of their numbers is NaN or infinite.
///
/// ```
/// use bedrock_llm_embeddings::similarity::{SimilarityError, cosine};
///
/// assert_eq!(cosine(&[1.0, 1.0], &[3.0, 3.0])?, 1.0);
/// assert_eq!(cosine(&[2.0, 0.0], &[0.0, 0.5])?, 0.0);
/// assert_eq!(cosine(&[0.0, 0.0], &[0.0, 0.5]), Err(SimilarityError::Zero));
/// # Ok::<(), SimilarityError>(())
/// ```
///
/// # Errors
/// [`SimilarityError::Length`], and [`SimilarityError::Zero`] where one of them has no direction.
pub fn cosine<T: Number>(left: &[T], right: &[T]) -> Result<f32, SimilarityError> {
    check_lengths(left, right)?;
    let cosine = cosine_with(left, right, square(right));
    cosine.ok_or(SimilarityError::Zero)
}

/// The square of a vector's length.
pub(super) fn square<T: Sums>(vector: &[T]) -> f64 {
    let square = T::dot(vector, vector);
    if is_sound(square) { square } else { T::dot_in_doubles(vector, vector) }
}

/// The cosine where one square is known; `None` where one is 0.
#[inline]
pub(super) fn cosine_with<T: Sums>(left: &[T], right: &[T], right_square: f64) -> Option<f32> {
    let (mut dot, mut left_square) = T::dot_and_square(left, right);
    if !is_sound(left_square) || !is_sound(right_square) {
        (dot, left_square) = (T::dot_in_doubles(left, right), T::dot_in_doubles(left, left));
    }
    let length = left_square.sqrt() * right_square.sqrt();
    (length != 0.0).then(|| (dot / length).clamp(-1.0, 1.0) as f32)
}

/// Whether floats are good enough: what is lost in products of numbers too small for one is nothing beside this square.
fn is_sound(square: f64) -> bool {
    (1e-25..=1e25).contains(&square)
}

/// The square of the distance between them: less is more alike. Of vectors of length 1 it is `2 - 2 * cosine`.
///
/// ```
/// use bedrock_llm_embeddings::similarity::euclidean_squared;
///
/// assert_eq!(euclidean_squared(&[0.0, 0.0], &[3.0, 4.0])?, 25.0);
/// # Ok::<(), bedrock_llm_embeddings::similarity::SimilarityError>(())
/// ```
///
/// # Errors
/// [`SimilarityError::Length`].
pub fn euclidean_squared<T: Number>(left: &[T], right: &[T]) -> Result<f32, SimilarityError> {
    check_lengths(left, right)?;
    Ok(T::distance_squared(left, right) as f32)
}

/// How many bits differ: less is more alike.
///
/// ```
/// use bedrock_llm_embeddings::similarity::hamming;
/// use bedrock_llm_schema::embed::Bits;
///
/// assert_eq!(hamming(&[Bits(0b1100_0000)], &[Bits(0b0110_0000)])?, 2);
/// # Ok::<(), bedrock_llm_embeddings::similarity::SimilarityError>(())
/// ```
///
/// # Errors
/// [`SimilarityError::Length`].
pub fn hamming(left: &[Bits], right: &[Bits]) -> Result<u64, SimilarityError> {
    check_lengths(left, right)?;
    Ok(differing_bits(left, right))
}

pub(super) fn check_lengths<T>(left: &[T], right: &[T]) -> Result<(), SimilarityError> {
    let (left, right) = (left.len(), right.len());
    if left == right { Ok(()) } else { Err(SimilarityError::Length { left, right }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_angle_does_not_depend_on_lengths() {
        for scale in [1e-38, 1e-25, 1.0, 1e25, 1e38] {
            let found = cosine(&[scale, 0.0], &[scale, scale]).unwrap();
            assert!((found - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-6, "{scale}: {found}");
        }
        assert_eq!(cosine(&[1.0f32, 1.0], &[-1.0, -1.0]).unwrap(), -1.0);
        let uneven = cosine(&[1e-15f32, 0.0], &[1e-35, 1e-35]).unwrap();
        assert!((uneven - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-6, "{uneven}");
        assert!(cosine(&[f32::NAN, 1.0], &[1.0, 1.0]).unwrap().is_nan());
    }

    #[test]
    fn bytes_are_compared_from_their_zero() {
        assert_eq!(cosine(&[100i8, 0], &[-3, 0]).unwrap(), -1.0);
        assert_eq!(cosine(&[255u8, 255], &[129, 129]).unwrap(), 1.0);
        assert_eq!(cosine(&[255u8, 255], &[1, 1]).unwrap(), -1.0);
        assert_eq!(dot(&[228u8, 28], &[129, 127]), dot(&[100i8, -100], &[1, -1]));
        assert_eq!(cosine(&[128u8, 128], &[1, 1]), Err(SimilarityError::Zero));
        assert_eq!(euclidean_squared(&[0u8], &[255]).unwrap(), 65_025.0);
        assert_eq!(cosine(&[0i8, 0], &[1, 1]), Err(SimilarityError::Zero));
    }

    #[test]
    fn two_lengths_are_never_compared() {
        let error = || SimilarityError::Length { left: 2, right: 1 };
        assert_eq!(dot(&[1.0, 2.0], &[1.0]), Err(error()));
        assert_eq!(cosine(&[1u8, 2], &[1]), Err(error()));
        assert_eq!(euclidean_squared(&[1i8, 2], &[1]), Err(error()));
        assert_eq!(hamming(&[Bits(1), Bits(2)], &[Bits(1)]), Err(error()));
        assert_eq!(cosine::<f32>(&[], &[]), Err(SimilarityError::Zero));
        assert_eq!(dot::<f32>(&[], &[]), Ok(0.0));
    }
}
