//! Packing, order, failures and settings, over a model that lives in the test.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_embeddings::{EmbedConfigError, EmbedOutcome, Embedder, LongText};
use bedrock_llm_schema::embed::{Bits, EmbedPart, EmbedPurpose, EmbeddingType, Matrix, Vectors};
use bedrock_llm_schema::model::Mode;
use bedrock_llm_schema::request::{CallOptions, Priority};
use bedrock_llm_schema::{Error, ErrorKind, ImageBlock, ImageFormat, ThrottleScope};
use common::{MODEL, Model, floats, numbered, profile, text, vector};

fn embedder(model: &Model) -> Embedder<f32, Model> {
    Embedder::builder(model.clone(), MODEL).profile(&profile()).build().unwrap()
}

fn image() -> ImageBlock {
    ImageBlock::new(ImageFormat::Png, vec![1, 2, 3])
}

#[tokio::test(start_paused = true)]
async fn inputs_are_packed_and_keep_their_order() {
    // the later a call begins the sooner it is done
    let model = Model::new().rule(|request| {
        let first: u64 = text(&request.inputs[0]).trim_start_matches("text ").parse().unwrap();
        (Duration::from_millis(100 - first), Ok(()))
    });
    let texts = numbered(10);
    let embeddings = embedder(&model).embed(&texts).await.unwrap();
    assert_eq!(model.texts(), [&texts[..4], &texts[4..8], &texts[8..]]);
    let rows: Vec<_> = embeddings.rows().collect();
    let wanted: Vec<_> = texts.iter().map(|text| vector(text)).collect();
    assert_eq!(rows, wanted);
    assert_eq!((embeddings.len(), embeddings.dimensions(), embeddings.start()), (10, 4, 0));
    assert_eq!((embeddings.usage().calls, embeddings.usage().input_tokens), (3, 10));
    assert_eq!(embeddings.model().as_str(), MODEL);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_nothing() {
    let model = Model::new();
    let embeddings = embedder(&model).embed(Vec::<String>::new()).await.unwrap();
    assert!(embeddings.is_empty() && model.calls() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_model_of_one_input_a_call_has_several_calls_under_way() {
    let model = Model::new();
    let mut profile = profile();
    profile.embedding.max_inputs = Some(1);
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).concurrency(3).build().unwrap();
    let again = embedder.clone();
    let (one, other) = tokio::join!(embedder.embed(numbered(10)), again.embed(numbered(10)));
    assert_eq!((one.unwrap().len(), other.unwrap().len()), (10, 10));
    let seen = model.seen.lock().unwrap();
    // of all clones together
    assert_eq!((seen.peak, seen.requests.len()), (3, 20));
}

#[tokio::test(start_paused = true)]
async fn of_an_unknown_model_one_input_goes_with_a_call() {
    let model = Model::new();
    let embedder = Embedder::new(model.clone(), "unheard.of-v1").unwrap();
    embedder.embed(numbered(3)).await.unwrap();
    assert_eq!(model.calls(), 3);
    let request = model.last();
    assert_eq!((request.purpose, request.dimensions, request.types), (None, None, vec![]));
    assert_eq!(model.seen.lock().unwrap().models[0], "unheard.of-v1");
}

#[tokio::test(start_paused = true)]
async fn texts_and_images_go_apart() {
    let model = Model::new();
    let mut profile = profile();
    profile.embedding.purposes = Some(vec![EmbedPurpose::Document, EmbedPurpose::Query, EmbedPurpose::Image]);
    profile.embedding.needs_purpose = Some(true);
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).build().unwrap();
    let mixed = vec![EmbedPart::from("a"), EmbedPart::from(image())];
    let inputs = ["one".into(), image().into(), "two".into(), mixed.into(), image().into()];
    let inputs: [bedrock_llm_schema::embed::EmbedInput; 5] = inputs;
    let outcome = embedder.embed_each(inputs).await;
    assert_eq!(outcome.len(), 5, "{outcome:?}");
    let sizes: Vec<_> = model.texts().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 1, 1, 1]);
    let document = Some(EmbedPurpose::Document);
    let image = Some(EmbedPurpose::Image);
    assert_eq!(model.purposes(), [document.clone(), image.clone(), document, image]);
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_purpose_for_images_is_told_the_others() {
    let v4 = "cohere.embed-v4:0";
    let of = |model: &str| bedrock_llm_schema::Catalog::builtin().profile(&model.into()).into_owned();
    let known = of(v4).embedding.purposes.unwrap();
    assert!(!known.contains(&EmbedPurpose::Image));
    assert!(of("cohere.embed-english-v3").embedding.purposes.unwrap().contains(&EmbedPurpose::Image));

    let model = Model::new();
    // as long as the stand-in's vectors are
    let mut profile = profile();
    profile.embedding.purposes = Some(known);
    profile.embedding.other_purposes = of(v4).embedding.other_purposes;
    profile.embedding.needs_purpose = Some(true);
    let builder = || Embedder::builder(model.clone(), MODEL).profile(&profile);
    let embedder = builder().build().unwrap();
    embedder.embed([bedrock_llm_schema::embed::EmbedInput::from(image())]).await.unwrap();
    assert_eq!(model.last().purpose, Some(EmbedPurpose::Document));
    // whoever wants it gets it
    let told = builder().purpose(EmbedPurpose::Image).build().unwrap();
    told.embed([bedrock_llm_schema::embed::EmbedInput::from(image())]).await.unwrap();
    assert_eq!(model.last().purpose, Some(EmbedPurpose::Image));
}

#[tokio::test(start_paused = true)]
async fn purposes_are_those_that_the_model_knows() {
    let model = Model::new();
    let mut profile = profile();
    profile.embedding.purposes =
        Some(vec![EmbedPurpose::Document, EmbedPurpose::Query, EmbedPurpose::Clustering]);
    let run = async |embedder: Embedder<f32, Model>| {
        let before = model.calls();
        embedder.embed(["a"]).await.unwrap();
        embedder.embed_documents(["a"]).await.unwrap();
        assert_eq!(embedder.embed_query("a").await.unwrap(), vector("a"));
        model.purposes().split_off(before)
    };
    let builder = || Embedder::builder(model.clone(), MODEL);
    let (document, query) = (Some(EmbedPurpose::Document), Some(EmbedPurpose::Query));
    // whether it must be told is not known
    assert_eq!(
        run(builder().profile(&profile).build().unwrap()).await,
        [None, document.clone(), query.clone()]
    );
    profile.embedding.needs_purpose = Some(true);
    let needing = builder().profile(&profile).build().unwrap();
    assert_eq!(run(needing).await, [document.clone(), document.clone(), query.clone()]);
    let clustering = Some(EmbedPurpose::Clustering);
    let told = builder().profile(&profile).purpose(EmbedPurpose::Clustering);
    let told = told.query_purpose(EmbedPurpose::Document).build().unwrap();
    assert_eq!(run(told).await, [clustering, document.clone(), document]);
    // none to tell apart
    profile.embedding.purposes = Some(vec![]);
    profile.embedding.needs_purpose = Some(false);
    assert_eq!(run(builder().profile(&profile).build().unwrap()).await, [None, None, None]);
    let any =
        builder().profile(&profile).purpose(EmbedPurpose::Query).query_purpose(EmbedPurpose::AudioQuery);
    assert_eq!(run(any.build().unwrap()).await, [None, None, None]);
    profile.embedding.purposes = Some(vec![EmbedPurpose::Document]);
    let error = builder().profile(&profile).query_purpose(EmbedPurpose::Query).build().unwrap_err();
    assert_eq!(error.to_string(), "`query_purpose`: test.embed-v1 knows no purpose query; it knows document");
    let new = EmbedPurpose::from("brand new");
    let unheard = builder().profile(&profile).purpose(new.clone()).build().unwrap();
    assert_eq!(run(unheard).await.first(), Some(&Some(new)));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_a_rule_is_not_sent_and_the_others_go_together() {
    let model = Model::new();
    let mut profile = profile();
    profile.embedding.max_images = Some(0);
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).build().unwrap();
    let inputs = ["a".into(), "".into(), image().into(), "b".into(), "c".into()];
    let inputs: [bedrock_llm_schema::embed::EmbedInput; 5] = inputs;
    let outcome = embedder.embed_each(inputs).await;
    assert_eq!(model.texts(), [["a", "b", "c"]]);
    let failed: Vec<_> = outcome.failed().iter().map(|failed| (failed.index, failed.error.kind())).collect();
    assert_eq!(failed, [(1, &ErrorKind::InvalidRequest), (2, &ErrorKind::InvalidRequest)]);
    assert!(outcome.failed()[1].error.message().contains("no images"));
    assert_eq!(outcome.get(4).unwrap().unwrap(), vector("c"));
}

#[tokio::test(start_paused = true)]
async fn what_is_to_blame_stands_alone() {
    let model = Model::new().refuse(ErrorKind::Validation, |input| text(input) == "text 5");
    let mut profile = profile();
    profile.embedding.max_inputs = Some(96);
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).build().unwrap();
    let texts = numbered(96);
    let outcome = embedder.embed_each(&texts).await;
    assert_eq!((outcome.len(), outcome.failed().len(), outcome.embeddings().len()), (96, 1, 95));
    assert_eq!(outcome.failed()[0].index, 5);
    for (index, result) in outcome.iter() {
        match result {
            Ok(row) => assert_eq!(row, vector(&texts[index])),
            Err(error) => assert_eq!((index, error.kind()), (5, &ErrorKind::Validation)),
        }
        assert_eq!(result.ok(), outcome.get(index).unwrap().ok());
    }
    assert!(outcome.get(96).is_none());
    // each halving is two calls
    assert!(model.calls() <= 1 + 2 * 7, "{}", model.calls());
    let error = outcome.into_result().unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 of 96 inputs got no vector; input 5: request refused in InvokeModel of test.embed-v1: bad input"
    );
    assert!(!error.is_retryable() && !format!("{error:?}").contains("text 5"));
    let error = Error::from(error);
    assert_eq!(error.hint(), Some("input 5, and 1 of 96 inputs in all, got no vector"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_tried_again_here_and_costs_only_its_call() {
    let model = Model::new().refuse(ErrorKind::Unavailable, |input| text(input) == "text 5");
    let embedder = embedder(&model);
    let error = embedder.embed(numbered(10)).await.unwrap_err();
    assert_eq!(model.calls(), 3);
    assert_eq!(error.failed().iter().map(|failed| failed.index).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert_eq!(
        (error.partial().len(), error.kind(), error.is_retryable()),
        (6, &ErrorKind::Unavailable, true)
    );

    // it is over: only what failed is sent again
    let model = Model::new();
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile()).build().unwrap();
    let embeddings = embedder.retry(error).await.into_result().unwrap();
    assert_eq!(model.texts(), [numbered(8).split_off(4)]);
    let wanted: Vec<_> = numbered(10).iter().map(|text| vector(text)).collect();
    assert_eq!(embeddings.rows().collect::<Vec<_>>(), wanted);
    assert_eq!((embeddings.usage().calls, embeddings.usage().input_tokens), (3, 10));
}

#[tokio::test(start_paused = true)]
async fn a_retry_keeps_the_purpose_and_what_fails_again() {
    let model =
        Model::new().refuse(ErrorKind::Throttled(ThrottleScope::Requests), |input| text(input).contains('7'));
    let mut profile = profile();
    profile.embedding.purposes = Some(vec![EmbedPurpose::Document]);
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).build().unwrap();
    let error = embedder.embed_documents(numbered(9)).await.unwrap_err();
    let outcome: EmbedOutcome = embedder.retry(error).await;
    assert_eq!((outcome.embeddings().len(), outcome.failed().len()), (5, 4));
    assert!(model.purposes().iter().all(|purpose| *purpose == Some(EmbedPurpose::Document)));
    assert_eq!(outcome.get(8).unwrap().unwrap(), vector("text 8"));
}

#[tokio::test(start_paused = true)]
async fn vectors_of_two_models_or_settings_are_not_mixed() {
    let failing = || Model::new().refuse(ErrorKind::Unavailable, |input| text(input) == "text 5");
    let outcome = async || embedder(&failing()).embed_each(numbered(10)).await;
    let model = Model::new();
    let mut wide = profile();
    wide.embedding.is_matryoshka = Some(true);
    let extra = serde_json::from_str(r#"{"own": 1}"#).unwrap();
    let builder = |id: &str| Embedder::builder(model.clone(), id).profile(&wide);
    for (other, says) in [
        (builder("test.embed-v2"), "the model is test.embed-v2, and it was test.embed-v1"),
        (builder(MODEL).dimensions(2), "`dimensions`"),
        (builder(MODEL).normalize(true), "`normalize`"),
        (builder(MODEL).extra(extra), "`extra`"),
    ] {
        let other = other.build().unwrap();
        let again = other.retry(outcome().await).await;
        assert_eq!((model.calls(), again.embeddings().len(), again.failed().len()), (0, 6, 4));
        let error = &again.failed()[1].error;
        assert_eq!((error.kind(), again.failed()[1].index), (&ErrorKind::InvalidRequest, 5));
        assert!(error.to_string().contains(says), "{error}");
        let source = std::error::Error::source(error).unwrap();
        assert!(source.downcast_ref::<Error>().unwrap().is_retryable());
        // nothing is lost: the right one goes on with it
        let whole = embedder(&Model::new()).retry(again).await.into_result().unwrap();
        assert_eq!(whole.row(5).unwrap(), vector("text 5"));
    }
    // where nothing came there is nothing to mix
    let down = Model::new().refuse(ErrorKind::Unavailable, |_| true);
    let nothing = embedder(&down).embed_each(["a"]).await;
    let other = builder("test.embed-v2").dimensions(2).build().unwrap();
    assert_eq!(other.retry(nothing).await.into_result().unwrap().dimensions(), 2);
    // and how long texts are dealt with is not what vectors are
    let pooling = builder(MODEL).long_texts(LongText::SplitAndPool).build().unwrap();
    assert_eq!(pooling.retry(outcome().await).await.into_result().unwrap().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_every_input_is_refused_for_is_not_halved_for_ever() {
    for (inputs, most) in [(1, 40), (4, 90), (96, 230)] {
        let model = Model::new().refuse(ErrorKind::Validation, |_| true);
        let mut profile = profile();
        profile.embedding.max_inputs = Some(inputs);
        let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).build().unwrap();
        let error = embedder.embed(numbered(5000)).await.unwrap_err();
        assert_eq!((error.failed().len(), error.kind()), (5000, &ErrorKind::Validation));
        assert!(model.calls() <= most, "{} calls of {inputs} inputs", model.calls());
        assert!(error.failed()[4999].error.hint().unwrap().contains("`extra`"));
    }
    // where anything came, or texts are too long, each stands for itself
    for (kind, bad) in [(ErrorKind::Validation, 1..2000), (ErrorKind::ContextOverflow, 0..1999)] {
        let model = Model::new().refuse(kind, move |input| {
            bad.contains(&text(input).trim_start_matches("text ").parse().unwrap())
        });
        let embedder =
            Embedder::builder(model.clone(), MODEL).profile(&profile()).concurrency(1).build().unwrap();
        let outcome = embedder.embed_each(numbered(2001)).await;
        assert_eq!(outcome.embeddings().len(), 2001 - 1999);
    }
}

#[tokio::test(start_paused = true)]
async fn what_every_call_would_meet_ends_it() {
    for kind in [
        ErrorKind::Auth,
        ErrorKind::AccessDenied,
        ErrorKind::NotFound,
        ErrorKind::QuotaExceeded,
        ErrorKind::InvalidModelId,
        ErrorKind::InferenceProfileRequired,
        ErrorKind::Throttled(ThrottleScope::DailyTokens),
    ] {
        let refused = kind.clone();
        let model =
            Model::new().rule(move |_| (Duration::from_millis(1), Err(Error::new(refused.clone(), "no"))));
        let builder = Embedder::builder(model.clone(), MODEL).profile(&profile());
        let error = builder.concurrency(2).build().unwrap().embed(numbered(100)).await.unwrap_err();
        assert_eq!((model.calls(), error.failed().len()), (2, 100));
        assert_eq!(*error.kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_do_not_fit_are_errors() {
    let fewer = Model::new().maker(|request| {
        let mut fewer = request.clone();
        fewer.inputs.pop();
        floats(&fewer, |input| vector(&text(input)).to_vec())
    });
    let longer = Model::new().maker(|request| floats(request, |_| vec![1.0; 5]));
    let other = Model::new().maker(|_| Vectors::Int8(Matrix::from_values(vec![1; 8], 4).unwrap()));
    for (model, says) in [
        (fewer, "1 vectors for 2 inputs"),
        (longer, "vectors of 5 dimensions"),
        (other, "no vectors of type float"),
    ] {
        let error = embedder(&model).embed(["a", "b"]).await.unwrap_err();
        assert_eq!((error.kind(), error.failed().len()), (&ErrorKind::Decode, 2));
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn vectors_of_each_type() {
    let model = Model::new().maker(|request| match request.types.first() {
        Some(EmbeddingType::Int8) => Vectors::Int8(Matrix::from_values(vec![-1, 2], 2).unwrap()),
        Some(EmbeddingType::Binary) => Vectors::Binary(Matrix::from_values(vec![Bits(8)], 1).unwrap()),
        Some(EmbeddingType::Ubinary) => Vectors::Ubinary(Matrix::from_values(vec![Bits(9)], 1).unwrap()),
        _ => Vectors::Float(Matrix::from_values(vec![0.5], 1).unwrap()),
    });
    let mut profile = profile();
    profile.embedding.dimensions = None;
    profile.embedding.types =
        Some(vec![EmbeddingType::Float, EmbeddingType::Int8, EmbeddingType::Binary, EmbeddingType::Ubinary]);
    let builder = || Embedder::builder(model.clone(), MODEL).profile(&profile);
    assert_eq!(builder().build().unwrap().embed_query("a").await.unwrap(), [0.5]);
    assert!(model.last().types.is_empty());
    assert_eq!(builder().element::<i8>().build().unwrap().embed_query("a").await.unwrap(), [-1, 2]);
    let bits = builder().element::<Bits>().build().unwrap().embed(["a"]).await.unwrap();
    assert_eq!((bits.row(0), bits.dimensions()), (Some(&[Bits(9)][..]), 8));
    let error = builder().element::<u8>().build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "test.embed-v1 gives no vectors of type uint8; it gives float, int8, binary, ubinary"
    );
    assert_eq!(*Error::from(error).kind(), ErrorKind::Config);
    let asked = |encoding| {
        let builder = builder().element::<Bits>();
        builder.encoding(encoding).build().map_err(|error| error.to_string())
    };
    let bits = asked(EmbeddingType::Binary).unwrap().embed_query("a").await.unwrap();
    assert_eq!((bits, model.last().types), (vec![Bits(8)], vec![EmbeddingType::Binary]));
    assert_eq!(
        asked(EmbeddingType::Int8).unwrap_err(),
        "`encoding`: the element holds no int8; it holds ubinary, binary"
    );
    profile.embedding.types = Some(vec![EmbeddingType::Float, EmbeddingType::Ubinary]);
    let builder = || Embedder::builder(model.clone(), MODEL).profile(&profile);
    let error = builder().element::<Bits>().encoding(EmbeddingType::Binary).build().unwrap_err();
    assert!(
        error.to_string().contains("gives no vectors of type binary; it gives float, ubinary"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn dimensions_are_asked_for_or_cut() {
    let model = Model::new().maker(|request| {
        let dimensions = usize::try_from(request.dimensions.unwrap_or(8)).unwrap();
        floats(request, |_| (1..=dimensions).map(|number| number as f32).collect())
    });
    let mut profile = profile();
    profile.embedding.dimensions = Some(vec![8, 4]);
    let asked = async |dimensions, profile: &_| {
        let builder = Embedder::builder(model.clone(), MODEL).profile(profile).dimensions(dimensions);
        let vector = builder.build()?.embed_query("a").await.unwrap();
        Ok::<_, EmbedConfigError>((vector, model.last().dimensions))
    };
    assert_eq!(asked(4, &profile).await, Ok((vec![1.0, 2.0, 3.0, 4.0], Some(4))));
    let error = asked(2, &profile).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`dimensions`: test.embed-v1 gives no vectors of 2 dimensions; it gives 8, 4"
    );
    assert!(matches!(asked(0, &profile).await, Err(EmbedConfigError::OutOfRange { .. })));

    profile.embedding.is_matryoshka = Some(true);
    let (cut, told) = asked(2, &profile).await.unwrap();
    assert_eq!(told, Some(4));
    assert!((cut[0] - 1.0 / 5f32.sqrt()).abs() < 1e-6 && (cut[1] - 2.0 / 5f32.sqrt()).abs() < 1e-6);
    assert!(matches!(asked(9, &profile).await, Err(EmbedConfigError::Dimensions { wanted: 9, .. })));
    // the only one there is is not asked for
    profile.embedding.dimensions = Some(vec![8]);
    assert_eq!(asked(8, &profile).await.unwrap().1, None);
    assert_eq!(asked(1, &profile).await, Ok((vec![1.0], None)));
}

#[tokio::test(start_paused = true)]
async fn vectors_are_scaled_by_the_model_or_here() {
    let model = Model::new().maker(|request| {
        floats(request, |input| if text(input) == "zero" { vec![0.0; 2] } else { vec![3.0, 4.0] })
    });
    let mut profile = profile();
    profile.embedding.dimensions = Some(vec![2]);
    let builder = |profile: &_| Embedder::builder(model.clone(), MODEL).profile(profile);
    let scaled = builder(&profile).normalize(true).build().unwrap();
    let outcome = scaled.embed_each(["a", "zero", "b"]).await;
    assert_eq!(outcome.embeddings().matrix().as_slice(), [0.6, 0.8, 0.6, 0.8]);
    assert_eq!((outcome.failed()[0].index, outcome.failed()[0].error.kind()), (1, &ErrorKind::AnswerInvalid));
    assert_eq!(text(&outcome.failed()[0].input), "zero");
    assert_eq!(model.last().normalize, None);
    profile.embedding.normalize = Some(true);
    let told = builder(&profile).normalize(true).build().unwrap();
    assert_eq!(told.embed_query("zero").await.unwrap(), [0.0, 0.0]);
    assert_eq!(model.last().normalize, Some(true));
    profile.embedding.normalize = Some(false);
    profile.embedding.is_normalized = Some(true);
    let error = builder(&profile).normalize(false).build().unwrap_err();
    assert!(matches!(error, EmbedConfigError::AlwaysNormalized { .. }));
    profile.embedding.is_normalized = Some(false);
    profile.embedding.types = None;
    let error = builder(&profile).element::<i8>().normalize(true).build().unwrap_err();
    assert!(matches!(error, EmbedConfigError::NeedsFloats { given: EmbeddingType::Int8, .. }));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let builder = || Embedder::builder(Model::new(), MODEL).profile(&profile());
    for error in [builder().concurrency(0).build(), builder().window(0).build()] {
        assert!(matches!(error, Err(EmbedConfigError::OutOfRange { .. })));
    }
    let mut chat = profile();
    chat.mode = Some(Mode::Chat);
    let error = Embedder::builder(Model::new(), MODEL).profile(&chat).build().unwrap_err();
    assert_eq!(error.to_string(), "test.embed-v1 is no embedding model: it is for Chat");
}

#[tokio::test(start_paused = true)]
async fn calls_carry_options_and_members_of_the_users_own() {
    let model = Model::new();
    let options = CallOptions::new().priority(Priority::Batch);
    let extra = serde_json::from_str(r#"{"own": 1}"#).unwrap();
    let embedder = Embedder::builder(
        tower::util::MapRequest::new(model.clone(), {
            let options = options.clone();
            move |call: bedrock_llm_schema::Call<bedrock_llm_schema::EmbedRequest>| {
                assert_eq!(**call.given_options().unwrap(), options);
                call
            }
        }),
        MODEL,
    );
    let embedder = embedder.profile(&profile()).options(options).extra(extra).build().unwrap();
    embedder.embed(["a"]).await.unwrap();
    assert_eq!(model.last().extra["own"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_drops_its_calls() {
    let model = Model::new();
    let embedder = embedder(&model);
    let work = embedder.embed(numbered(8));
    assert!(tokio::time::timeout(Duration::from_millis(1), work).await.is_err());
    let seen = model.seen.lock().unwrap();
    assert_eq!((seen.running, seen.cancelled), (0, 2));
}

#[tokio::test]
async fn futures_and_embedders_go_to_other_tasks() {
    let embedder = embedder(&Model::new());
    let texts = vec!["a".to_owned()];
    let tasks = [tokio::spawn(embedder.embed(&texts)), tokio::spawn(embedder.embed_documents(&texts))];
    let query = tokio::spawn(embedder.embed_query("a"));
    let each = tokio::spawn(embedder.embed_each(&texts));
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().len(), 1);
    }
    assert_eq!(query.await.unwrap().unwrap(), vector("a"));
    let again = tokio::spawn(embedder.retry(each.await.unwrap()));
    drop((embedder, texts));
    assert_eq!(again.await.unwrap().embeddings().len(), 1);
}
