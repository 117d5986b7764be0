//! Rules of embeddings.

use super::rule::RuleReport;
use crate::EmbedRequest;
use crate::content::media::{ImageBlock, ImageFormat, MediaSource};
use crate::embed::{EmbedInput, EmbedPart, EmbedPurpose, EmbedTruncation, EmbeddingType};
use crate::model::{Family, ModelProfile};
use crate::tokens::of_text;

/// What Titan says (github.com/langchain-ai/langchain/issues/19542).
const EMPTY: &str =
    "Malformed input request: expected minLength: 1, actual: 0, please reformat your input and try again.";

pub(super) fn present(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    // what has no name of ours, such as sound, stands among the further members
    if request.inputs.is_empty() && request.extra.is_empty() {
        report.add("inputs", "there is nothing to embed", "add a text or an image");
    }
    for (place, input) in request.inputs.iter().enumerate() {
        let path = format!("inputs[{place}]");
        if input.images().next().is_some() || input.texts().any(|text| !text.is_empty()) {
            continue;
        }
        if input.texts().next().is_some() {
            // white space is a text: no refusal of it is known
            let family = profile.base_model.as_ref().unwrap_or(&profile.id).family();
            let says = (family == Family::AmazonTitan).then(|| EMPTY.to_owned());
            report.add_saying(path, "an empty text", "leave it out", says);
        } else if matches!(input, EmbedInput::Mixed(parts) if parts.is_empty()) {
            report.add(path, "an input without parts", "add a text or an image, or leave it out");
        }
    }
}

pub(super) fn count(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let facts = &profile.embedding;
    let over = |count: usize, most: Option<u32>| most.filter(|most| count > size(*most));
    let inputs = request.inputs.len();
    if let Some(most) = over(inputs, facts.max_inputs) {
        let message = format!("{inputs} inputs; the model takes {most} a call");
        report.add(format!("inputs[{most}]"), message, "make several calls of it");
    }
    let images = images(request).count();
    // where none is taken, another rule says so
    if let Some(most) = over(images, facts.max_images.filter(|most| *most > 0)) {
        let message = format!("{images} images; the model takes {most} a call");
        report.add("inputs", message, "make several calls of it");
    }
    for (place, input) in request.inputs.iter().enumerate() {
        let EmbedInput::Mixed(parts) = input else { continue };
        if let Some(most) = over(parts.len(), facts.max_parts) {
            let message = format!("{} parts; the model takes {most} in an input", parts.len());
            report.add(format!("inputs[{place}]"), message, "make several inputs of it");
        }
    }
}

pub(super) fn mixed(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let facts = &profile.embedding;
    if facts.max_images == Some(0) {
        if let Some((path, _)) = images(request).next() {
            report.add(path, "the model embeds no images", "choose a model that does");
        }
        return;
    }
    if facts.mixed != Some(false) {
        return;
    }
    let is_mixed = |input: &EmbedInput| matches!(input, EmbedInput::Mixed(parts) if parts.len() > 1);
    if let Some(place) = request.inputs.iter().position(is_mixed) {
        let message = "the model gives no vector to several parts together";
        report.add(format!("inputs[{place}]"), message, "embed them one by one");
    } else if images(request).next().is_some() && request.inputs.iter().any(|it| it.texts().next().is_some())
    {
        report.add("inputs", "the model takes no texts and images in one call", "make two calls of it");
    }
}

pub(super) fn image(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let facts = &profile.images;
    for (path, image) in images(request) {
        let known = !matches!(image.format, ImageFormat::Unknown(_));
        if facts.formats.as_ref().is_some_and(|taken| known && !taken.contains(&image.format)) {
            let message = format!("the model takes no image of format {}", image.format);
            report.add(format!("{path}.format"), message, "convert it");
        }
        match &image.source {
            MediaSource::S3Location(_) if facts.s3 == Some(false) => {
                report.add(
                    format!("{path}.source"),
                    "the model takes no image from Amazon S3",
                    "put its bytes into the request",
                );
            }
            MediaSource::Bytes(blob) => {
                let size = u64::try_from(blob.as_bytes().len()).unwrap_or(u64::MAX);
                let path = format!("{path}.source.bytes");
                if size == 0 {
                    report.add(path, "an image without bytes", "add its bytes or leave it out");
                } else if let Some(most) = facts.max_bytes.filter(|most| size > *most) {
                    report.add(path, format!("{size} bytes; the model takes {most}"), "make it smaller");
                }
            }
            _ => {}
        }
        let Some(most) = facts.max_side else { continue };
        if let Some((width, height)) = image.dimensions().filter(|(w, h)| (*w).max(*h) > most) {
            let message = format!("{width}x{height} pixels; the model takes {most} a side");
            report.add(path, message, "make it smaller");
        }
    }
}

pub(super) fn dimensions(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let Some(given) = &profile.embedding.dimensions else { return };
    if let [only] = given.as_slice() {
        // a native body of such a model has no place for it, so that it stands among the further members there
        let natively =
            || ["dimensions", "output_dimension"].iter().find(|name| request.extra.contains_key(**name));
        let path = request.dimensions.map(|_| "dimensions".to_owned());
        if let Some(path) = path.or_else(|| natively().map(|name| format!("extra.{name}"))) {
            let message = format!("the model's vectors have {only} dimensions, which cannot be asked for");
            report.add(path, message, "leave it out");
        }
        return;
    }
    let Some(wanted) = request.dimensions else { return };
    match given.as_slice() {
        given if !given.contains(&wanted) => {
            let given = given.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("the model gives no vectors of {wanted} dimensions");
            report.add("dimensions", message, format!("ask for one of {given}"));
        }
        _ => {}
    }
}

/// Types that nobody knows pass: the service may have them by now.
pub(super) fn types(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    for (place, r#type) in request.types.iter().enumerate() {
        let path = || format!("types[{place}]");
        let known = !matches!(r#type, EmbeddingType::Unknown(_));
        if request.types.iter().take(place).any(|before| before == r#type) {
            report.add(path(), format!("{type} is asked for twice"), "leave one out");
        } else if let Some(given) =
            profile.embedding.types.as_ref().filter(|given| known && !given.contains(r#type))
        {
            let message = format!("the model gives no numbers of type {type}");
            report.add(path(), message, format!("ask for one of {}", names(given, EmbeddingType::as_str)));
        }
    }
}

/// Purposes that nobody knows pass, and any does where the model does not ask.
pub(super) fn purpose(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let facts = &profile.embedding;
    let told = facts.purposes.as_ref().filter(|told| !told.is_empty());
    let fix = || told.map_or_else(String::new, |told| format!(": {}", names(told, EmbedPurpose::as_str)));
    match &request.purpose {
        None if facts.needs_purpose == Some(true) => {
            let message = "the model must be told what its vectors are for";
            report.add("purpose", message, format!("name a purpose{}", fix()));
        }
        Some(EmbedPurpose::Unknown(_)) | None => {}
        Some(purpose) if facts.other_purposes.as_ref().is_some_and(|others| others.contains(purpose)) => {}
        Some(purpose) if told.is_some_and(|told| !told.contains(purpose)) => {
            let message = format!("the model does not know the purpose {purpose}");
            report.add("purpose", message, format!("choose another{}", fix()));
        }
        Some(_) => {}
    }
}

/// To refuse what is too long is what every model does.
pub(super) fn truncation(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let Some(wanted @ (EmbedTruncation::Start | EmbedTruncation::End)) = &request.truncation else { return };
    if profile.embedding.truncations.as_ref().is_some_and(|offered| !offered.contains(wanted)) {
        let message = format!("the model does not cut texts at their {wanted}");
        report.add("truncation", message, "leave it out, and shorten texts that are too long");
    }
}

pub(super) fn normalize(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let facts = &profile.embedding;
    if request.normalize.is_none() || facts.normalize != Some(false) {
        return;
    }
    let (message, fix) = match facts.is_normalized {
        Some(true) => ("the model's vectors have length 1 in any case", "leave it out"),
        _ => ("the model does not scale its vectors", "leave it out, and scale them yourself"),
    };
    report.add("normalize", message, fix);
}

/// Characters are counted; tokens are estimated, so that only what is far too long is refused, and only where nothing
/// is cut off.
pub(super) fn length(request: &EmbedRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let facts = &profile.embedding;
    let most_characters = facts.max_characters.map(size);
    let never_cuts = facts.truncations.as_ref().is_some_and(Vec::is_empty);
    let cuts = match &request.truncation {
        None => !never_cuts,
        Some(truncation) => *truncation != EmbedTruncation::Refuse,
    };
    let most_tokens = facts.max_tokens.filter(|_| !cuts).map(u64::from);
    let is_cohere = profile.base_model.as_ref().unwrap_or(&profile.id).family() == Family::Cohere;
    for (path, place, text) in texts(request) {
        let characters = || text.chars().count();
        if let Some(most) = most_characters.filter(|most| text.len() > *most && characters() > *most) {
            let place = if is_cohere { format!("#/texts/{place}: ") } else { String::new() };
            let (most, length) = (most.to_string(), characters().to_string());
            let message = format!("{length} characters; the model takes {most} in a text");
            let values = [("place", place.as_str()), ("most", most.as_str()), ("length", length.as_str())];
            report.add_with(path, message, "shorten it, or split it", &values);
        } else if let Some(most) = most_tokens {
            let tokens = of_text(text);
            if tokens > most.saturating_mul(2) {
                let message = format!("about {tokens} tokens; the model takes {most} in a text");
                report.add_saying(path, message, "shorten it, or split it", None);
            }
        }
    }
}

fn size(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

fn names<T>(values: &[T], name: impl Fn(&T) -> &str) -> String {
    values.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Every image, and where it stands.
fn images(request: &EmbedRequest) -> impl Iterator<Item = (String, &ImageBlock)> {
    request.inputs.iter().enumerate().flat_map(|(place, input)| {
        let parts = match input {
            EmbedInput::Mixed(parts) => parts.as_slice(),
            _ => &[],
        };
        let one = match input {
            EmbedInput::Image(image) => Some((format!("inputs[{place}].image"), image)),
            _ => None,
        };
        one.into_iter().chain(parts.iter().enumerate().filter_map(move |(part, it)| match it {
            EmbedPart::Image(image) => Some((format!("inputs[{place}].mixed[{part}].image"), image)),
            EmbedPart::Text(_) => None,
        }))
    })
}

/// Every text, where it stands, and in which input.
fn texts(request: &EmbedRequest) -> impl Iterator<Item = (String, usize, &str)> {
    request
        .inputs
        .iter()
        .enumerate()
        .flat_map(|(place, input)| input.texts().map(move |text| (format!("inputs[{place}]"), place, text)))
}
