//! Searches against sorting all rows.

use bedrock_llm_schema::embed::Bits;
use proptest::prelude::*;

use super::*;
use crate::similarity::{Hamming, Metric, best_first, cosine, dot, euclidean_squared, hamming};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::Euclidean];

/// Sorts all, by the functions for two vectors.
fn sorted<T: Similar>(rows: &Matrix<T>, k: usize, score: impl Fn(&[T]) -> f32) -> Vec<Scored> {
    let scored = |(index, row)| Scored { index, score: score(row) };
    let mut all: Vec<_> = rows.rows().enumerate().map(scored).collect();
    all.sort_by(|left, right| best_first((left.score, left.index), (right.score, right.index)));
    all.truncate(k);
    all
}

fn number(row: &[f32], query: &[f32], metric: Metric) -> f32 {
    match metric {
        Metric::Cosine => cosine(row, query).unwrap_or(f32::NAN),
        Metric::Dot => dot(row, query).unwrap(),
        Metric::Euclidean => -euclidean_squared(row, query).unwrap(),
    }
}

/// NaN is NaN.
fn bits(found: &[Scored]) -> Vec<(usize, Option<f32>)> {
    found.iter().map(|one| (one.index, (!one.score.is_nan()).then_some(one.score))).collect()
}

/// Few values, so that scores are often equal; some that are none.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![8 => (-2i8..=2).prop_map(f32::from), 1 => -1.0f32..1.0, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY)]
}

prop_compose! {
    fn rows_and_query()(width in 1usize..6)(
        rows in prop::collection::vec(prop::collection::vec(value(), width), 0..40),
        query in prop::collection::vec(-2.0f32..2.0, width),
    ) -> (Matrix<f32>, Vec<f32>) {
        let mut matrix = Matrix::new();
        rows.iter().for_each(|row| matrix.push(row).unwrap());
        (matrix, query)
    }
}

proptest! {
    #[test]
    fn it_is_the_beginning_of_all_in_order((rows, query) in rows_and_query(), k in 0usize..50, place in 0usize..3) {
        let metric = METRICS[place];
        prop_assume!(query.iter().any(|number| number.abs() > 1e-3));
        let found = top_k(&rows, &query, k, metric).unwrap();
        prop_assert_eq!(bits(&found), bits(&sorted(&rows, k, |row| number(row, &query, metric))));
    }

    #[test]
    fn unsigned_bytes_rank_as_signed_ones(
        rows in prop::collection::vec(any::<[i8; 3]>(), 1..40),
        query: [i8; 3],
        place in 0usize..3,
    ) {
        prop_assume!(query != [0; 3]);
        let unsigned = |byte: i8| byte.wrapping_add(-128) as u8;
        let signed: Vec<i8> = rows.into_iter().flatten().collect();
        let shifted = Matrix::from_values(signed.iter().copied().map(unsigned).collect(), 3).unwrap();
        let signed = Matrix::from_values(signed, 3).unwrap();
        let wanted = top_k(&signed, &query, 40, METRICS[place]).unwrap();
        let found = top_k(&shifted, &query.map(unsigned), 40, METRICS[place]).unwrap();
        prop_assert_eq!(bits(&found), bits(&wanted));
    }

    #[test]
    fn bits_are_searched_too(rows in prop::collection::vec(any::<[u8; 3]>(), 0..30), query: [u8; 3], k in 0usize..40) {
        let rows = Matrix::from_values(rows.into_iter().flatten().map(Bits).collect(), 3).unwrap();
        let query = query.map(Bits);
        let wanted = sorted(&rows, k, |row| -(hamming(row, &query).unwrap() as f32));
        prop_assert_eq!(top_k(&rows, &query, k, Hamming).unwrap(), wanted);
    }

    #[test]
    fn any_division_of_the_rows_finds_the_same(scores in prop::collection::vec(value(), 0..60), k in 0usize..20, cut in 0usize..60) {
        let all = || scores.iter().enumerate().map(|(index, score)| Scored { index, score: *score });
        let mut whole = Best::of(k);
        all().for_each(|one| whole.offer(one));
        let (mut left, mut right) = (Best::of(k), Best::of(k));
        all().rev().for_each(|one| if one.index < cut { left.offer(one) } else { right.offer(one) });
        #[cfg(feature = "rayon")]
        right.take_in(left);
        #[cfg(not(feature = "rayon"))]
        left.in_order().into_iter().for_each(|one| right.offer(one));
        prop_assert_eq!(bits(&right.in_order()), bits(&whole.in_order()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Enough numbers that all cores search.
    #[test]
    fn a_large_search_finds_what_a_plain_one_does(seed: u32, k in 1usize..300, metric in 0usize..3) {
        let metric = METRICS[metric];
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 28) as u8) - 7.5
        };
        let rows = Matrix::from_values((0..(1 << 21)).map(|_| next()).collect(), 8).unwrap();
        let query: Vec<f32> = (0..8).map(|_| next()).collect();
        let found = top_k(&rows, &query, k, metric).unwrap();
        prop_assert_eq!(bits(&found), bits(&sorted(&rows, k, |row| number(row, &query, metric))));
    }
}

#[test]
fn many_queries_find_what_each_finds() {
    let numbers = (0..(3_000i32 * 7)).map(|number| ((number * 37) % 101) as i8);
    let rows = Matrix::from_values(numbers.collect(), 7).unwrap();
    let queries =
        Matrix::from_values((0..(101 * 7)).map(|number| (number % 13) as i8 - 6).collect(), 7).unwrap();
    for metric in METRICS {
        let many = top_k_many(&rows, &queries, 5, metric).unwrap();
        let each: Vec<_> = queries.rows().map(|query| top_k(&rows, query, 5, metric).unwrap()).collect();
        assert_eq!(many, each);
    }
}

#[test]
fn what_cannot_be_searched_with_is_told() {
    let rows = Matrix::from_values(vec![1.0, 0.0, 0.0, 1.0], 2).unwrap();
    let search = |query: &[f32], metric| top_k(&rows, query, 1, metric);
    assert_eq!(search(&[1.0], Metric::Dot), Err(SimilarityError::Length { left: 1, right: 2 }));
    assert_eq!(search(&[1.0, f32::NAN], Metric::Dot), Err(SimilarityError::NotFinite { place: 1 }));
    assert_eq!(search(&[0.0, 0.0], Metric::Cosine), Err(SimilarityError::Zero));
    assert_eq!(search(&[0.0, 0.0], Metric::Euclidean), Ok(vec![Scored { index: 0, score: -1.0 }]));
    assert_eq!(top_k(&Matrix::new(), &[1.0f32], 3, Metric::Cosine), Ok(Vec::new()));
    assert_eq!(top_k(&rows, &[1.0, 1.0], usize::MAX, Metric::Dot).unwrap().len(), 2);
}
