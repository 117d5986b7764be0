//! Graphs declared in TOML: what is refused and how it is said, and what the options and the kinds of JSON do.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bedrock_llm_pipeline::graph::{NoSettings, Registry};
use bedrock_llm_pipeline::{BoxError, ItemError, map_fn, node_fn};
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

#[derive(serde::Deserialize)]
struct Add {
    number: u64,
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry
        .node("add", |Add { number }| {
            let add = move |to: u64| number.checked_add(to).ok_or("too much");
            if number == 0 { Err("adds nothing") } else { Ok(bedrock_llm_pipeline::try_map_fn(add)) }
        })
        .cached_by(|number: &u64| *number);
    registry.node("show", |NoSettings {}| Ok::<_, BoxError>(map_fn(|number: u64| number.to_string())));
    registry.join("sum", |NoSettings {}| {
        Ok::<_, BoxError>(map_fn(|numbers: Vec<u64>| numbers.into_iter().sum::<u64>()))
    });
    registry.filter("odd", |NoSettings {}| Ok::<_, BoxError>(|number: &u64| number % 2 == 1));
    registry.batch("share", |NoSettings {}| {
        Ok::<_, BoxError>(async |numbers: Vec<u64>| {
            let count = numbers.len() as u64;
            Ok::<_, BoxError>(numbers.into_iter().map(|number| number * 100 + count).collect())
        })
    });
    registry
}

fn refused(file: &str) -> String {
    registry().load(file).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_node_and_field() {
    assert_eq!(
        refused("[nodes.a\nuse = 'add'"),
        "TOML parse error at line 1, column 9\n  |\n1 | [nodes.a\n  |         ^\nunclosed table, expected `]`\n"
    );
    let cases = [
        ("[node.a]\nuse = 'add'", "`node`: unknown field `node`, expected `graph` or `nodes`"),
        ("[nodes]\na = 1", "`nodes.a`: must be a table, not integer"),
        ("[nodes.a]\nfrom = []", "`nodes.a`: missing field `use`"),
        (
            "[graph]\nconcurrency = 0\n[nodes]",
            "`graph.concurrency`: invalid value: integer `0`, expected a nonzero usize",
        ),
        (
            "[nodes.a]\nuse = 'add'\nwiht = {}",
            "`nodes.a.wiht`: unknown field `wiht`, expected one of `use`, `with`, `from`, `parallel`, `timeout`, \
             `rate_limit`, `retry`, `cache`, `batch`",
        ),
        (
            "[nodes.a]\nuse = 'add'\nretry = { attempts = 'two' }",
            "`nodes.a.retry.attempts`: invalid type: string \"two\", expected usize",
        ),
        (
            "[nodes.a]\nuse = 'add'\ntimeout = '3 parsecs'",
            "`nodes.a.timeout`: invalid value: string \"3 parsecs\", expected a duration",
        ),
        ("[nodes.a]\nuse = 'ad'", "`nodes.a.use`: there is no kind `ad`; did you mean `add`?"),
        (
            "[nodes.a]\nuse = 'embed'",
            "`nodes.a.use`: there is no kind `embed`; the kinds are `add`, `odd`, `share`, `show`, `sum`",
        ),
        ("[nodes.a]\nuse = 'add'", "`nodes.a.with`: missing field `number`"),
        (
            "[nodes.a]\nuse = 'add'\nwith = { number = 'x' }",
            "`nodes.a.with.number`: invalid type: string \"x\", expected u64",
        ),
        (
            // `Add` itself would let it pass
            "[nodes.a]\nuse = 'add'\nwith = { number = 1, nubmer = 2 }",
            "`nodes.a.with.nubmer`: there is no such setting",
        ),
        (
            "[nodes.a]\nuse = 'add'\nwith = { number = 0 }",
            "`nodes.a.with`: `add` does not take these settings",
        ),
        (
            "[nodes.a]\nuse = 'show'\ncache = { max_items = 1 }",
            "`nodes.a.cache`: `show` has no key by which results could be kept",
        ),
        (
            "[nodes.a]\nuse = 'show'\nbatch = { size = 1 }",
            "`nodes.a.batch`: `show` takes one value at a time, it has no batches",
        ),
        (
            "[nodes.a]\nuse = 'odd'\ntimeout = '1s'",
            "`nodes.a.timeout`: `a` cannot have `timeout`: it is a quick function to any number of values, not a node",
        ),
        (
            "[nodes.a]\nuse = 'show'\ntimeout = '0s'",
            "`nodes.a.timeout`: `a`: `timeout` is 0ns: give an item some time",
        ),
        (
            "[nodes.a]\nuse = 'show'\n[nodes.b]\nuse = 'odd'\nfrom = ['a']",
            "`nodes.b.from`: `a` gives `alloc::string::String`, but `b` takes `u64`",
        ),
        (
            "[nodes.first]\nuse = 'odd'\n[nodes.b]\nuse = 'odd'\nfrom = ['frist']",
            "`nodes.b.from`: there is no node named `frist`; did you mean `first`?",
        ),
        (
            "[nodes.a]\nuse = 'odd'\nfrom = ['b']\n[nodes.b]\nuse = 'odd'\nfrom = ['a']",
            "`nodes.b.from`: `b -> a -> b` would never end: values only flow one way",
        ),
        (
            "[graph]\noutputs = ['b']\n[nodes.a]\nuse = 'odd'",
            "`graph.outputs`: there is no node named `b`; the nodes are `a`",
        ),
    ];
    for (file, message) in cases {
        assert_eq!(refused(file), message, "{file}");
    }
    let empty = registry().load("").unwrap().build::<u64, u64>().unwrap_err();
    assert_eq!(empty.to_string(), "the graph has no nodes; add at least one");
    let error = registry().load("[nodes.a]\nuse = 'add'\nwith = { number = 0 }").unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "adds nothing");
    let error = registry().load("[nodes.a]\nuse = 'share'\nbatch = { size = 0 }").unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "`batch_size` is 0: a batch has at least one item");
}

#[tokio::test]
async fn results_come_in_the_order_of_the_file() {
    let file = "
        [graph]
        outputs = ['z', 'a']
        [nodes.z]
        use = 'add'
        with = { number = 1 }
        [nodes.sum]
        use = 'sum'
        from = ['z', 'a']
        [nodes.a]
        use = 'add'
        with = { number = 10 }
        from = ['z']
        [nodes.odd]
        use = 'odd'
        from = ['sum']
    ";
    let file = file.replace("['z', 'a']\n        [nodes.z]", "['z', 'a', 'odd']\n        [nodes.z]");
    let pipeline = registry().load(&file).unwrap().build::<u64, u64>().unwrap();
    assert_eq!(pipeline.execute_all(1).await.unwrap(), [2, 12]);
    let file = file.replace("'odd'\n        from", "'add'\n        with = { number = 3 }\n        from");
    let pipeline = registry().load(&file).unwrap().build::<u64, u64>().unwrap();
    assert_eq!(pipeline.execute_all(1).await.unwrap(), [2, 12, 17]);
    assert!(pipeline.to_mermaid().contains(r#"n1["sum"]"#));
    assert!(pipeline.to_mermaid().contains(r#"n2["a<br/>add"]"#));
}

#[tokio::test(start_paused = true)]
async fn options_are_put_around_the_node() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut registry = Registry::new();
    let counted = Arc::clone(&calls);
    registry
        .node("slow", move |NoSettings {}| {
            let counted = Arc::clone(&counted);
            Ok::<_, BoxError>(node_fn(move |number: u64| {
                let call = counted.fetch_add(1, SeqCst);
                async move {
                    // the first takes too long, the second fails
                    sleep(Duration::from_secs(if call == 0 { 60 } else { 0 })).await;
                    if call == 1 { Err("busy") } else { Ok(number) }
                }
            }))
        })
        .cached_by(|number: &u64| *number);
    let file = "
        [graph]
        concurrency = 1
        [nodes.slow]
        use = 'slow'
        timeout = '1s'
        retry = { attempts = 3, min_delay = '1s', max_delay = '1s', factor = 1.0 }
        rate_limit = { items = 1, per = '10s', burst = 1 }
        cache = { max_items = 10, time_to_live = '1h', time_to_idle = '1h', cache_errors = '1s' }
        parallel = 2
    ";
    let pipeline = registry.load(file).unwrap().build::<u64, u64>().unwrap();
    let begun = tokio::time::Instant::now();
    let outcomes: Vec<_> = pipeline.run(stream::iter([7, 7, 8])).map(Result::unwrap).collect().await;
    assert_eq!(outcomes, [7, 7, 8]);
    // three attempts for the first, none for the second, one for the third, ten seconds apart
    assert_eq!((calls.load(SeqCst), begun.elapsed().as_secs()), (4, 30));
    let stats = pipeline.stats();
    let node = stats.node("slow").unwrap();
    assert_eq!((node.retries, node.cache_hits), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_filled_by_the_inputs_under_way() {
    let shared = async |file: &str| -> Vec<u64> {
        let pipeline = registry().load(file).unwrap().build::<u64, u64>().unwrap();
        pipeline.run(stream::iter(0..40)).map(|shared| shared.unwrap() % 100).collect().await
    };
    // the inputs at once are as many as the batch has by default
    assert_eq!(shared("[nodes.a]\nuse = 'share'").await, [[32; 32].as_slice(), &[8; 8]].concat());
    let of_20 = "[nodes.a]\nuse = 'share'\nbatch = { size = 20, max_wait = '1s', min_size = 2 }";
    assert_eq!(shared(of_20).await, [20; 40]);
    let of_4 = "[graph]\nconcurrency = 4\n[nodes.a]\nuse = 'share'\nparallel = 4";
    assert_eq!(shared(of_4).await, [4; 40]);
}

#[tokio::test]
async fn a_field_kind_shares_results_but_not_objects() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let mut registry = Registry::json();
    registry
        .field_batch("length", "length", move |NoSettings {}| {
            let counted = Arc::clone(&counted);
            Ok::<_, BoxError>(move |texts: Vec<String>| {
                counted.fetch_add(texts.len(), SeqCst);
                async move { texts.iter().map(|text| Ok::<_, BoxError>(text.len())).collect::<Vec<_>>() }
            })
        })
        .cached_by(String::clone);
    let file = "
        [nodes.length]
        use = 'length'
        with = { field = 'name' }
        cache = { max_items = 10 }
    ";
    let pipeline = registry.load(file).unwrap().build::<Value, Value>().unwrap();
    let inputs =
        [json!({"id": 1, "name": "tea"}), json!({"id": 2, "name": "tea"}), json!({"name": 3}), json!({})];
    let outcomes: Vec<_> = pipeline.run(stream::iter(inputs)).collect().await;
    assert_eq!(*outcomes[0].as_ref().unwrap(), json!({"id": 1, "name": "tea", "length": 3}));
    assert_eq!(*outcomes[1].as_ref().unwrap(), json!({"id": 2, "name": "tea", "length": 3}));
    assert_eq!(calls.load(SeqCst), 1);
    let cause = |at: usize| outcomes[at].as_ref().unwrap_err().cause().to_string();
    assert_eq!(cause(2), "the field `name` is not what the node takes");
    assert_eq!(cause(3), "there is no field `name`; the fields are none");
    let wrong = "[nodes.a]\nuse = 'length'\nwith = { field = 1 }";
    assert_eq!(
        registry.load(wrong).unwrap_err().to_string(),
        "`nodes.a.with.field`: invalid type: integer `1`, expected a string"
    );
}

/// What one node of JSON makes of a value.
async fn made(kind: &str, with: &str, value: Value) -> Result<Vec<Value>, String> {
    let file = format!("[nodes.a]\nuse = '{kind}'\nwith = {with}");
    let pipeline = Registry::json().load(&file).unwrap().build::<Value, Value>().unwrap();
    pipeline.execute_all(value).await.map_err(|error: ItemError| error.cause().to_string())
}

#[tokio::test]
async fn kinds_of_json_give_back_objects() {
    let book = || json!({"id": 1, "title": " Bees ", "tags": ["a", "b"], "pages": 90});
    let good = [
        (
            "json.pick",
            "{ fields = ['pages', 'id'], optional = ['author'] }",
            vec![json!({"id": 1, "pages": 90})],
        ),
        (
            "json.set",
            "{ fields = { id = 2, by = { name = 'Ann' } } }",
            vec![json!({"id": 2, "title": " Bees ", "tags": ["a", "b"], "pages": 90, "by": {"name": "Ann"}})],
        ),
        (
            "json.rename",
            "{ fields = { title = 'name' } }",
            vec![json!({"id": 1, "name": " Bees ", "tags": ["a", "b"], "pages": 90})],
        ),
        (
            "json.flatten",
            "{ field = 'tags', into = 'tag', number = 'place' }",
            vec![
                json!({"id": 1, "title": " Bees ", "pages": 90, "tag": "a", "place": 0}),
                json!({"id": 1, "title": " Bees ", "pages": 90, "tag": "b", "place": 1}),
            ],
        ),
        (
            "text.trim",
            "{ field = 'title' }",
            vec![json!({"id": 1, "title": "Bees", "tags": ["a", "b"], "pages": 90})],
        ),
        (
            "text.lower",
            "{ field = 'title', into = 'tags' }",
            vec![json!({"id": 1, "title": " Bees ", "tags": " bees ", "pages": 90})],
        ),
        (
            "text.template",
            "{ template = '{title}{{{pages}}} {tags}', into = 'id' }",
            vec![
                json!({"id": " Bees {90} [\"a\",\"b\"]", "title": " Bees ", "tags": ["a", "b"], "pages": 90}),
            ],
        ),
    ];
    for (kind, with, expected) in good {
        assert_eq!(made(kind, with, book()).await.unwrap(), expected, "{kind} {with}");
    }
    let text = json!({"text": "One two. Three four."});
    let split = made("text.split", "{ max_chars = 11, into = 'piece' }", text).await.unwrap();
    let pieces: Vec<_> = split.iter().map(|object| (&object["piece"], &object["chunk"])).collect();
    assert_eq!(pieces, [(&json!("One two."), &json!(0)), (&json!("Three four."), &json!(1))]);
    let bad = [
        (
            "json.pick",
            "{ fields = ['author'] }",
            "there is no field `author`; the fields are id, title, tags, pages",
        ),
        (
            "json.rename",
            "{ fields = { id = 'pages' } }",
            "there are two values for the field `pages`; rename one of them first",
        ),
        ("json.flatten", "{ field = 'title' }", "the field `title` is a string, not an array"),
        ("text.trim", "{ field = 'id' }", "the field `id` is a number, not a string"),
        (
            "text.template",
            "{ template = '{by}', into = 'id' }",
            "there is no field `by`; the fields are id, title, tags, pages",
        ),
        (
            "text.split",
            "{ max_chars = 9 }",
            "there is no field `text`; the fields are id, title, tags, pages",
        ),
    ];
    for (kind, with, message) in bad {
        assert_eq!(made(kind, with, book()).await.unwrap_err(), message, "{kind} {with}");
    }
    let array = made("json.set", "{ fields = {} }", json!([1])).await;
    assert_eq!(array.unwrap_err(), "the value is an array; nodes of JSON take objects");
}

#[tokio::test]
async fn settings_of_toml_become_json() {
    let with = "{ fields = { at = 1979-05-27, all = [1, 2.5, true, { a = 'b' }] } }";
    let made = made("json.set", with, json!({})).await.unwrap();
    assert_eq!(made, [json!({"at": "1979-05-27", "all": [1, 2.5, true, {"a": "b"}]})]);
    assert!(made.iter().filter_map(Value::as_object).flat_map(Map::keys).eq(["at", "all"]), "in their order");
    let file = "[nodes.a]\nuse = 'json.set'\nwith = { fields = 1 }";
    assert_eq!(
        Registry::json().load(file).unwrap_err().to_string(),
        "`nodes.a.with.fields`: invalid type: integer `1`, expected a table"
    );
    let file = "[nodes.a]\nuse = 'json.set'\nwith = { fields = { a = [inf] } }";
    assert_eq!(
        Registry::json().load(file).unwrap_err().to_string(),
        "`nodes.a.with.fields.a`: JSON has no number `inf`"
    );
}

#[tokio::test]
async fn a_filter_of_json_asks_for_all_its_conditions() {
    let book = json!({"title": "Bees", "tags": ["a", 1], "pages": 90, "by": null});
    let cases = [
        ("{ field = 'title', exists = true }", true),
        ("{ field = 'by', exists = true }", true),
        ("{ field = 'author', exists = false }", true),
        ("{ field = 'title', equals = 'Bees' }", true),
        ("{ field = 'title', equals = 'bees' }", false),
        ("{ field = 'title', equals = 'bees', not = true }", true),
        ("{ field = 'title', contains = 'ee' }", true),
        ("{ field = 'tags', contains = 'a' }", true),
        ("{ field = 'tags', contains = 1.0 }", true),
        ("{ field = 'tags', contains = 2 }", false),
        ("{ field = 'pages', equals = 90.0 }", true),
        ("{ field = 'pages', above = 89, below = 91 }", true),
        ("{ field = 'pages', above = 90 }", false),
        ("{ field = 'pages', at_least = 90, at_most = 90 }", true),
        ("{ field = 'pages', at_least = 90, at_most = 89 }", false),
        ("{ field = 'title', above = 0 }", false),
        ("{ field = 'author', below = 0, not = true }", true),
    ];
    for (with, passes) in cases {
        let passed = made("json.filter", with, book.clone()).await.unwrap();
        assert_eq!(!passed.is_empty(), passes, "{with}");
    }
}

#[tokio::test]
async fn ways_that_parted_are_merged() {
    let file = "
        [nodes.start]
        use = 'text.trim'
        [nodes.low]
        use = 'text.lower'
        from = ['start']
        with = { into = 'low' }
        [nodes.prompt]
        use = 'text.template'
        from = ['start']
        with = { template = 'Say {text}', into = 'prompt' }
        [nodes.both]
        use = 'json.merge'
        from = ['low', 'prompt']
    ";
    let pipeline = Registry::json().load(file).unwrap().build::<Value, Value>().unwrap();
    let merged = pipeline.execute_all(json!({"text": " Hi "})).await.unwrap();
    assert_eq!(merged, [json!({"text": "Hi", "low": "hi", "prompt": "Say Hi"})]);
    let file = file.replace("into = 'low'", "into = 'text'");
    let pipeline = Registry::json().load(&file).unwrap().build::<Value, Value>().unwrap();
    let error = pipeline.execute_all(json!({"text": " Hi "})).await.unwrap_err();
    assert_eq!(
        (error.node(), error.cause().to_string().as_str()),
        ("both", "there are two values for the field `text`; rename one of them first")
    );
}

#[test]
fn settings_of_json_kinds_that_cannot_be_are_refused() {
    let cases = [
        (
            "text.template",
            "{ template = 'a {b', into = 'c' }",
            "`template` has a `{` at byte 2 that no `}` closes; write `{{` for the character itself",
        ),
        (
            "text.template",
            "{ template = 'a }b', into = 'c' }",
            "`template` has a `}` at byte 2 that closes nothing; write `}}` for the character itself",
        ),
        (
            "text.template",
            "{ template = 'a {}', into = 'c' }",
            "`template` names no field at byte 2: write `{field}`",
        ),
        ("text.split", "{ max_chars = 0 }", "`max_chars` is 0: a piece has at least one character"),
        (
            "text.split",
            "{ max_chars = 5, overlap = 5 }",
            "`overlap` is 5: it must be less than `max_chars`, which is 5",
        ),
        (
            "json.filter",
            "{ field = 'a' }",
            "there is no condition: give at least one of `exists`, `equals`, `contains`, `above`, `below`, `at_least`, `at_most`",
        ),
    ];
    for (kind, with, message) in cases {
        let file = format!("[nodes.a]\nuse = '{kind}'\nwith = {with}");
        let error = Registry::json().load(&file).unwrap_err();
        assert_eq!(error.to_string(), format!("`nodes.a.with`: `{kind}` does not take these settings"));
        assert_eq!(error.source().unwrap().to_string(), message);
    }
}
