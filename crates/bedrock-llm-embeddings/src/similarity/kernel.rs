//! The sums over two vectors of one length.

use bedrock_llm_schema::embed::{Bits, Element};

/// Numbers that can be multiplied: `f32`, `i8` and `u8`. Sealed, as [`Element`] is.
pub trait Number: Element + Sums {}

impl<T: Element + Sums> Number for T {}

/// What is summed over the places of two vectors. Those of two lengths are compared as far as both go, so callers
/// look at the lengths before.
pub trait Sums: Sized {
    fn dot(left: &[Self], right: &[Self]) -> f64;

    /// The dot product, and that of the first with itself, with one look at each number.
    fn dot_and_square(left: &[Self], right: &[Self]) -> (f64, f64);

    /// [`dot`](Self::dot) for numbers so large or so small that their products are no floats of their own size.
    fn dot_in_doubles(left: &[Self], right: &[Self]) -> f64;

    fn distance_squared(left: &[Self], right: &[Self]) -> f64;
}

/// How many sums of floats are kept side by side: floats are not summed in another order than is written, so that
/// one sum would go number by number.
const LANES: usize = 32;

/// Sums up a term of each pair.
#[inline]
fn sum(left: &[f32], right: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sums = [0.0; LANES];
    let (left_lanes, left_rest) = left.as_chunks::<LANES>();
    let (right_lanes, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left_lanes.iter().zip(right_lanes) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += term(*left, *right);
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| term(*left, *right)).sum();
    (add_up(sums) + rest).into()
}

/// In pairs.
fn add_up(mut sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = sums.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high;
        }
        width /= 2;
    }
    let [sum, ..] = sums;
    sum
}

impl Sums for f32 {
    fn dot(left: &[Self], right: &[Self]) -> f64 {
        sum(left, right, |left, right| left * right)
    }

    fn dot_and_square(left: &[Self], right: &[Self]) -> (f64, f64) {
        let (mut dots, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let (left_lanes, left_rest) = left.as_chunks::<LANES>();
        let (right_lanes, right_rest) = right.as_chunks::<LANES>();
        for (left, right) in left_lanes.iter().zip(right_lanes) {
            for (((dot, square), left), right) in dots.iter_mut().zip(&mut squares).zip(left).zip(right) {
                *dot += left * right;
                *square += left * left;
            }
        }
        let (dot, square) = (Self::dot(left_rest, right_rest), Self::dot(left_rest, left_rest));
        (f64::from(add_up(dots)) + dot, f64::from(add_up(squares)) + square)
    }

    #[cold]
    fn dot_in_doubles(left: &[Self], right: &[Self]) -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    }

    fn distance_squared(left: &[Self], right: &[Self]) -> f64 {
        sum(left, right, |left, right| (left - right) * (left - right))
    }
}

/// So many products of bytes, 255 × 255 at most, can be summed in an `i32`.
const WHOLE: usize = 32_768;

/// What a byte stands for: a `u8` is the `i8` of the same vector and 128, so that 128 is its zero.
trait Byte: Copy {
    fn value(self) -> i32;
}

impl Byte for i8 {
    #[inline]
    fn value(self) -> i32 {
        self.into()
    }
}

impl Byte for u8 {
    #[inline]
    fn value(self) -> i32 {
        i32::from(self) - 128
    }
}

macro_rules! sums_of_bytes {
    ($($byte:ty)*) => {$(
        impl Sums for $byte {
            fn dot(left: &[Self], right: &[Self]) -> f64 {
                whole(left, right, |left, right| left.value() * right.value())
            }

            fn dot_and_square(left: &[Self], right: &[Self]) -> (f64, f64) {
                (Self::dot(left, right), Self::dot(left, left))
            }

            fn dot_in_doubles(left: &[Self], right: &[Self]) -> f64 {
                Self::dot(left, right)
            }

            fn distance_squared(left: &[Self], right: &[Self]) -> f64 {
                whole(left, right, |left, right| (left.value() - right.value()).pow(2))
            }
        }
    )*};
}

sums_of_bytes! { i8 u8 }

/// Sums up a term of each pair; exact up to 2^53.
#[inline]
fn whole<T: Copy>(left: &[T], right: &[T], term: impl Fn(T, T) -> i32) -> f64 {
    let pieces = left.chunks(WHOLE).zip(right.chunks(WHOLE));
    pieces
        .map(|(left, right)| left.iter().zip(right).map(|(left, right)| term(*left, *right)).sum::<i32>())
        .map(f64::from)
        .sum()
}

/// How many bits differ.
pub(super) fn differing_bits(left: &[Bits], right: &[Bits]) -> u64 {
    let word = |bits: &[Bits; 8]| u64::from_ne_bytes(bits.map(|Bits(byte)| byte));
    let (left_words, left_rest) = left.as_chunks::<8>();
    let (right_words, right_rest) = right.as_chunks::<8>();
    let words = left_words.iter().zip(right_words);
    let rest = left_rest.iter().zip(right_rest);
    words.map(|(left, right)| u64::from((word(left) ^ word(right)).count_ones())).sum::<u64>()
        + rest.map(|(Bits(left), Bits(right))| u64::from((left ^ right).count_ones())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn floats() -> impl Strategy<Value = Vec<(f32, f32)>> {
        prop::collection::vec((-2.0f32..2.0, -2.0f32..2.0), 0..200)
    }

    fn plain(pairs: &[(f32, f32)], term: impl Fn(f64, f64) -> f64) -> f64 {
        pairs.iter().map(|(left, right)| term((*left).into(), (*right).into())).sum()
    }

    proptest! {
        #[test]
        fn lanes_sum_what_one_sum_would(pairs in floats()) {
            let (left, right): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let near = |found: f64, wanted: f64| (found - wanted).abs() <= 1e-3;
            let (dot, square) = f32::dot_and_square(&left, &right);
            prop_assert!(near(dot, plain(&pairs, |l, r| l * r)));
            prop_assert!(near(square, plain(&pairs, |l, _| l * l)));
            prop_assert!(near(f32::dot_in_doubles(&left, &right), plain(&pairs, |l, r| l * r)));
            prop_assert!(near(f32::dot(&left, &right), plain(&pairs, |l, r| l * r)));
            let distance = f32::distance_squared(&left, &right);
            prop_assert!(near(distance, plain(&pairs, |l, r| (l - r) * (l - r))));
        }

        #[test]
        fn bits_are_counted_in_words_and_bytes(pairs in prop::collection::vec(any::<(u8, u8)>(), 0..40)) {
            let (left, right): (Vec<_>, Vec<_>) = pairs.iter().map(|(l, r)| (Bits(*l), Bits(*r))).unzip();
            let wanted: u32 = pairs.iter().map(|(l, r)| (l ^ r).count_ones()).sum();
            prop_assert_eq!(differing_bits(&left, &right), u64::from(wanted));
        }
    }

    #[test]
    fn long_vectors_of_bytes_do_not_overflow() {
        let long = vec![255u8; 3 * WHOLE + 1];
        assert_eq!(u8::dot(&long, &long), 16_129.0 * (3.0 * WHOLE as f64 + 1.0));
        let (low, high) = (vec![-128i8; WHOLE], vec![127i8; WHOLE]);
        assert_eq!(i8::distance_squared(&low, &high), 65_025.0 * WHOLE as f64);
        assert_eq!(i8::dot_and_square(&low, &high), (-16_256.0 * WHOLE as f64, 16_384.0 * WHOLE as f64));
    }
}
