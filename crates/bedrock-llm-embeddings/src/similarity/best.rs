//! The best few of many, without sorting the rest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Scored;

/// The higher score first, NaN after every number, and of equal ones the earlier.
pub(crate) fn best_first(left: (f32, usize), right: (f32, usize)) -> Ordering {
    let scores = right.0.partial_cmp(&left.0);
    let by_score = scores.unwrap_or_else(|| left.0.is_nan().cmp(&right.0.is_nan()));
    by_score.then(left.1.cmp(&right.1))
}

/// Keeps the best `k` of what is offered: the same ones in whatever order they come, since no two are equal.
#[derive(Debug, Clone)]
pub(super) struct Best {
    k: usize,
    /// The worst on top.
    kept: BinaryHeap<Worst>,
}

/// Greater the worse it is.
#[derive(Debug, Clone, Copy)]
struct Worst(Scored);

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        best_first((self.0.score, self.0.index), (other.0.score, other.0.index))
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Worst {}

impl Best {
    pub(super) fn of(k: usize) -> Self {
        Self { k, kept: BinaryHeap::new() }
    }

    #[inline]
    pub(super) fn offer(&mut self, one: Scored) {
        if self.kept.len() < self.k {
            self.kept.push(Worst(one));
        } else if let Some(mut worst) = self.kept.peek_mut()
            && Worst(one) < *worst
        {
            *worst = Worst(one);
        }
    }

    #[cfg(feature = "rayon")]
    pub(super) fn take_in(&mut self, other: Self) {
        other.kept.into_iter().for_each(|Worst(one)| self.offer(one));
    }

    pub(super) fn in_order(self) -> Vec<Scored> {
        self.kept.into_sorted_vec().into_iter().map(|Worst(one)| one).collect()
    }
}
