//! One vector for a text in pieces.

/// A weighted mean of vectors that come one by one.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    sum: Vec<f64>,
    weight: f64,
    /// The pieces' lengths, by weight.
    lengths: f64,
    /// How many pieces are still to come.
    left: usize,
}

impl Pool {
    pub(super) fn new(pieces: usize) -> Self {
        Self { sum: Vec::new(), weight: 0.0, lengths: 0.0, left: pieces }
    }

    /// Adds a piece's vector, in length 1 where it is to be scaled, else as it is. Gives the mean when it was the last: it
    /// is as long as the pieces are in the mean, since vectors that point apart have a shorter one.
    pub(super) fn add(&mut self, vector: &[f32], weight: u64, scale: bool) -> Option<Vec<f32>> {
        #[expect(clippy::cast_precision_loss, reason = "weights are counts of tokens")]
        let weight = weight.max(1) as f64;
        let own = length(vector.iter().map(|number| f64::from(*number)));
        // one of zeros has no direction to add
        let factor = if scale && own > 0.0 { weight / own } else { weight };
        self.sum.resize(vector.len(), 0.0);
        for (sum, number) in self.sum.iter_mut().zip(vector) {
            *sum += f64::from(*number) * factor;
        }
        self.weight += weight;
        self.lengths += own * weight;
        self.left = self.left.saturating_sub(1);
        (self.left == 0).then(|| self.mean())
    }

    fn mean(&self) -> Vec<f32> {
        let sum = length(self.sum.iter().copied());
        let factor = if sum > 0.0 { self.lengths / self.weight / sum } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "no longer than the longest `f32`s")]
        self.sum.iter().map(|number| (number * factor) as f32).collect()
    }
}

fn length(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|number| number * number).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_weigh_by_their_tokens() {
        let mut pool = Pool::new(2);
        assert_eq!(pool.add(&[3.0, 0.0], 3, false), None);
        let mean = pool.add(&[0.0, 3.0], 1, false).unwrap();
        // towards (3, 1), and 3 long
        let length = 10f32.sqrt() / 3.0;
        assert!((mean[0] - 3.0 / length).abs() < 1e-6 && (mean[1] - 1.0 / length).abs() < 1e-6, "{mean:?}");
    }

    #[test]
    fn scaled_pieces_point_alike_whatever_their_length() {
        let mut pool = Pool::new(3);
        pool.add(&[100.0, 0.0], 1, true);
        pool.add(&[0.0, 0.0], 2, true);
        let mean = pool.add(&[0.0, 1.0], 1, true).unwrap();
        assert!((mean[0] - mean[1]).abs() < 1e-6, "{mean:?}");
        assert!((f64::from(mean[0]) - 101.0 / 4.0 / 2f64.sqrt()).abs() < 1e-5, "{mean:?}");
        let mut none = Pool::new(2);
        none.add(&[1.0], 1, false);
        assert_eq!(none.add(&[-1.0], 1, false), Some(vec![0.0]));
    }

    proptest! {
        #[test]
        fn a_mean_is_as_long_as_its_pieces(
            pieces in prop::collection::vec((prop::array::uniform3(0.1f32..10.0), 0u64..9000), 1..20),
            scale: bool,
        ) {
            let mut pool = Pool::new(pieces.len());
            let mut mean = None;
            for (vector, weight) in &pieces {
                prop_assert!(mean.is_none());
                mean = pool.add(vector, *weight, scale);
            }
            let of = |vector: &[f32]| length(vector.iter().map(|number| f64::from(*number)));
            let own = of(&mean.unwrap());
            let lengths = pieces.iter().map(|(vector, _)| of(vector));
            prop_assert!(lengths.clone().fold(f64::MAX, f64::min) - 1e-4 <= own);
            prop_assert!(lengths.fold(0.0, f64::max) + 1e-4 >= own);
        }
    }
}
