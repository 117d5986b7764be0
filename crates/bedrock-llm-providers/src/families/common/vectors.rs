//! What the codecs of embeddings share: refusals by the request's own names, and checks of what is answered.

use bedrock_llm_schema::EmbedRequest;
use bedrock_llm_schema::content::media::ImageBlock;
use bedrock_llm_schema::embed::{
    EmbedInput, EmbedPart, EmbedPurpose, EmbedTruncation, EmbeddingType, Matrix, Vectors,
};

use super::cannot_answer;
use crate::CodecError;

/// Refuses members by their names in [`EmbedRequest`].
#[derive(Clone, Copy)]
pub(crate) struct Refuse(pub(crate) &'static str);

impl Refuse {
    pub(crate) fn unsupported<T>(
        self,
        what: impl Into<String>,
        path: impl Into<String>,
    ) -> Result<T, CodecError> {
        Err(CodecError::Unsupported { family: self.0, what: what.into(), path: path.into() })
    }

    pub(crate) fn missing<T>(self, what: &str, path: &str) -> Result<T, CodecError> {
        Err(CodecError::Missing { family: self.0, what: what.to_owned(), path: path.to_owned() })
    }

    /// Refuses a member that is there.
    pub(crate) fn member<T>(self, member: Option<&T>, path: &str) -> Result<(), CodecError> {
        if member.is_some() { self.unsupported(path, path) } else { Ok(()) }
    }

    /// Refuses every type of number but floats, which need not be asked for.
    pub(crate) fn all_but_floats(self, request: &EmbedRequest) -> Result<(), CodecError> {
        match request.types.iter().find(|r#type| **r#type != EmbeddingType::Float) {
            Some(r#type) => self.unsupported(format!("the type {type}"), "types"),
            None => Ok(()),
        }
    }

    /// The only input; none where the native body has one that has no name here.
    pub(crate) fn one_input(
        self,
        request: &EmbedRequest,
        natively: bool,
    ) -> Result<Option<&EmbedInput>, CodecError> {
        match request.inputs.as_slice() {
            [] if natively => Ok(None),
            [] => self.missing("an input", "inputs"),
            [input] => Ok(Some(input)),
            [_, _, ..] => self.unsupported("more than one input in a call", "inputs[1]"),
        }
    }
}

/// What a family calls the purposes that it tells apart.
#[derive(Clone, Copy)]
pub(crate) struct Purposes(pub(crate) &'static [(EmbedPurpose, &'static str)]);

impl Purposes {
    /// `None` for those that only other families have.
    pub(crate) fn write(self, purpose: &EmbedPurpose) -> Option<&str> {
        match purpose {
            EmbedPurpose::Unknown(name) => Some(name),
            purpose => self.0.iter().find(|(known, _)| known == purpose).map(|(_, name)| *name),
        }
    }

    pub(crate) fn read(self, name: &str) -> EmbedPurpose {
        let known = self.0.iter().find(|(_, known)| *known == name);
        known.map_or_else(|| EmbedPurpose::Unknown(name.to_owned()), |(purpose, _)| purpose.clone())
    }

    pub(crate) fn check(self, request: &EmbedRequest, refuse: Refuse) -> Result<(), CodecError> {
        match request.purpose.as_ref().filter(|purpose| self.write(purpose).is_none()) {
            Some(purpose) => refuse.unsupported(format!("the purpose {purpose}"), "purpose"),
            None => Ok(()),
        }
    }
}

pub(crate) fn write_truncation(truncation: &EmbedTruncation) -> &str {
    match truncation {
        EmbedTruncation::Refuse => "NONE",
        EmbedTruncation::Start => "START",
        EmbedTruncation::End => "END",
        other => other.as_str(),
    }
}

pub(crate) fn read_truncation(name: &str) -> EmbedTruncation {
    match name {
        "NONE" => EmbedTruncation::Refuse,
        "START" => EmbedTruncation::Start,
        "END" => EmbedTruncation::End,
        other => EmbedTruncation::Unknown(other.to_owned()),
    }
}

/// The text and the image of an input of at most one each; `None` where there is more.
pub(crate) fn text_and_image(input: &EmbedInput) -> Option<(Option<&str>, Option<&ImageBlock>)> {
    let (mut texts, mut images) = (input.texts(), input.images());
    let found = (texts.next(), images.next());
    let known = |part: &EmbedPart| matches!(part, EmbedPart::Text(_) | EmbedPart::Image(_));
    let all_known = !matches!(input, EmbedInput::Mixed(parts) if !parts.iter().all(known));
    (all_known && texts.next().is_none() && images.next().is_none()).then_some(found)
}

/// The only vectors of a response that can have floats alone.
pub(crate) fn floats<'a>(
    family: &'static str,
    vectors: &'a [Vectors],
) -> Result<&'a Matrix<f32>, CodecError> {
    match vectors {
        [Vectors::Float(matrix)] => finite(family, matrix).map(|()| matrix),
        [] => Err(cannot_answer(family, "a lack of vectors", "vectors")),
        [other] => Err(cannot_answer(family, &format!("the type {}", other.r#type()), "vectors")),
        [_, _, ..] => Err(cannot_answer(family, "several types", "vectors")),
    }
}

/// JSON has no other numbers.
pub(crate) fn finite(family: &'static str, matrix: &Matrix<f32>) -> Result<(), CodecError> {
    if matrix.as_slice().iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(cannot_answer(family, "a number that is not finite", "vectors"))
}

/// The only row.
pub(crate) fn one_row<'a, T>(family: &'static str, matrix: &'a Matrix<T>) -> Result<&'a [T], CodecError> {
    match (matrix.len(), matrix.row(0)) {
        (1, Some(row)) => Ok(row),
        (count, _) => Err(cannot_answer(family, &format!("{count} vectors"), "vectors")),
    }
}
