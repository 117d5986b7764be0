//! What an embedder does, settled before anything is sent.

use std::sync::Arc;

use bedrock_llm_schema::embed::{
    Element, EmbedInput, EmbedPurpose, EmbedRequest, EmbedTruncation, EmbeddingType,
};
use bedrock_llm_schema::model::{EmbeddingFacts, Mode, ModelProfile};
use bedrock_llm_schema::rules::check_embed;
use bedrock_llm_schema::{CallOptions, ModelId};

use super::long::{LongText, TextLimits};
use super::manner::Manner;
use super::pack::CallLimits;
use super::settings::Settings;
use crate::EmbedConfigError;
use crate::same_model::identity;

/// An embedder's settings, with what is known of its model worked in.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) model: ModelId,
    pub(super) profile: ModelProfile,
    pub(super) manner: Arc<Manner>,
    /// Every request, without inputs and purpose.
    pub(super) template: EmbedRequest,
    /// The type of the numbers.
    pub(super) r#type: EmbeddingType,
    pub(super) purposes: Purposes,
    /// How many numbers the model's vectors must have; `None` where that is not known.
    pub(super) width: Option<usize>,
    /// How many numbers of each vector are kept, where that is not all of them.
    pub(super) keep: Option<usize>,
    /// Whether vectors are scaled to length 1 here.
    pub(super) scale: bool,
    /// Whether whole texts' vectors have length 1, so that means must have it.
    pub(super) is_normalized: bool,
    pub(super) long_texts: LongText,
    pub(super) text_limits: TextLimits,
    pub(super) call_limits: CallLimits,
    pub(super) concurrency: usize,
    /// How many inputs a stream takes together.
    pub(super) window: usize,
    pub(super) options: Option<Arc<CallOptions>>,
}

/// What the vectors of each method are for.
#[derive(Debug, Clone)]
pub(super) struct Purposes {
    pub(super) plain: Option<EmbedPurpose>,
    pub(super) document: Option<EmbedPurpose>,
    pub(super) query: Option<EmbedPurpose>,
    /// Of images in its place, where the model wants it so.
    image: Option<EmbedPurpose>,
}

impl Plan {
    pub(super) fn new<T: Element>(
        model: ModelId,
        profile: ModelProfile,
        settings: Settings,
    ) -> Result<Self, EmbedConfigError> {
        if let Some(mode) = profile.mode.filter(|mode| *mode != Mode::Embedding) {
            return Err(EmbedConfigError::NotEmbedding { model, mode });
        }
        let facts = &profile.embedding;
        let r#type = type_of::<T>(&model, facts, settings.encoding.as_ref())?;
        let (asked, cut) = settings.dimensions.map_or(Ok((None, None)), |wanted| {
            dimensions(wanted, facts, r#type == EmbeddingType::Float, &model)
        })?;
        let purposes = Purposes::new(&settings, facts, &model)?;
        let (normalize, scale) = scaling(&settings, facts, &model)?;
        // a beginning is no longer as long as the whole
        let scale = scale || (cut.is_some() && settings.normalize != Some(false));
        // what the model does unless it is told
        let is_usual = facts.is_normalized == Some(true);
        let is_normalized = scale || cut.is_none() && normalize.unwrap_or(is_usual);
        for (setting, is_asked) in [
            ("`normalize`", scale),
            ("`long_texts: split_and_pool`", settings.long_texts == LongText::SplitAndPool),
        ] {
            if is_asked && r#type != EmbeddingType::Float {
                return Err(EmbedConfigError::NeedsFloats { setting, given: r#type });
            }
        }
        let (truncation, text_limits) = truncation(settings.long_texts, facts);
        let mut template = EmbedRequest::new(ModelId::default());
        template.dimensions = asked;
        template.normalize = normalize;
        template.truncation = truncation;
        template.extra = settings.extra;
        // what the model gives anyway need not be asked for
        if facts.types.as_ref().map_or(r#type != EmbeddingType::Float, |types| types.first() != Some(&r#type))
        {
            template.types = vec![r#type.clone()];
        }

        let numbers = |dimensions: u32| {
            usize::try_from(dimensions).unwrap_or(usize::MAX).div_ceil(T::DIMENSIONS.max(1))
        };
        let only = match facts.dimensions.as_deref() {
            Some([only]) => Some(*only),
            _ => None,
        };
        let call_limits = CallLimits {
            inputs: u64::from(facts.max_inputs.unwrap_or(1).max(1)),
            images: u64::from(facts.max_images.unwrap_or(1).max(1)),
            tokens: facts.max_call_tokens.map(u64::from),
        };
        let per_call = usize::try_from(call_limits.inputs).unwrap_or(usize::MAX);
        let manner = Manner {
            model: identity(&model, &profile),
            r#type: r#type.clone(),
            dimensions: asked,
            keep: cut.map(numbers),
            normalize,
            scale,
            extra: template.extra.clone(),
        };
        let plan = Self {
            manner: Arc::new(manner),
            width: asked.or(only).map(numbers),
            keep: cut.map(numbers),
            scale,
            is_normalized,
            long_texts: settings.long_texts,
            text_limits,
            call_limits,
            concurrency: settings.concurrency,
            window: settings.window.unwrap_or_else(|| window(per_call, settings.concurrency)),
            options: settings.options.map(Arc::new),
            model,
            profile,
            template,
            r#type,
            purposes,
        };
        let mut sample = plan.request(plan.purposes.plain.as_ref());
        sample.inputs.push("a".into());
        check_embed(&sample, &plan.model, &plan.profile)?;
        Ok(plan)
    }

    /// A request without inputs, and without its model.
    pub(super) fn request(&self, purpose: Option<&EmbedPurpose>) -> EmbedRequest {
        EmbedRequest { purpose: purpose.cloned(), ..self.template.clone() }
    }

    /// All that changes numbers, for the keys of what is kept.
    pub(super) fn key<'a>(&'a self, purpose: Option<&'a EmbedPurpose>) -> impl serde::Serialize + 'a {
        let limits = match self.long_texts {
            LongText::Error => None,
            _ => Some((self.text_limits.tokens, self.text_limits.characters)),
        };
        (
            self.manner.model.as_str(),
            &self.r#type,
            &self.template,
            purpose,
            &self.purposes.image,
            (self.keep, self.scale, self.is_normalized),
            (self.long_texts, limits),
        )
    }

    /// What the vector of an input is for, where the others' are for `purpose`.
    pub(super) fn purpose_of<'a>(
        &'a self,
        input: &EmbedInput,
        purpose: Option<&'a EmbedPurpose>,
    ) -> Option<&'a EmbedPurpose> {
        match input {
            EmbedInput::Image(_) => self.purposes.image.as_ref().or(purpose),
            _ => purpose,
        }
    }
}

impl Purposes {
    fn new(settings: &Settings, facts: &EmbeddingFacts, model: &ModelId) -> Result<Self, EmbedConfigError> {
        let known = facts.purposes.as_deref();
        for (setting, wanted) in [
            ("`purpose`", &settings.purpose),
            ("`document_purpose`", &settings.document_purpose),
            ("`query_purpose`", &settings.query_purpose),
        ] {
            if let (Some(wanted), Some(offered)) = (wanted, known)
                // what nobody knows the service may have by now, and a model that tells none apart is told none
                && !(matches!(wanted, EmbedPurpose::Unknown(_)) || offered.is_empty() || offered.contains(wanted))
                && !facts.other_purposes.as_ref().is_some_and(|others| others.contains(wanted))
            {
                return Err(EmbedConfigError::Purpose {
                    setting,
                    model: model.clone(),
                    wanted: wanted.clone(),
                    offered: offered.to_vec(),
                });
            }
        }
        let where_known =
            |purpose: EmbedPurpose| known.is_some_and(|known| known.contains(&purpose)).then_some(purpose);
        let needed = facts.needs_purpose.unwrap_or(false);
        let is_told = known.is_none_or(|known| !known.is_empty());
        let or = |given: &Option<EmbedPurpose>, usual| {
            given.clone().filter(|_| is_told).or_else(|| where_known(usual))
        };
        Ok(Self {
            plain: match or(&settings.purpose, EmbedPurpose::Document) {
                Some(purpose) if settings.purpose.is_some() || needed => Some(purpose),
                _ => None,
            },
            document: or(&settings.document_purpose, EmbedPurpose::Document),
            query: or(&settings.query_purpose, EmbedPurpose::Query),
            image: where_known(EmbedPurpose::Image),
        })
    }
}

/// By the service's name: the one that is wished for, or the first of the element's that the model has.
fn type_of<T: Element>(
    model: &ModelId,
    facts: &EmbeddingFacts,
    wished: Option<&EmbeddingType>,
) -> Result<EmbeddingType, EmbedConfigError> {
    if let Some(wanted) = wished.filter(|wanted| !T::TYPES.contains(wanted)) {
        return Err(EmbedConfigError::Encoding { wanted: wanted.clone(), possible: T::TYPES.to_vec() });
    }
    let possible = wished.map_or(T::TYPES, std::slice::from_ref);
    let usual = possible.first().cloned().unwrap_or(EmbeddingType::Float);
    let Some(offered) = &facts.types else { return Ok(usual) };
    possible.iter().find(|wanted| offered.contains(wanted)).cloned().ok_or_else(|| {
        EmbedConfigError::ElementType { model: model.clone(), wanted: usual, offered: offered.clone() }
    })
}

/// How many dimensions the model is asked for, and to how many they are cut here.
fn dimensions(
    wanted: u32,
    facts: &EmbeddingFacts,
    is_float: bool,
    model: &ModelId,
) -> Result<(Option<u32>, Option<u32>), EmbedConfigError> {
    if wanted == 0 {
        return Err(EmbedConfigError::OutOfRange { setting: "`dimensions`", range: "above 0" });
    }
    let Some(offered) = &facts.dimensions else { return Ok((Some(wanted), None)) };
    // the only length there is cannot be asked for
    let ask = |dimensions: u32| Some(dimensions).filter(|_| offered.len() > 1);
    if offered.contains(&wanted) {
        return Ok((ask(wanted), None));
    }
    let longer = offered.iter().copied().filter(|offered| *offered > wanted).min();
    match longer.filter(|_| facts.is_matryoshka == Some(true)) {
        Some(longer) if is_float => Ok((ask(longer), Some(wanted))),
        _ => Err(EmbedConfigError::Dimensions { model: model.clone(), wanted, offered: offered.clone() }),
    }
}

/// What the model is told of lengths, and whether vectors are scaled here.
fn scaling(
    settings: &Settings,
    facts: &EmbeddingFacts,
    model: &ModelId,
) -> Result<(Option<bool>, bool), EmbedConfigError> {
    let can_be_told = facts.normalize == Some(true);
    match settings.normalize {
        None => Ok((None, false)),
        Some(wanted) if can_be_told => Ok((Some(wanted), false)),
        Some(true) => Ok((None, facts.is_normalized != Some(true))),
        Some(false) if facts.is_normalized == Some(true) => {
            Err(EmbedConfigError::AlwaysNormalized { model: model.clone() })
        }
        Some(false) => Ok((None, false)),
    }
}

/// What the model is told of long texts, and the limits that are kept here.
fn truncation(long_texts: LongText, facts: &EmbeddingFacts) -> (Option<EmbedTruncation>, TextLimits) {
    let can = |truncation: EmbedTruncation| {
        Some(truncation).filter(|it| facts.truncations.as_ref().is_some_and(|known| known.contains(it)))
    };
    let told = match long_texts {
        LongText::Error | LongText::SplitAndPool => can(EmbedTruncation::Refuse),
        LongText::TruncateEnd => can(EmbedTruncation::End),
        LongText::TruncateStart => can(EmbedTruncation::Start),
    };
    let refuses =
        told == Some(EmbedTruncation::Refuse) || facts.truncations.as_ref().is_some_and(Vec::is_empty);
    let most = facts.max_tokens.map(u64::from);
    let tokens = match long_texts {
        // it counts, we estimate: only what is far too long need not be sent
        LongText::Error => most.filter(|_| refuses).map(|most| most.saturating_mul(2)),
        LongText::TruncateEnd | LongText::TruncateStart => most.filter(|_| told.is_none()),
        LongText::SplitAndPool => most,
    };
    let limits = TextLimits { tokens, characters: facts.max_characters.map(u64::from) };
    (told, limits)
}

/// Inputs for half of the calls that may be under way, and not so few that windows cost more than calls.
fn window(per_call: usize, concurrency: usize) -> usize {
    per_call.saturating_mul(concurrency.div_ceil(2)).clamp(32, 4096)
}
