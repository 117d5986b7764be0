//! Windows of a run.

use std::time::Duration;

use bedrock_llm_pipeline::{ConfigError, Pipeline, Window};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep_until};

/// One number at each of these seconds.
fn at<const N: usize>(seconds: [u64; N]) -> impl futures_util::Stream<Item = u64> + Send {
    let since = Instant::now();
    stream::iter(seconds).then(move |second| async move {
        sleep_until(since + Duration::from_secs(second)).await;
        second
    })
}

async fn windows(
    window: Window,
    input: impl futures_util::Stream<Item = u64> + Send + 'static,
) -> Vec<Vec<u64>> {
    let Ok(pipeline) = Pipeline::new().window(window) else {
        return Vec::new();
    };
    pipeline.run(input).try_collect().await.unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn windows_end_by_count_or_time_or_both() {
    let seconds = [0, 1, 2, 3, 12, 13, 30];
    assert_eq!(windows(Window::count(3), at(seconds)).await, [vec![0, 1, 2], vec![3, 12, 13], vec![30]]);
    let ten = Duration::from_secs(10);
    assert_eq!(windows(Window::time(ten), at(seconds)).await, [vec![0, 1, 2, 3], vec![12, 13], vec![30]]);
    let both = Window::count(2).within(ten);
    assert_eq!(windows(both, at(seconds)).await, [vec![0, 1], vec![2, 3], vec![12, 13], vec![30]]);
}

#[tokio::test]
async fn a_window_by_time_ends_though_the_input_is_always_ready() {
    let begun = std::time::Instant::now();
    let busy = stream::iter(0..u64::MAX)
        .take_while(move |_| std::future::ready(begun.elapsed() < Duration::from_millis(30)));
    assert!(windows(Window::time(Duration::from_millis(5)), busy).await.len() > 1);
}

#[tokio::test]
async fn failures_keep_their_places() {
    let pipeline = Pipeline::new()
        .try_map(|number: u64| if number.is_multiple_of(4) { Err("no") } else { Ok(number) })
        .window(Window::count(2))
        .unwrap();
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..7)).collect().await;
    let told: Vec<_> = outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.index())).collect();
    assert_eq!(told, [Err(0), Ok(vec![1, 2]), Ok(vec![3, 5]), Err(4), Ok(vec![6])]);
    let stats = pipeline.stats();
    let node = stats.node("window").unwrap();
    assert_eq!((node.entered, node.left), (5, 3));
}

#[test]
fn settings_that_cannot_be_are_named() {
    let field = |error| match error {
        ConfigError::OutOfRange { field, .. } => field,
        other => panic!("{other}"),
    };
    let refused = |window| field(Pipeline::<u64, u64, _>::new().window(window).unwrap_err());
    assert_eq!(refused(Window::count(0)), "count");
    assert_eq!(refused(Window::time(Duration::ZERO)), "time");
    assert_eq!(refused(Window::count(1).within(Duration::ZERO)), "time");
    let refused = |size, step| field(Pipeline::<u64, u64, _>::new().sliding_window(size, step).unwrap_err());
    assert_eq!((refused(0, 1), refused(1, 0)), ("size", "step"));
}
