//! CPU work on threads of its own.
#![cfg(feature = "compute")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use bedrock_llm_pipeline::{
    BoxError, ComputeConfig, ComputePool, ConfigError, ItemError, Pipeline, compute_fn, try_compute_fn,
};
use futures_util::future::poll_immediate;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn items_are_computed_on_the_pool_and_keep_their_order() {
    let pool = ComputePool::new(2).unwrap();
    assert_eq!(pool.workers(), 2);
    let pipeline = Pipeline::new().compute_on(&pool, |number: u64| {
        std::thread::sleep(Duration::from_micros(number % 7 * 100));
        (number, thread_name())
    });
    let done: Vec<_> = pipeline.run(stream::iter(0..100)).try_collect().await.unwrap();
    assert!(done.iter().map(|(number, _)| *number).eq(0..100));
    assert!(done.iter().all(|(_, thread)| thread == "pipeline-0" || thread == "pipeline-1"), "{done:?}");
    let (number, thread) = pipeline.execute(7).await.unwrap();
    assert!(number == 7 && thread.starts_with("pipeline-"));
    let node = &pipeline.stats().nodes[0];
    assert_eq!((&*node.name, node.entered, node.left), ("compute", 101, 101));
    assert!(node.busy > 0.0 && node.busy <= 1.0);
}

/// The one thread of the runtime must be free while the pool's works, or neither goes on.
#[tokio::test(flavor = "current_thread")]
async fn no_async_worker_waits() {
    let (sender, receiver) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    let pipeline =
        Pipeline::new().compute(move |number: u64| number + receiver.lock().unwrap().recv().unwrap());
    let send = async { sender.send(40).unwrap() };
    let (sum, ()) = tokio::join!(pipeline.execute(2), send);
    assert_eq!(sum.unwrap(), 42);
}

#[tokio::test]
async fn failures_and_panics_are_their_items() {
    let pool = ComputePool::new(2).unwrap();
    let refuse = |number: u64| match number {
        2 => Err("two".to_owned()),
        3 => panic!("three"),
        _ => Ok(number),
    };
    let told = |outcomes: Vec<Result<u64, ItemError>>| {
        let cause = |error: &ItemError| (error.index(), error.is_panic(), error.cause().to_string());
        assert_eq!(cause(outcomes[2].as_ref().unwrap_err()), (2, false, "two".to_owned()));
        let panic = (3, true, "the node's function panicked: three".to_owned());
        assert_eq!(cause(outcomes[3].as_ref().unwrap_err()), panic);
        assert!([0, 1, 4, 5].iter().all(|place| *outcomes[*place].as_ref().unwrap() == *place as u64));
    };
    told(Pipeline::new().try_compute_on(&pool, refuse).run(stream::iter(0..6)).collect().await);
    told(Pipeline::new().try_compute(refuse).run(stream::iter(0..6)).collect().await);
    let node = try_compute_fn(&pool, refuse);
    told(Pipeline::new().node(node).parallel(3).run(stream::iter(0..6)).collect().await);
}

/// Panics when it is dropped on a thread of the pool.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        if thread_name().starts_with("pipeline-") {
            panic!("dropped");
        }
    }
}

#[tokio::test]
async fn a_panic_of_a_drop_does_not_end_the_program() {
    let pool = ComputePool::new(1).unwrap();
    let pipeline = Pipeline::new().compute_on(&pool, drop::<Grudge>);
    assert!(pipeline.execute(Grudge).await.unwrap_err().is_panic());
    // dropped after it was computed, since nobody takes it
    let (started, starts) = mpsc::channel();
    let (go, goes) = mpsc::channel::<()>();
    let goes = Mutex::new(goes);
    let pipeline = Pipeline::new().compute_on(&pool, move |(): ()| {
        started.send(()).unwrap();
        goes.lock().unwrap().recv().unwrap();
        Grudge
    });
    let mut given_up = Box::pin(pipeline.execute(()));
    assert!(poll_immediate(&mut given_up).await.is_none());
    starts.recv().unwrap();
    drop(given_up);
    go.send(()).unwrap();
    assert_eq!(Pipeline::new().compute_on(&pool, |number: u8| number).execute(1).await.unwrap(), 1);
}

#[tokio::test]
async fn work_of_items_that_are_dropped_is_left_out() {
    let pool = ComputePool::new(1).unwrap();
    let (go, goes) = mpsc::channel::<()>();
    let goes = Mutex::new(goes);
    let computed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&computed);
    let pipeline = Pipeline::new().compute_on(&pool, move |waits: bool| {
        count.fetch_add(1, SeqCst);
        if waits {
            goes.lock().unwrap().recv().unwrap();
        }
    });
    let mut first = Box::pin(pipeline.execute(true));
    assert!(poll_immediate(&mut first).await.is_none());
    let mut dropped = Box::pin(pipeline.execute(false));
    assert!(poll_immediate(&mut dropped).await.is_none());
    drop(dropped);
    go.send(()).unwrap();
    first.await.unwrap();
    pipeline.execute(false).await.unwrap();
    assert_eq!(computed.load(SeqCst), 2);
}

#[tokio::test]
async fn several_are_computed_at_once_and_leave_as_they_are_done_if_asked() {
    let pool = ComputePool::new(2).unwrap();
    let both = Barrier::new(2);
    let meeting = Pipeline::new().compute_on(&pool, move |number: u64| {
        both.wait();
        number
    });
    assert_eq!(meeting.run(stream::iter(0..10)).count().await, 10);

    let (go, goes) = mpsc::channel();
    let goes = Mutex::new(goes);
    let config = ComputeConfig::new(&pool).as_completed();
    let overtaking = Pipeline::new().compute_on(config, move |number: u64| {
        if number == 0 {
            goes.lock().unwrap().recv().unwrap();
        }
        number
    });
    let mut run = overtaking.run(stream::iter(0..4));
    for expected in 1..4 {
        assert_eq!(run.next().await.unwrap().unwrap(), expected);
    }
    go.send(()).unwrap();
    assert_eq!(run.next().await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn its_time_is_that_of_its_threads() {
    let pool = ComputePool::new(1).unwrap();
    let pipeline = Pipeline::new().compute_on(&pool, |millis: u64| {
        std::thread::sleep(Duration::from_millis(millis));
        millis
    });
    // the second waits for the first, in the node
    assert_eq!(pipeline.run(stream::iter([60, 0])).count().await, 2);
    let node = &pipeline.stats().nodes[0];
    assert!(node.p99.unwrap() >= Duration::from_millis(59));
    assert!(node.p50.unwrap() < Duration::from_millis(59));
}

#[tokio::test]
async fn a_node_of_it_takes_modifiers() {
    let pool = ComputePool::shared();
    let pipeline = Pipeline::new()
        .node(compute_fn(&pool, |number: u64| number + 1))
        .timeout(Duration::from_secs(60))
        .unwrap()
        .parallel(4)
        .then(async |number| Ok::<_, BoxError>(number * 2));
    let done: Vec<_> = pipeline.run(stream::iter(0..3)).try_collect().await.unwrap();
    assert_eq!(done, [2, 4, 6]);
}

#[test]
fn a_pool_has_threads() {
    let error = ComputePool::new(0).unwrap_err();
    assert!(matches!(error, ConfigError::OutOfRange { field: "ComputePool::max_workers", .. }), "{error}");
}
