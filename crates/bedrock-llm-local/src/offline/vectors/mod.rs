//! Embeddings by a lexical method: what shares words, or parts of them, is alike. Nothing is known of what words mean.

mod features;
mod project;
mod quantize;

use bedrock_llm_schema::embed::{EmbedInput, EmbedPart, EmbedTruncation, EmbeddingType};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{EmbedRequest, EmbedResponse};

pub(super) use features::Features;
use project::{LONGEST, normalize, project};
use quantize::quantize;

use super::pieces::{count_pieces, first_pieces, last_pieces};
use crate::Exception;

/// How long vectors are where neither request nor facts say.
const USUAL_LENGTH: usize = 1024;

/// What an image counts as, in tokens.
const IMAGE_TOKENS: u64 = 256;

/// Answers a request for embeddings.
pub(crate) fn embed(request: &EmbedRequest, profile: &ModelProfile) -> Result<EmbedResponse, Exception> {
    if let Some(why) = cannot_embed(request) {
        return Err(Exception::validation(why));
    }
    let facts = &profile.embedding;
    let known = facts.dimensions.as_ref().and_then(|dimensions| dimensions.first().copied());
    let known = request.dimensions.or(known).or(profile.output_vector_size);
    let dimensions = known.map_or(Ok(USUAL_LENGTH), usize::try_from);
    let dimensions = dimensions.ok().filter(|dimensions| (1..=LONGEST).contains(dimensions));
    let dimensions = dimensions
        .ok_or_else(|| Exception::validation(format!("dimensions must be from 1 to {LONGEST} here.")))?;
    let most = facts.max_tokens.map(u64::from).or(profile.max_input_tokens);
    let normalized = request.normalize.or(facts.is_normalized).unwrap_or(true);
    let mut input_tokens = 0;
    let mut rows = Vec::with_capacity(request.inputs.len());
    for input in &request.inputs {
        let (features, tokens) = read(input, request.truncation.as_ref(), most)?;
        let mut row = project(&features, dimensions);
        if normalized {
            normalize(&mut row);
        }
        rows.push(row);
        input_tokens += tokens;
    }
    let usual =
        || facts.types.as_ref().and_then(|types| types.first().cloned()).unwrap_or(EmbeddingType::Float);
    let types = if request.types.is_empty() { vec![usual()] } else { request.types.clone() };
    let mut vectors = Vec::with_capacity(types.len());
    for r#type in &types {
        let unwritten = |error| Exception::new("InternalServerException").message(format!("{error}"));
        let Some(quantized) = quantize(&rows, r#type).map_err(unwritten)? else {
            return Err(Exception::validation(format!("There are no embeddings of type {type}.")));
        };
        vectors.push(quantized);
    }
    Ok(EmbedResponse { vectors, input_tokens: Some(input_tokens), ..EmbedResponse::default() })
}

/// Why there would be vectors of less than what is asked: an answer has one for each input.
fn cannot_embed(request: &EmbedRequest) -> Option<&'static str> {
    let natively = |name: &str| request.extra.get(name).is_some_and(|it| !it.is_null());
    let parameter = |name: &str| {
        let parameters = request.extra.get("singleEmbeddingParams");
        parameters.and_then(|it| it.get(name)).is_some_and(|it| !it.is_null())
    };
    // these have no name of ours, and stay among the further members
    if parameter("audio") || parameter("video") {
        return Some("bedrock-llm-local does not embed sound and video; script or replay an answer.");
    }
    if !request.inputs.is_empty() {
        return parameter("image").then_some("There is one of text, image, audio and video in a call.");
    }
    Some(if parameter("text") || parameter("image") {
        "bedrock-llm-local embeds texts and images that are in the request; script or replay an answer."
    } else if ["texts", "images", "inputs"].iter().filter(|name| natively(name)).count() > 1 {
        "There is one of texts, images and inputs in a call."
    } else {
        "There is nothing to embed."
    })
}

/// The features of an input, and how many tokens it is.
fn read(
    input: &EmbedInput,
    truncation: Option<&EmbedTruncation>,
    most: Option<u64>,
) -> Result<(Features, u64), Exception> {
    let text = |text: &str| -> Result<(Features, u64), Exception> {
        let text = fitting(text, truncation, most)?;
        Ok((Features::of_text(text), count_pieces(text)))
    };
    match input {
        EmbedInput::Text(it) => text(it),
        EmbedInput::Image(image) => Ok((Features::of_image(image), IMAGE_TOKENS)),
        EmbedInput::Mixed(parts) => {
            let parts = parts.iter().map(|part| match part {
                EmbedPart::Text(it) => text(it),
                EmbedPart::Image(image) => Ok((Features::of_image(image), IMAGE_TOKENS)),
                _ => Err(Exception::validation("There are inputs of texts and images alone.")),
            });
            let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
            let tokens = parts.iter().map(|(_, tokens)| tokens).sum();
            Ok((Features::mean(parts.into_iter().map(|(features, _)| features)), tokens))
        }
        _ => Err(Exception::validation("There are inputs of texts and images alone.")),
    }
}

/// What a model reads of a text that may be too long for it.
fn fitting<'a>(
    text: &'a str,
    truncation: Option<&EmbedTruncation>,
    most: Option<u64>,
) -> Result<&'a str, Exception> {
    let Some(most) = most else { return Ok(text) };
    let tokens = count_pieces(text);
    match truncation {
        _ if tokens <= most => Ok(text),
        Some(EmbedTruncation::End) => Ok(first_pieces(text, most)),
        Some(EmbedTruncation::Start) => Ok(last_pieces(text, most)),
        // https://github.com/aws-samples/amazon-bedrock-workshop/issues/136
        _ => Err(Exception::validation(format!(
            "400 Bad Request: Too many input tokens. Max input tokens: {most}, request input token count: {tokens} "
        ))),
    }
}
