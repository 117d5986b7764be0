//! Random graphs give what a simple evaluation gives: nothing lost, nothing twice, in order.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::HashSet;
use std::time::Duration;

use bedrock_llm_pipeline::graph::Placed;
use bedrock_llm_pipeline::{BoxError, Concurrency, Graph, GraphError, ItemError, map_fn, node_fn};
use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use tokio::time::sleep;

/// The input that it came from, and a number.
type Value = (usize, u64);

#[derive(Clone, Copy, Debug)]
enum Work {
    AddOne,
    /// Lets multiples of the number fall.
    Drop(u64),
    /// So many numbers.
    Expand(u64),
    /// Fails at multiples of the number.
    Fail(u64),
    Panic(u64),
    Join,
}

#[derive(Clone, Debug)]
struct NodeSpec {
    work: Work,
    /// From which nodes before it, and whether only even or odd numbers.
    from: Vec<(usize, Option<u64>)>,
    parallel: Option<usize>,
    delay: u64,
    output: bool,
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        3 => Just(Work::AddOne),
        2 => (2..4_u64).prop_map(Work::Drop),
        2 => (0..4_u64).prop_map(Work::Expand),
        2 => (2..5_u64).prop_map(Work::Fail),
        1 => (5..7_u64).prop_map(Work::Panic),
        2 => Just(Work::Join),
    ]
}

fn spec() -> impl Strategy<Value = Vec<NodeSpec>> {
    let edge = (any::<prop::sample::Index>(), prop::option::weighted(0.2, 0..2_u64));
    let node = (
        work(),
        prop::collection::vec(edge, 1..4),
        prop::option::of(1..4_usize),
        0..4_u64,
        prop::bool::weighted(0.2),
    );
    prop::collection::vec(node, 1..8).prop_map(|nodes| {
        let node = |(place, (work, edges, parallel, delay, output)): (usize, _)| {
            let edges: Vec<(prop::sample::Index, Option<u64>)> = edges;
            let mut from: Vec<(usize, Option<u64>)> = Vec::new();
            for (at, condition) in edges {
                if place > 0 && !from.iter().any(|(known, _)| *known == at.index(place)) {
                    from.push((at.index(place), condition));
                }
            }
            let work = if place == 0 && matches!(work, Work::Join) { Work::AddOne } else { work };
            NodeSpec { work, from, parallel, delay, output }
        };
        let mut nodes: Vec<_> = nodes.into_iter().enumerate().map(node).collect();
        for place in 0..nodes.len() {
            let leads_on = nodes.iter().any(|node| node.from.iter().any(|(from, _)| *from == place));
            nodes[place].output |= !leads_on;
        }
        nodes
    })
}

/// A failure, known by the node and its place among what the node gives.
type Failure = (usize, usize);

/// What a node gives for an input, by asking the nodes before it.
fn expected(specs: &[NodeSpec], place: usize, input: u64) -> Vec<Result<u64, Vec<Failure>>> {
    let spec = &specs[place];
    let mut ports: Vec<Vec<_>> = Vec::new();
    for (from, condition) in &spec.from {
        let mut values = expected(specs, *from, input);
        values.retain(|value| match (value, condition) {
            (Ok(number), Some(rest)) => number % 2 == *rest,
            _ => true,
        });
        ports.push(values);
    }
    if place == 0 {
        ports.push(vec![Ok(input)]);
    }
    let mut given = Vec::new();
    if matches!(spec.work, Work::Join) {
        let rows = ports.iter().map(Vec::len).max().unwrap();
        if ports.iter().any(|port| port.len() != rows) {
            let mut failures: Vec<_> =
                ports.into_iter().flatten().filter_map(Result::err).flatten().collect();
            if failures.is_empty() {
                failures.push((place, 0));
            }
            return vec![Err(failures)];
        }
        for row in 0..rows {
            let failures: Vec<_> =
                ports.iter().filter_map(|port| port[row].clone().err()).flatten().collect();
            let sum = ports.iter().filter_map(|port| port[row].as_ref().ok()).sum();
            given.push(if failures.is_empty() { Ok(sum) } else { Err(failures) });
        }
        return given;
    }
    for value in ports.into_iter().flatten() {
        let number = match value {
            Ok(number) => number,
            failed => {
                given.push(failed);
                continue;
            }
        };
        match spec.work {
            Work::AddOne => given.push(Ok(number + 1)),
            Work::Drop(of) if number.is_multiple_of(of) => {}
            Work::Fail(of) | Work::Panic(of) if number.is_multiple_of(of) => {
                given.push(Err(vec![(place, given.len())]));
            }
            Work::Drop(_) | Work::Fail(_) | Work::Panic(_) => given.push(Ok(number)),
            Work::Expand(count) => given.extend((0..count).map(|more| Ok(number + more))),
            Work::Join => unreachable!(),
        }
    }
    given
}

/// The results for one input: numbers, and the nodes that failed.
fn results(specs: &[NodeSpec], input: u64) -> Vec<Result<u64, String>> {
    let mut told = HashSet::new();
    let mut results = Vec::new();
    for place in (0..specs.len()).filter(|place| specs[*place].output) {
        for value in expected(specs, place, input) {
            match value {
                Ok(number) => results.push(Ok(number)),
                Err(failures) => {
                    let new = failures.into_iter().filter(|failure| told.insert(*failure));
                    results.extend(new.map(|(place, _)| Err(name(place))));
                }
            }
        }
    }
    results
}

fn name(place: usize) -> String {
    format!("node-{place}")
}

fn said<In, Out>(parallel: Option<usize>, placed: Result<Placed<'_, In, Out>, GraphError>) {
    let placed = placed.unwrap();
    if let Some(parallel) = parallel {
        placed.parallel(parallel);
    }
}

fn graph(specs: &[NodeSpec]) -> Graph {
    let mut graph = Graph::new();
    for (place, spec) in specs.iter().enumerate() {
        let (delay, name) = (spec.delay, name(place));
        // later inputs are often quicker
        let pause = move |(input, number): Value| {
            let after = Duration::from_millis(delay * ((number * 7 + 3 * (input as u64)) % 5));
            async move {
                if delay > 0 {
                    sleep(after).await;
                }
            }
        };
        let parallel = spec.parallel;
        match spec.work {
            Work::AddOne => said(
                parallel,
                graph.add(
                    &name,
                    node_fn(move |(input, number): Value| async move {
                        pause((input, number)).await;
                        Ok::<_, BoxError>((input, number + 1))
                    }),
                ),
            ),
            Work::Drop(of) => {
                said(
                    parallel,
                    graph.add_filter(&name, move |(_, number): &Value| !number.is_multiple_of(of)),
                );
            }
            Work::Expand(count) => said(
                parallel,
                graph.add_flat_map(&name, move |(input, number): Value| {
                    (0..count).map(move |more| (input, number + more))
                }),
            ),
            Work::Fail(of) => said(
                parallel,
                graph.add(
                    &name,
                    node_fn(move |(input, number): Value| async move {
                        pause((input, number)).await;
                        if number.is_multiple_of(of) { Err("a multiple") } else { Ok((input, number)) }
                    }),
                ),
            ),
            Work::Panic(of) => said(
                parallel,
                graph.add(
                    &name,
                    map_fn(move |(input, number): Value| {
                        assert!(!number.is_multiple_of(of), "a multiple");
                        (input, number)
                    }),
                ),
            ),
            Work::Join => said(
                parallel,
                graph.add_join(
                    &name,
                    node_fn(move |parts: Vec<Value>| async move {
                        let value = (parts[0].0, parts.iter().map(|(_, number)| number).sum());
                        pause(value).await;
                        Ok::<_, BoxError>(value)
                    }),
                ),
            ),
        }
    }
    for (place, spec) in specs.iter().enumerate() {
        for (from, condition) in &spec.from {
            let (from, to) = (name(*from), name(place));
            match *condition {
                None => graph.connect(&from, &to).unwrap(),
                Some(rest) => {
                    graph.connect_if(&from, &to, move |(_, number): &Value| number % 2 == rest).unwrap()
                }
            };
        }
    }
    let outputs: Vec<_> = (0..specs.len()).filter(|place| specs[*place].output).map(name).collect();
    graph.outputs(outputs.iter().map(String::as_str)).unwrap();
    graph
}

fn run(graph: Graph, inputs: &[u64], queue: usize) -> Vec<Result<Value, ItemError>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let inputs: Vec<_> = inputs.iter().copied().enumerate().collect();
    let pipeline = graph.build::<Value, Value>().unwrap();
    runtime.block_on(async { pipeline.runner().queue(queue).run(stream::iter(inputs)).collect().await })
}

proptest! {
    #[test]
    fn in_order(
        specs in spec(),
        inputs in prop::collection::vec(1..12_u64, 0..8),
        width in 1..6_usize,
        queue in 1..4_usize,
    ) {
        let mut graph = graph(&specs);
        graph.concurrency(width);
        let outcomes = run(graph, &inputs, queue);
        let got: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Ok((input, number)) => (*input, Ok(*number)),
                Err(error) => (error.index() as usize, Err(error.node().to_owned())),
            })
            .collect();
        let expected: Vec<_> = inputs
            .iter()
            .enumerate()
            .flat_map(|(at, input)| results(&specs, *input).into_iter().map(move |result| (at, result)))
            .collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn as_completed(
        specs in spec(),
        inputs in prop::collection::vec(1..12_u64, 0..8),
        width in 1..6_usize,
    ) {
        let mut graph = graph(&specs);
        graph.concurrency(Concurrency::new(width).as_completed());
        let outcomes = run(graph, &inputs, 2);
        let mut of_input: Vec<Vec<Result<u64, String>>> = vec![Vec::new(); inputs.len()];
        for outcome in outcomes {
            match outcome {
                Ok((input, number)) => of_input[input].push(Ok(number)),
                Err(error) => of_input[error.index() as usize].push(Err(error.node().to_owned())),
            }
        }
        for (got, input) in of_input.into_iter().zip(inputs) {
            prop_assert_eq!(got, results(&specs, input));
        }
    }
}
