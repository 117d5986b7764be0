//! From features to vectors of any length.

use super::features::Features;

/// How many places of the sketch a feature is added to.
const PLACES: u32 = 4;

/// The longest vector: a feature's hash has 15 bits for each of its places, and one for the sign.
pub(crate) const LONGEST: usize = 1 << 15;

/// A vector in which cosines are about those of the features.
///
/// Each feature is added to a few places of a sketch, with a sign each; then a Walsh-Hadamard transform spreads every
/// feature over all numbers. The first numbers of such a transform are those of the transform of the folded sketch, which
/// is the sketch for that length: so a vector's beginning is, but for its scale, the shorter vector.
pub(crate) fn project(features: &Features, dimensions: usize) -> Vec<f32> {
    let size = dimensions.clamp(1, LONGEST).next_power_of_two();
    let mut numbers = vec![0.0_f32; size];
    for (hash, weight) in features.iter() {
        for part in 0..PLACES {
            let bits = (hash >> (part * u64::BITS / PLACES)) as usize;
            let signed = if bits & LONGEST == 0 { weight } else { -weight };
            if let Some(number) = numbers.get_mut(bits & (size - 1)) {
                *number += signed;
            }
        }
    }
    transform(&mut numbers);
    numbers.truncate(dimensions);
    let scale = 1.0 / (PLACES as f32 * numbers.len() as f32).sqrt();
    numbers.iter_mut().for_each(|number| *number *= scale);
    numbers
}

/// The Walsh-Hadamard transform of as many numbers as a power of two.
fn transform(numbers: &mut [f32]) {
    let mut half = 1;
    while half < numbers.len() {
        for block in numbers.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (*low + *high, *low - *high);
            }
        }
        half *= 2;
    }
}

/// Scales a vector to length 1; one of zeros, in which features happened to cancel, points somewhere.
pub(crate) fn normalize(numbers: &mut [f32]) {
    let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        numbers.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    } else if let Some(first) = numbers.first_mut() {
        *first = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(text: &str, dimensions: usize) -> Vec<f32> {
        let mut vector = project(&Features::of_text(text), dimensions);
        normalize(&mut vector);
        vector
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn cosines_are_about_those_of_the_features() {
        let texts = [
            "A cat sits on the mat.",
            "The cat sat on a mat!",
            "My cat is asleep.",
            "Quarterly revenue of the bank",
            "The bank of the river",
        ];
        for dimensions in [256, 384, 512, 1024, 1536, 3072] {
            let room = 2.5 / (dimensions as f32).sqrt();
            for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
                let wanted = Features::of_text(a).cosine(&Features::of_text(b));
                let found = dot(&unit(a, dimensions), &unit(b, dimensions));
                assert!((found - wanted).abs() < room, "{a} / {b} in {dimensions}: {found}, wanted {wanted}");
            }
        }
    }

    #[test]
    fn no_number_is_left_out() {
        // one word is spread over all numbers, so that bits of it are about half and half
        let vector = unit("x", 1024);
        let positive = vector.iter().filter(|number| **number > 0.0).count();
        assert!((300..724).contains(&positive), "{positive}");
    }

    proptest! {
        #[test]
        fn a_beginning_is_the_shorter_vector(text in "[a-z ]{0,60}", long in 1_usize..3000, share in 0.0..1.0) {
            let short = ((long as f64 * share) as usize).max(1);
            let whole = unit(&text, long);
            prop_assert_eq!(whole.len(), long);
            prop_assert!((dot(&whole, &whole) - 1.0).abs() < 1e-3);
            let mut beginning = whole.get(..short).unwrap().to_vec();
            // a beginning of zeros is no vector
            prop_assume!(beginning.iter().any(|number| number.abs() > 1e-4));
            normalize(&mut beginning);
            prop_assert!(dot(&beginning, &unit(&text, short)) > 0.999);
        }
    }
}
