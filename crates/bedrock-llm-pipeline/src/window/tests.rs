//! Windows by the items they must have, and what closes when.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::Window;
use crate::item::testing::{assert_closed_once, parted};
use crate::item::{Item, Value};
use crate::{AnyPipeline, BoxError, Pipeline, Stage};

/// An input that becomes so many items, after so many ms, or fails.
type Given = (u64, Result<u64, ()>);

fn given() -> impl Strategy<Value = Vec<Given>> {
    let after = prop_oneof![3 => Just(0_u64), 1 => 1..60_u64];
    let fate =
        prop_oneof![6 => Just(Ok(1)), 1 => Just(Err(())), 1 => Just(Ok(0)), 1 => (2..5_u64).prop_map(Ok)];
    prop::collection::vec((after, fate), 0..50)
}

/// An item: its input, which of its pieces, and when it came, in ms.
type Came = (u64, u64, u128);

/// What comes of the inputs with such a stage behind.
fn run<S: Stage<(u64, Given), Vec<Came>>>(
    given: &[Given],
    stage: impl FnOnce(Pieces) -> Pipeline<(u64, Given), Vec<Came>, S>,
) -> Vec<Item<Vec<Came>>> {
    let given = given.to_vec();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let pipeline = stage(pieces());
        let source = stream::iter((0..).zip(given)).then(async |(index, given): (u64, Given)| {
            sleep(Duration::from_millis(given.0)).await;
            Item::input(index, (index, given))
        });
        pipeline.runner().items(source).collect().await
    })
}

type Pieces = AnyPipeline<(u64, Given), Came>;

fn pieces() -> Pieces {
    let since = Instant::now();
    Pipeline::new()
        .try_map(|(index, (_, fate)): (u64, Given)| match fate {
            Ok(pieces) => Ok((index, pieces)),
            Err(()) => Err(BoxError::from("refused")),
        })
        .flat_map(move |(index, pieces)| {
            let now = since.elapsed().as_millis();
            (0..pieces).map(move |piece| (index, piece, now))
        })
        .boxed_any()
}

/// All items, in order.
fn wanted(given: &[Given]) -> Vec<(u64, u64)> {
    (0..).zip(given).flat_map(|(index, (_, fate))| (0..fate.unwrap_or(0)).map(move |p| (index, p))).collect()
}

fn bare(windows: &[Vec<Came>]) -> Vec<Vec<(u64, u64)>> {
    windows.iter().map(|window| window.iter().map(|(index, piece, _)| (*index, *piece)).collect()).collect()
}

/// No input is closed before the last window with an item of it is out.
fn assert_closed_after_windows(items: &[Item<Vec<Came>>]) {
    for (place, item) in items.iter().enumerate() {
        if item.last {
            let later = items.iter().skip(place + 1);
            let is_in = |window: &Vec<Came>| window.iter().any(|(index, ..)| *index == item.index);
            let later = later
                .filter_map(|item| if let Value::Good(window) = &item.value { Some(window) } else { None });
            assert!(!later.into_iter().any(is_in), "input {} closes before a window of it", item.index);
        }
    }
}

proptest! {
    #[test]
    fn tumbling(given in given(), count in prop::option::of(1..6_usize), time in prop::option::of(1..100_u64)) {
        let time = time.or(if count.is_none() { Some(30) } else { None });
        let window = Window { count, time: time.map(Duration::from_millis) };
        let items = run(&given, |pieces| pieces.window(window).unwrap().boxed_any());
        assert_closed_once(&items, given.len() as u64, true);
        assert_closed_after_windows(&items);
        let failed: Vec<u64> = (0..).zip(&given).filter(|(_, given)| given.1.is_err()).map(|(index, _)| index).collect();
        let (windows, bad) = parted(items);
        prop_assert_eq!(bad, failed);
        prop_assert_eq!(bare(&windows).concat(), wanted(&given));
        for (place, window) in windows.iter().enumerate() {
            prop_assert!(!window.is_empty() && count.is_none_or(|count| window.len() <= count));
            let (began, ended) = (window[0].2, window[window.len() - 1].2);
            // an item that comes as the time runs out may be in this one or in the next
            prop_assert!(time.is_none_or(|time| ended - began <= u128::from(time)));
            // it was full, or its time was over, or there is no more
            if let Some(next) = windows.get(place + 1) {
                let full = count == Some(window.len());
                prop_assert!(full || time.is_some_and(|time| next[0].2 - began >= u128::from(time)));
            }
        }
    }

    #[test]
    fn sliding(given in given(), size in 1..7_usize, step in 1..9_usize) {
        let items = run(&given, |pieces| pieces.sliding_window(size, step).unwrap().boxed_any());
        assert_closed_once(&items, given.len() as u64, true);
        assert_closed_after_windows(&items);
        let (windows, bad) = parted(items);
        prop_assert_eq!(bad.len(), given.iter().filter(|given| given.1.is_err()).count());

        let all = wanted(&given);
        let mut wanted: Vec<Vec<(u64, u64)>> = Vec::new();
        let mut seen = 0;
        for start in (0..all.len()).step_by(step) {
            let window = &all[start..all.len().min(start + size)];
            if window.len() == size || start + window.len() > seen {
                wanted.push(window.to_vec());
            }
            seen = seen.max(start + window.len());
        }
        prop_assert_eq!(bare(&windows), wanted);
    }
}

#[test]
fn a_window_goes_out_before_what_it_closes() {
    let given = [(0, Ok(1)), (0, Err(())), (0, Ok(1)), (0, Ok(2))];
    let items = run(&given, |pieces| pieces.sliding_window(3, 1).unwrap().boxed_any());
    let told: Vec<_> = items
        .iter()
        .map(|item| {
            let what = match &item.value {
                Value::Good(window) => format!("{}", window.len()),
                Value::Failed(_) => "failed".to_owned(),
                Value::Gone => "gone".to_owned(),
            };
            (item.index, what, item.last)
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(index, what, last)| (*index, what.as_str(), *last)).collect();
    assert_eq!(
        told,
        [(0, "3", true), (1, "failed", true), (2, "3", true), (3, "gone", true)],
        "0, 2 and a piece of 3; then 2 and both pieces of 3"
    );
}
