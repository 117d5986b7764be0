//! Random pipelines over random items: nothing is lost, nothing comes twice, order is kept where it is promised, and
//! each input is closed once.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use bedrock_llm_pipeline::{AnyPipeline, BatchConfig, BoxError, Concurrency, OnError, Pipeline};
use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use tokio::time::sleep;

/// A number, and which of its input's numbers it is.
type Piece = (u64, Vec<u64>);

/// One node of a random pipeline.
#[derive(Clone, Debug)]
enum Step {
    Add(u64),
    /// Fails for multiples of this.
    Refuse(u64),
    /// Drops multiples of this.
    Drop(u64),
    /// As many as the remainder by this.
    Spread(u64),
    /// Takes as many milliseconds as the remainder of this, with so many at once.
    Wait(u64, usize, bool),
    Batch(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..5).prop_map(Step::Add),
        (2_u64..9).prop_map(Step::Refuse),
        (2_u64..9).prop_map(Step::Drop),
        (1_u64..4).prop_map(Step::Spread),
        ((1_u64..9), (1_usize..9), any::<bool>())
            .prop_map(|(most, width, ordered)| Step::Wait(most, width, ordered)),
        ((1_usize..9), (1_usize..4)).prop_map(|(size, width)| Step::Batch(size, width)),
    ];
    prop::collection::vec(step, 0..7)
}

impl Step {
    fn add_to(&self, pipeline: AnyPipeline<u64, Piece>) -> AnyPipeline<u64, Piece> {
        match *self {
            Self::Add(more) => pipeline.map(move |(number, path): Piece| (number + more, path)).boxed_any(),
            Self::Refuse(of) => pipeline
                .try_map(
                    move |(number, path): Piece| {
                        if number.is_multiple_of(of) { Err("refused") } else { Ok((number, path)) }
                    },
                )
                .boxed_any(),
            Self::Drop(of) => pipeline.filter(move |(number, _)| !number.is_multiple_of(of)).boxed_any(),
            Self::Spread(most) => pipeline
                .flat_map(move |(number, path): Piece| {
                    (0..number % most)
                        .map(move |piece| (number + piece, [path.as_slice(), &[piece]].concat()))
                })
                .boxed_any(),
            Self::Wait(most, width, ordered) => {
                let concurrency = Concurrency::new(width);
                let concurrency = if ordered { concurrency } else { concurrency.as_completed() };
                pipeline
                    .then(move |(number, path): Piece| async move {
                        let wait = number % most;
                        if wait > 0 {
                            sleep(Duration::from_millis(wait)).await;
                        }
                        Ok::<_, BoxError>((number, path))
                    })
                    .parallel(concurrency)
                    .boxed_any()
            }
            Self::Batch(size, width) => pipeline
                .batch(BatchConfig::new(size), async |pieces: Vec<Piece>| {
                    sleep(Duration::from_millis(pieces.len() as u64)).await;
                    Ok::<_, BoxError>(pieces)
                })
                .unwrap()
                .parallel(width)
                .boxed_any(),
        }
    }

    /// What should become of a piece.
    fn expected(&self, (number, path): Piece) -> Vec<Option<Piece>> {
        match *self {
            Self::Add(more) => vec![Some((number + more, path))],
            Self::Refuse(of) => vec![(!number.is_multiple_of(of)).then_some((number, path))],
            Self::Drop(of) if number.is_multiple_of(of) => Vec::new(),
            Self::Spread(most) => (0..number % most)
                .map(|piece| Some((number + piece, [path.as_slice(), &[piece]].concat())))
                .collect(),
            Self::Drop(_) | Self::Wait(..) | Self::Batch(..) => vec![Some((number, path))],
        }
    }

    fn keeps_order(&self) -> bool {
        !matches!(self, Self::Wait(_, width, false) if *width > 1)
    }
}

fn pipeline_of(steps: &[Step]) -> AnyPipeline<u64, Piece> {
    let begin = Pipeline::new().map(|number: u64| (number, vec![number])).boxed_any();
    steps.iter().fold(begin, |pipeline, step| step.add_to(pipeline))
}

/// The results in order; a failure is `None`.
fn expected(steps: &[Step], inputs: &[u64]) -> Vec<Option<Piece>> {
    let mut pieces: Vec<Option<Piece>> = inputs.iter().map(|&number| Some((number, vec![number]))).collect();
    for step in steps {
        let next =
            pieces.into_iter().map(|piece| piece.map_or_else(|| vec![None], |piece| step.expected(piece)));
        pieces = next.flatten().collect();
    }
    pieces
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_item_comes_out_as_it_should(
        steps in steps(),
        inputs in prop::collection::vec((0_u64..100, 0_u64..8), 0..60),
        queue in 1_usize..20,
    ) {
        let (numbers, waits): (Vec<u64>, Vec<u64>) = inputs.into_iter().unzip();
        let pipeline = pipeline_of(&steps);
        let source = stream::iter(numbers.clone().into_iter().zip(waits)).then(|(number, wait)| async move {
            // most come at once
            if wait > 5 {
                sleep(Duration::from_millis(wait)).await;
            }
            number
        });
        let outcomes: Vec<_> = paused().block_on(pipeline.runner().queue(queue).run(source).collect());
        let mut found: Vec<Option<Piece>> = outcomes.into_iter().map(Result::ok).collect();
        let mut expected = expected(&steps, &numbers);
        if !steps.iter().all(Step::keeps_order) {
            found.sort();
            expected.sort();
        }
        prop_assert_eq!(found, expected);
    }

    /// Told to drain, a run ends with the results of the items it took: the first so many, without a gap.
    #[test]
    fn a_drained_run_loses_nothing_it_took(
        steps in steps(),
        numbers in prop::collection::vec(0_u64..100, 1..80),
        after in 0_usize..40,
    ) {
        let pipeline = pipeline_of(&steps);
        let found: Vec<Piece> = paused().block_on(async {
            let mut results = pipeline.runner().on_error(OnError::Skip).run(stream::iter(numbers.clone()));
            let mut found = Vec::new();
            while let Some(result) = results.next().await {
                found.push(result.unwrap());
                if found.len() == after {
                    results.handle().drain();
                }
            }
            found
        });
        let mut found = found;
        found.sort();
        // the results of some first inputs, all of them
        let possible = (0..=numbers.len()).any(|taken| {
            let mut expected: Vec<Piece> = expected(&steps, &numbers[..taken]).into_iter().flatten().collect();
            expected.sort();
            expected == found
        });
        prop_assert!(possible, "{found:?}");
    }
}
