//! Jobs: what is acknowledged and when, failures, files, resuming.
#![cfg(feature = "files")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_llm_pipeline::job::{CheckpointError, DeadLetter, Ended, Job, JobError};
use bedrock_llm_pipeline::sink::{Collect, CsvSink, JsonLinesSink, Sink, TextSink};
use bedrock_llm_pipeline::source::{Csv, Delivery, JsonLines, Source, TextLines};
use bedrock_llm_pipeline::{AnyPipeline, BoxError, Concurrency, Pipeline, Window, sink, source};
use proptest::prelude::*;
use tokio::time::sleep;

/// A queue that gives again what was not acknowledged, as one on another machine does.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Messages>>);

#[derive(Default)]
struct Messages {
    waiting: VecDeque<u64>,
    taken: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

impl Queue {
    fn of(messages: std::ops::Range<u64>) -> Self {
        Self(Arc::new(Mutex::new(Messages { waiting: messages.collect(), ..Messages::default() })))
    }

    /// Whoever took messages is gone.
    fn give_again(&self) {
        let mut messages = self.0.lock().unwrap();
        let taken = std::mem::take(&mut messages.taken);
        messages.waiting.extend(taken);
    }

    fn acknowledged(&self) -> BTreeSet<u64> {
        self.0.lock().unwrap().acknowledged.clone()
    }
}

impl Source for Queue {
    type Item = u64;
    type Receipt = u64;

    async fn next(&self) -> source::Next<u64, u64> {
        let mut messages = self.0.lock().unwrap();
        let message = messages.waiting.pop_front();
        messages.taken.extend(message);
        Ok(message.map(|message| Delivery::new(message, message)))
    }

    async fn acknowledge(&self, receipts: Vec<u64>) -> Result<(), BoxError> {
        let mut messages = self.0.lock().unwrap();
        for receipt in receipts {
            assert!(messages.taken.remove(&receipt), "{receipt} was not taken");
            messages.acknowledged.insert(receipt);
        }
        Ok(())
    }
}

/// A database: what is not flushed is lost.
#[derive(Clone, Default)]
struct Database {
    written: Vec<(u64, u64)>,
    durable: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Sink<(u64, u64)> for Database {
    async fn write(&mut self, item: (u64, u64)) -> Result<(), BoxError> {
        self.written.push(item);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        self.durable.lock().unwrap().append(&mut self.written);
        Ok(())
    }
}

/// None, one or two results of each message, some of them late.
fn results_of(message: u64) -> Vec<(u64, u64)> {
    (0..message % 3).map(|part| (message, part)).collect()
}

fn working(as_completed: bool) -> AnyPipeline<u64, (u64, u64)> {
    let concurrency = Concurrency::new(4);
    Pipeline::new()
        .flat_map(results_of)
        .then(async |(message, part): (u64, u64)| {
            sleep(Duration::from_millis((message * 7 + part * 3) % 11)).await;
            Ok::<_, BoxError>((message, part))
        })
        .parallel(if as_completed { concurrency.as_completed() } else { concurrency })
        .boxed_any()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often whoever works is killed: each message's results are durable when it is acknowledged, and in the
    /// end all are.
    #[test]
    fn a_queue_loses_nothing(
        messages in 1_u64..60,
        kills in prop::collection::vec(1_u64..60, 0..4),
        commit_items in 1_usize..10,
        as_completed: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let queue = Queue::of(0..messages);
        let database = Database::default();
        let pipeline = working(as_completed);
        runtime.block_on(async {
            let job = || {
                let fresh = Database { written: Vec::new(), ..database.clone() };
                Job::new(&pipeline, queue.clone(), fresh).commit_every(commit_items, Duration::from_millis(5)).run()
            };
            for kill in kills {
                // dropped on the way, as by a kill
                drop(tokio::time::timeout(Duration::from_millis(kill), job()).await);
                let durable: BTreeSet<_> = database.durable.lock().unwrap().iter().copied().collect();
                for message in queue.acknowledged() {
                    assert!(results_of(message).into_iter().all(|result| durable.contains(&result)), "{message}");
                }
                queue.give_again();
            }
            let report = job().await.unwrap();
            assert_eq!(report.ended, Ended::Complete);
            assert_eq!(report.acknowledged, report.read);
        });
        prop_assert_eq!(queue.acknowledged(), (0..messages).collect());
        let durable: BTreeSet<_> = database.durable.lock().unwrap().iter().copied().collect();
        prop_assert_eq!(durable, (0..messages).flat_map(results_of).collect());
    }
}

#[tokio::test]
async fn the_first_failure_ends_a_job_unless_told_otherwise() {
    let pipeline = Pipeline::new().try_map(|number: u64| if number == 3 { Err("three") } else { Ok(number) });
    let results = Collect::new();
    let error = Job::new(&pipeline, source::iter(0..9), results.clone()).run().await.unwrap_err();
    assert_eq!(error.to_string(), "an item failed, 3 were done before it");
    let JobError::Item { error, report, .. } = error else { panic!("{error}") };
    assert_eq!((error.index(), report.written, report.ended), (3, 3, Ended::Failed));
    assert_eq!(results.take(), [0, 1, 2]);

    let report =
        Job::new(&pipeline, source::iter(0..9), results.clone()).skip_failures().run().await.unwrap();
    assert_eq!((report.read, report.written, report.failed, report.acknowledged), (9, 8, 1, 9));
    assert_eq!(report.failures[0].cause().to_string(), "three");

    let letters: Collect<DeadLetter<u64>> = Collect::new();
    let job = Job::new(&pipeline, source::iter(0..9), results).dead_letters(letters.clone());
    assert_eq!(job.run().await.unwrap().failed, 1);
    let letter = letters.take().remove(0);
    assert_eq!(
        (letter.index, letter.node.as_str(), letter.error.as_str(), letter.input),
        (3, "try_map", "three", Some(3))
    );
}

#[tokio::test]
async fn channels_join_a_job_to_others() {
    let (send, numbers) = tokio::sync::mpsc::channel(2);
    let (results, mut doubled) = tokio::sync::mpsc::channel(2);
    let pipeline = Arc::new(Pipeline::new().map(|number: u64| number * 2));
    let job = Job::new(Arc::clone(&pipeline), source::channel(numbers), sink::channel(results));
    let job = tokio::spawn(job.run());
    for number in 0..5 {
        send.send(number).await.unwrap();
        assert_eq!(doubled.recv().await, Some(number * 2));
    }
    drop(send);
    assert_eq!(job.await.unwrap().unwrap().written, 5);
    assert_eq!(pipeline.stats().node("map").unwrap().left, 5);
}

#[tokio::test(start_paused = true)]
async fn commits_come_in_time_while_nothing_happens() {
    let queue = Queue::of(0..3);
    let (results, mut doubled) = tokio::sync::mpsc::channel(9);
    let waiting = Pipeline::new().then(async |number: u64| {
        sleep(Duration::from_secs(if number == 2 { 3_600 } else { 0 })).await;
        Ok::<_, BoxError>(number)
    });
    let job =
        Job::new(waiting, queue.clone(), sink::channel(results)).commit_every(100, Duration::from_secs(1));
    let handle = job.handle();
    let job = tokio::spawn(job.run());
    doubled.recv().await;
    doubled.recv().await;
    assert!(queue.acknowledged().is_empty());
    sleep(Duration::from_secs(2)).await;
    assert_eq!(queue.acknowledged(), BTreeSet::from([0, 1]));
    handle.cancel();
    let report = job.await.unwrap().unwrap();
    assert_eq!((report.ended, report.read, report.acknowledged), (Ended::Cancelled, 3, 2));
}

#[tokio::test]
async fn a_source_or_sink_that_breaks_ends_the_job_with_what_was_done() {
    struct Breaks;
    impl Source for Breaks {
        type Item = u64;
        type Receipt = ();
        async fn next(&self) -> source::Next<u64, ()> {
            Err("the cable".into())
        }
        async fn acknowledge(&self, _: Vec<()>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let pipeline = Pipeline::new().map(|number: u64| number);
    let error = Job::new(&pipeline, Breaks, Collect::new()).run().await.unwrap_err();
    assert!(matches!(error, JobError::Source { .. }));

    let (results, closed) = tokio::sync::mpsc::channel(1);
    drop(closed);
    let error = Job::new(&pipeline, source::iter([1]), sink::channel(results)).run().await.unwrap_err();
    assert_eq!(error.to_string(), "the sink failed after 0 results");
    assert_eq!(error.report().unwrap().read, 1);
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn lines_are_read_as_they_stand() {
    let files = Files::new();
    let path = files.write("in.jsonl", "\u{feff}{\"a\": 1}\r\n\n  \n{\"a\": \n{\"a\": 2}");
    let results = Collect::new();
    let pipeline = Pipeline::new().map(|value: serde_json::Value| value["a"].as_u64());
    let job = Job::new(&pipeline, JsonLines::open(&path).unwrap(), results.clone()).skip_failures();
    let report = job.run().await.unwrap();
    assert_eq!(results.take(), [Some(1), Some(2)]);
    let failure = &report.failures[0];
    assert_eq!((failure.index(), failure.node()), (1, "source"));
    assert_eq!(failure.cause().to_string(), format!("line 4 of {} cannot be read", path.display()));

    let path = files.write("in.txt", b"one\r\n\ntwo\n\xff\nthree");
    let letters = files.path("failed.jsonl");
    let pipeline = Pipeline::new().map(|text: String| format!("<{text}>"));
    let job =
        Job::new(&pipeline, TextLines::open(&path).unwrap(), TextSink::open(files.path("out.txt")).unwrap())
            .dead_letters(JsonLinesSink::open(&letters).unwrap());
    job.run().await.unwrap();
    assert_eq!(read(files.path("out.txt")), "<one>\n<>\n<two>\n<three>\n");
    assert!(
        read(&letters).starts_with(r#"{"index":3,"node":"source","error":"line 4 of "#),
        "{}",
        read(&letters)
    );

    let error = JsonLines::<u64>::open(files.path("none.jsonl")).unwrap_err();
    assert!(error.to_string().contains("none.jsonl"), "{error}");
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct City {
    name: String,
    people: u64,
}

fn grown() -> Pipeline<City, City> {
    Pipeline::new().map(|city: City| City { people: city.people + 1, ..city }).boxed()
}

#[tokio::test]
async fn csv_files_have_headers_and_fields_of_several_lines() {
    let files = Files::new();
    let path = files.write("in.csv", "name,people\n\"New\nYork\",8\nOslo,few\nLyon,5\n");
    let out = files.path("out.csv");
    let job = Job::new(grown(), Csv::open(&path).unwrap(), CsvSink::open(&out).unwrap()).skip_failures();
    let report = job.run().await.unwrap();
    assert_eq!(read(&out), "name,people\n\"New\nYork\",9\nLyon,6\n");
    assert_eq!((report.read, report.failed), (3, 1));
    let job = Job::new(grown(), Csv::open(&path).unwrap(), CsvSink::open(&out).unwrap()).skip_failures();
    job.run().await.unwrap();
    assert_eq!(read(&out), "name,people\n\"New\nYork\",9\nLyon,6\n\"New\nYork\",9\nLyon,6\n");
}

#[tokio::test]
async fn a_finished_job_goes_on_with_what_is_added() {
    let files = Files::new();
    let (path, out) = (files.write("in.csv", "name,people\n\"New\nYork\",8\n"), files.path("out.csv"));
    let job = || {
        Job::new(grown(), Csv::open(&path).unwrap(), CsvSink::open(&out).unwrap())
            .checkpoint(files.path("job.json"))
            .run()
    };
    let report = job().await.unwrap();
    assert_eq!((report.read, report.resumed_at, report.ended), (1, None, Ended::Complete));
    let report = job().await.unwrap();
    assert_eq!((report.read, report.resumed_at), (0, Some(1)));
    std::fs::write(&path, "name,people\n\"New\nYork\",8\nLyon,5\n").unwrap();
    let report = job().await.unwrap();
    assert_eq!((report.read, report.resumed_at), (1, Some(1)));
    assert_eq!(read(&out), "name,people\n\"New\nYork\",9\nLyon,6\n");

    // what was written after the last commit is taken away
    std::fs::write(&out, format!("{}Oslo,7\nBer", read(&out))).unwrap();
    job().await.unwrap();
    assert_eq!(read(&out), "name,people\n\"New\nYork\",9\nLyon,6\n");
}

#[tokio::test]
async fn what_does_not_fit_a_checkpoint_is_refused() {
    async fn refused(
        job: impl Future<Output = Result<bedrock_llm_pipeline::job::JobReport, JobError>>,
    ) -> CheckpointError {
        match job.await.unwrap_err() {
            JobError::Checkpoint { cause, .. } => cause,
            other => panic!("{other}"),
        }
    }
    let files = Files::new();
    let (input, out, kept) =
        (files.write("in.jsonl", "1\n2\n"), files.path("out.jsonl"), files.path("job.json"));
    let numbers = || JsonLines::<u64>::open(&input).unwrap();
    let results = || JsonLinesSink::open(&out).unwrap();
    let once = || Pipeline::new().map(|number: u64| number);
    Job::new(once(), numbers(), results()).checkpoint(&kept).run().await.unwrap();

    let twice = once().map(|number| number);
    let error = refused(Job::new(twice, numbers(), results()).checkpoint(&kept).run()).await;
    assert!(error.to_string().starts_with(r#"the pipeline's nodes were ["map (map)"] and are ["#), "{error}");

    let window = once().window(Window::count(2)).unwrap();
    let error = refused(Job::new(window, numbers(), results()).checkpoint(files.path("w.json")).run()).await;
    assert!(matches!(error, CheckpointError::Window { .. }), "{error}");

    std::fs::write(&input, "1\n3\n4\n").unwrap();
    let error = refused(Job::new(once(), numbers(), results()).checkpoint(&kept).run()).await;
    assert!(matches!(error, CheckpointError::InputChanged { .. }), "{error}");
    std::fs::write(&input, "1\n2\n3\n").unwrap();

    std::fs::write(&out, "1\n").unwrap();
    let error = refused(Job::new(once(), numbers(), results()).checkpoint(&kept).run()).await;
    assert!(matches!(error, CheckpointError::OutputShort { found: 2, expected: 4, .. }), "{error}");

    std::fs::write(&kept, "{\"version\": 1}").unwrap();
    let error = refused(Job::new(once(), numbers(), results()).checkpoint(&kept).run()).await;
    assert!(matches!(error, CheckpointError::Unreadable { .. }), "{error}");

    let error = refused(Job::new(once(), numbers(), results()).checkpoint(files.path("n.json")).run()).await;
    assert!(matches!(error, CheckpointError::OutputNotEmpty { .. }), "{error}");
    assert_eq!(read(&out), "1\n", "nothing that was refused touches the output");
}

/// What a job makes of a line.
fn pieces(as_completed: bool) -> AnyPipeline<u64, (u64, u64)> {
    let refusing = Pipeline::new().try_map(|number: u64| {
        if number % 5 == 4 { Err(format!("{number} is refused")) } else { Ok(number) }
    });
    let concurrency = Concurrency::new(4);
    refusing
        .filter(|number| number % 7 != 6)
        .flat_map(results_of)
        .then(async |(number, part): (u64, u64)| {
            sleep(Duration::from_millis((number * 7 + part * 3) % 11)).await;
            Ok::<_, BoxError>((number, part))
        })
        .parallel(if as_completed { concurrency.as_completed() } else { concurrency })
        .boxed_any()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Dropped on the way however often, then run to its end: the files are as if nothing had happened.
    #[test]
    fn a_resumed_job_writes_what_an_undisturbed_one_writes(
        lines in 0_u64..80,
        kills in prop::collection::vec(1_u64..60, 0..5),
        commit_items in 1_usize..10,
        as_completed: bool,
    ) {
        let files = Files::new();
        let input = files.write("in.jsonl", (0..lines).map(|line| format!("{line}\n")).collect::<String>());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let run = |name: &'static str| {
            let (pipeline, files, input) = (pieces(as_completed), &files, &input);
            async move {
                Job::new(pipeline, JsonLines::open(input).unwrap(), JsonLinesSink::open(files.path(&format!("{name}.out"))).unwrap())
                    .dead_letters(JsonLinesSink::open(files.path(&format!("{name}.failed"))).unwrap())
                    .commit_every(commit_items, Duration::from_millis(5))
                    .checkpoint(files.path(&format!("{name}.json")))
                    .run()
                    .await
            }
        };
        let sorted = |name: &str| {
            let mut lines: Vec<String> = read(files.path(name)).lines().map(str::to_owned).collect();
            if as_completed {
                lines.sort();
            }
            lines
        };
        runtime.block_on(async {
            run("whole").await.unwrap();
            for kill in kills {
                drop(tokio::time::timeout(Duration::from_millis(kill), run("killed")).await);
            }
            let report = run("killed").await.unwrap();
            assert_eq!(report.ended, Ended::Complete);
        });
        prop_assert_eq!(sorted("whole.out"), sorted("killed.out"));
        prop_assert_eq!(sorted("whole.failed"), sorted("killed.failed"));
    }
}
