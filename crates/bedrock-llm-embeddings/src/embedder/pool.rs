//! One vector for a text in pieces.

/// A weighted mean of vectors that come one by one.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    sum: Vec<f64>,
    weight: f64,
    /// How many pieces are still to come.
    left: usize,
}

impl Pool {
    pub(super) fn new(pieces: usize) -> Self {
        Self { sum: Vec::new(), weight: 0.0, left: pieces }
    }

    /// Adds a piece's vector. Gives the mean when it was the last.
    pub(super) fn add(&mut self, vector: &[f32], weight: u64) -> Option<Vec<f32>> {
        #[expect(clippy::cast_precision_loss, reason = "weights are counts of tokens")]
        let weight = weight.max(1) as f64;
        self.sum.resize(vector.len(), 0.0);
        for (sum, number) in self.sum.iter_mut().zip(vector) {
            *sum += f64::from(*number) * weight;
        }
        self.weight += weight;
        self.left = self.left.saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, reason = "a mean of `f32`s is in their range")]
        (self.left == 0).then(|| self.sum.iter().map(|sum| (sum / self.weight) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_weigh_by_their_tokens() {
        let mut pool = Pool::new(2);
        assert_eq!(pool.add(&[1.0, 0.0], 3), None);
        assert_eq!(pool.add(&[0.0, 1.0], 1), Some(vec![0.75, 0.25]));
    }

    proptest! {
        #[test]
        fn a_mean_lies_between_its_pieces(pieces in prop::collection::vec((-10.0f32..10.0, 0u64..9000), 1..20)) {
            let mut pool = Pool::new(pieces.len());
            let mut mean = None;
            for (number, weight) in &pieces {
                prop_assert!(mean.is_none());
                mean = pool.add(&[*number], *weight);
            }
            let mean = mean.unwrap()[0];
            let numbers = pieces.iter().map(|(number, _)| *number);
            prop_assert!(numbers.clone().fold(f32::MAX, f32::min) - 1e-5 <= mean);
            prop_assert!(numbers.fold(f32::MIN, f32::max) + 1e-5 >= mean);
        }
    }
}
