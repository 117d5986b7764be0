//! Texts that are longer than the model takes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_embeddings::{EmbedConfigError, Embedder, EmbedderBuilder, LongText};
use bedrock_llm_schema::embed::EmbedTruncation;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::tokens::of_text;
use bedrock_llm_schema::{EmbedResponse, Error, ErrorKind};
use common::{MODEL, Model, floats, profile, text};

/// A model that takes so many words.
fn counting(most: usize) -> Model {
    Model::new()
        .rule(move |request| {
            let longest = request.inputs.iter().map(|input| text(input).split(' ').count()).max();
            let outcome = if longest > Some(most) {
                Err(Error::new(ErrorKind::ContextOverflow, "Too many input tokens"))
            } else {
                Ok(())
            };
            (Duration::from_millis(1), outcome)
        })
        .maker(|request| {
            floats(request, |input| {
                let text = text(input);
                let count = |word: &str| text.split(' ').filter(|it| *it == word).count() as f32;
                vec![count("a"), count("b")]
            })
        })
}

fn limited(tokens: u32) -> ModelProfile {
    let mut profile = profile();
    profile.embedding.dimensions = Some(vec![2]);
    profile.embedding.max_tokens = Some(tokens);
    profile
}

fn builder(model: &Model, profile: &ModelProfile, policy: LongText) -> EmbedderBuilder<f32, Model> {
    Embedder::builder(model.clone(), MODEL).profile(profile).long_texts(policy)
}

#[tokio::test(start_paused = true)]
async fn they_fail_and_others_do_not() {
    let model = counting(3);
    let mut profile = limited(3);
    profile.embedding.truncations = Some(vec![EmbedTruncation::Refuse, EmbedTruncation::End]);
    profile.embedding.max_characters = Some(20);
    let embedder = builder(&model, &profile, LongText::Error).build().unwrap();
    let far_too_long = "a ".repeat(11);
    let outcome = embedder.embed_each(["a", "a b a b", &far_too_long, "b"]).await;
    assert_eq!(outcome.embeddings().matrix().as_slice(), [1.0, 0.0, 0.0, 1.0]);
    let failed: Vec<_> = outcome.failed().iter().map(|failed| (failed.index, failed.error.kind())).collect();
    assert_eq!(failed, [(1, &ErrorKind::ContextOverflow), (2, &ErrorKind::ContextOverflow)]);
    for failed in outcome.failed() {
        assert!(failed.error.hint().unwrap().contains("long_texts"));
    }
    // characters can be counted here, and seven tokens are far more than three
    assert!(!model.texts().concat().contains(&far_too_long));
    let outcome = embedder.embed_each(["1 2 3 4 5 6 7", "b"]).await;
    assert_eq!(*outcome.failed()[0].error.kind(), ErrorKind::ContextOverflow);
    assert_eq!(model.texts().last().unwrap(), &["b"]);
    assert_eq!(model.last().truncation, Some(EmbedTruncation::Refuse));
}

#[tokio::test(start_paused = true)]
async fn the_model_truncates_where_it_can() {
    let model = counting(100);
    let mut profile = limited(3);
    profile.embedding.truncations = Some(vec![EmbedTruncation::Start, EmbedTruncation::End]);
    profile.embedding.max_characters = Some(9);
    for (policy, truncation, rest) in [
        (LongText::TruncateEnd, EmbedTruncation::End, "a a a b b"),
        (LongText::TruncateStart, EmbedTruncation::Start, "a b b b b"),
    ] {
        let embedder = builder(&model, &profile, policy).build().unwrap();
        embedder.embed(["a a a b b b b"]).await.unwrap();
        let request = model.last();
        // what it counts in tokens is its own, characters are not
        assert_eq!((request.truncation, text(&request.inputs[0])), (Some(truncation), rest.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn else_they_are_cut_here() {
    let model = counting(3);
    let embedder = builder(&model, &limited(3), LongText::TruncateEnd).build().unwrap();
    assert_eq!(embedder.embed_query("a a b b b b").await.unwrap(), [2.0, 1.0]);
    assert_eq!((model.last().truncation, model.calls()), (None, 1));
    let embedder = builder(&model, &limited(3), LongText::TruncateStart).build().unwrap();
    assert_eq!(embedder.embed_query("a a a b b").await.unwrap(), [1.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn limits_that_were_too_wide_are_tightened() {
    // by our estimate eight words are eight tokens; this model takes five
    let model = counting(5);
    let embedder = builder(&model, &limited(8), LongText::TruncateEnd).build().unwrap();
    let outcome = embedder.embed_each(["a b a b a b a b a b", "a", "b"]).await;
    assert!(outcome.failed().is_empty(), "{outcome:?}");
    assert_eq!(outcome.embeddings().matrix().as_slice(), [2.0, 2.0, 1.0, 0.0, 0.0, 1.0]);
    // without any known limit too
    let model = counting(5);
    let mut unknown = limited(8);
    unknown.embedding.max_tokens = None;
    let embedder = builder(&model, &unknown, LongText::TruncateEnd).build().unwrap();
    assert_eq!(embedder.embed_query("a b a b a b").await.unwrap(), [2.0, 2.0]);
    assert_eq!(model.calls(), 2);
    // and not for ever; the text comes back whole
    let model = counting(0);
    let embedder = builder(&model, &unknown, LongText::TruncateEnd).build().unwrap();
    let error = embedder.embed(["a b a b a b"]).await.unwrap_err();
    assert_eq!((error.kind(), model.calls()), (&ErrorKind::ContextOverflow, 5));
    assert_eq!(text(&error.failed()[0].input), "a b a b a b");
}

#[tokio::test(start_paused = true)]
async fn pieces_are_pooled_by_their_tokens() {
    let model = counting(4);
    let embedder = builder(&model, &limited(4), LongText::SplitAndPool).build().unwrap();
    let embeddings = embedder.embed(["b", "a a a a b b", "a"]).await.unwrap();
    assert_eq!(model.texts(), [["b", "a a a a", "b b", "a"]]);
    // towards 4 · (4, 0) + 2 · (0, 2), and as long as the pieces are: (4 · 4 + 2 · 2) / 6
    let is = |row: &[f32], x: f32, y: f32, length: f32| {
        let factor = length / x.hypot(y);
        (row[0] - x * factor).abs() < 1e-5 && (row[1] - y * factor).abs() < 1e-5
    };
    let row = embeddings.row(1).unwrap();
    assert!(is(row, 16.0, 4.0, 20.0 / 6.0), "{row:?}");
    assert_eq!((embeddings.row(0), embeddings.row(2)), (Some(&[0.0, 1.0][..]), Some(&[1.0, 0.0][..])));
    let told = builder(&model, &limited(4), LongText::SplitAndPool).normalize(false).build().unwrap();
    assert_eq!(told.embed_query("a a a a b b").await.unwrap(), row);

    // scaled here: each piece by itself, so that 4 · (1, 0) + 2 · (0, 1)
    let scaled = builder(&model, &limited(4), LongText::SplitAndPool).normalize(true).build().unwrap();
    let row = scaled.embed_query("a a a a b b").await.unwrap();
    assert!(is(&row, 4.0, 2.0, 1.0), "{row:?}");
    // by the model, as far as is known: as they come, in length 1
    let mut profile = limited(4);
    profile.embedding.is_normalized = Some(true);
    let embedder = builder(&model, &profile, LongText::SplitAndPool).build().unwrap();
    let row = embedder.embed_query("a a a a b b").await.unwrap();
    assert!(is(&row, 16.0, 4.0, 1.0), "{row:?}");
    // a model that is told not to
    profile.embedding.normalize = Some(true);
    let embedder = builder(&model, &profile, LongText::SplitAndPool).normalize(false).build().unwrap();
    let row = embedder.embed_query("a a a a b b").await.unwrap();
    assert!(is(&row, 16.0, 4.0, 20.0 / 6.0), "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn pieces_that_are_cut_weigh_by_tokens_alone() {
    // the third number is cut away
    let model = Model::new().maker(|request| {
        floats(request, |input| {
            let count = |word: &str| text(input).matches(word).count() as f32;
            vec![count("a"), count("b"), 9.0]
        })
    });
    let mut profile = limited(4);
    profile.embedding.dimensions = Some(vec![3]);
    profile.embedding.is_matryoshka = Some(true);
    let cut = || builder(&model, &profile, LongText::SplitAndPool).dimensions(2);
    let row = cut().build().unwrap().embed_query("a a a a b b").await.unwrap();
    let length = 20f32.sqrt();
    assert!((row[0] - 4.0 / length).abs() < 1e-6 && (row[1] - 2.0 / length).abs() < 1e-6, "{row:?}");
    let row = cut().normalize(false).build().unwrap().embed_query("a a a a b b").await.unwrap();
    let factor = 20.0 / 6.0 / length;
    assert!((row[0] - 4.0 * factor).abs() < 1e-5 && (row[1] - 2.0 * factor).abs() < 1e-5, "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_is_too_long_has_the_text_split_anew() {
    let model = counting(4);
    let embedder = builder(&model, &limited(5), LongText::SplitAndPool).normalize(true).build().unwrap();
    let words = "a a a a a b b b b b ".repeat(7);
    let row = embedder.embed_query(words.trim_end()).await.unwrap();
    let length: f32 = row.iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-6);
    // in the end every piece was taken, and together they are the text
    let texts = model.texts().concat();
    let taken: u64 = texts.iter().filter(|text| of_text(text) <= 3).map(|text| of_text(text)).sum();
    assert!(taken >= 70, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_fails_fails_the_text() {
    let model = Model::new().refuse(ErrorKind::Unavailable, |input| text(input).starts_with('b'));
    let mut profile = limited(4);
    profile.embedding.max_inputs = Some(1);
    profile.embedding.dimensions = None;
    let embedder = builder(&model, &profile, LongText::SplitAndPool).concurrency(1).build().unwrap();
    let outcome = embedder.embed_each(["a a a a b b b b c c c c d d d d", "x"]).await;
    assert_eq!((outcome.failed().len(), outcome.embeddings().len()), (1, 1));
    assert_eq!(text(&outcome.failed()[0].input), "a a a a b b b b c c c c d d d d");
    // pieces after it are of no use to anybody
    assert_eq!(model.texts().concat(), ["a a a a", "b b b b", "x"]);
    assert!(outcome.get(1).unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_text_in_pieces_is_one_input_of_a_cache() {
    // the client's cache of answers has those of calls of one input
    let model = counting(4);
    let replaying = tower::util::MapResponse::new(model.clone(), |mut response: EmbedResponse| {
        response.is_replayed = response.vectors.iter().all(|vectors| vectors.len() == 1);
        response
    });
    let mut profile = limited(4);
    profile.embedding.max_inputs = Some(2);
    let embedder = Embedder::builder(replaying, MODEL).profile(&profile).long_texts(LongText::SplitAndPool);
    let embedder = embedder.build().unwrap();
    // three pieces: two are worked on, and one is replayed
    let usage = embedder.embed(["a a a a b b b b a a a a"]).await.unwrap().usage();
    assert_eq!((model.calls(), usage.calls, usage.cached, usage.input_tokens), (2, 1, 0, 2));
    profile.embedding.max_inputs = Some(1);
    let replaying = tower::util::MapResponse::new(model.clone(), |mut response: EmbedResponse| {
        response.is_replayed = true;
        response
    });
    let embedder = Embedder::builder(replaying, MODEL).profile(&profile).long_texts(LongText::SplitAndPool);
    let usage = embedder.build().unwrap().embed(["a a a a b b b b a a a a"]).await.unwrap().usage();
    assert_eq!((model.calls(), usage.calls, usage.cached, usage.input_tokens), (5, 0, 1, 0));
}

#[test]
fn means_need_floats() {
    let mut profile = limited(4);
    profile.embedding.types = None;
    let error = builder(&Model::new(), &profile, LongText::SplitAndPool).element::<i8>().build().unwrap_err();
    assert!(matches!(error, EmbedConfigError::NeedsFloats { .. }), "{error}");
}
