//! What an embedder can be told.

use std::marker::PhantomData;

use bedrock_llm_schema::embed::{Element, EmbedPurpose, EmbeddingType};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{CallOptions, Catalog, ModelId};

use super::long::LongText;
use super::plan::Plan;
use super::{EmbedService, Embedder};
use crate::{EmbedCache, EmbedConfigError};

/// How many calls are under way at once where nothing is said.
const CONCURRENCY: usize = 8;

/// The most calls and inputs that can be asked for at once; what a semaphore takes is more.
const MOST: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) encoding: Option<EmbeddingType>,
    pub(super) dimensions: Option<u32>,
    pub(super) normalize: Option<bool>,
    pub(super) purpose: Option<EmbedPurpose>,
    pub(super) document_purpose: Option<EmbedPurpose>,
    pub(super) query_purpose: Option<EmbedPurpose>,
    pub(super) long_texts: LongText,
    pub(super) extra: Extra,
    pub(super) concurrency: usize,
    pub(super) window: Option<usize>,
    pub(super) options: Option<CallOptions>,
}

/// Makes an [`Embedder`].
///
/// | setting | where nothing is said |
/// |---|---|
/// | [`profile`](Self::profile) | the built-in facts on the model |
/// | [`element`](Self::element) | `f32` |
/// | [`encoding`](Self::encoding) | the first of the element's types that the model has |
/// | [`dimensions`](Self::dimensions), [`normalize`](Self::normalize) | as the model does it |
/// | [`purpose`](Self::purpose) | none, or [`Document`](EmbedPurpose::Document) where the model must be told one |
/// | [`document_purpose`](Self::document_purpose), [`query_purpose`](Self::query_purpose) | `Document` and `Query`, where the model tells them apart |
/// | [`long_texts`](Self::long_texts) | they fail |
/// | [`concurrency`](Self::concurrency) | 8 calls |
/// | [`cache`](Self::cache) | none |
#[derive(Debug)]
#[must_use = "it makes nothing until it is built"]
pub struct EmbedderBuilder<T, S> {
    service: S,
    model: ModelId,
    profile: Option<ModelProfile>,
    settings: Settings,
    cache: Option<EmbedCache>,
    element: PhantomData<fn() -> T>,
}

impl<S> EmbedderBuilder<f32, S> {
    pub(super) fn new(service: S, model: ModelId) -> Self {
        let settings = Settings {
            encoding: None,
            dimensions: None,
            normalize: None,
            purpose: None,
            document_purpose: None,
            query_purpose: None,
            long_texts: LongText::default(),
            extra: Extra::new(),
            concurrency: CONCURRENCY,
            window: None,
            options: None,
        };
        Self { service, model, profile: None, settings, cache: None, element: PhantomData }
    }
}

impl<T, S> EmbedderBuilder<T, S> {
    /// What is known of the model, where it is not what is built in: `&client.profile(&model)` has a client's own catalog.
    ///
    /// Of a model of which nothing is known one input goes with one call, no purpose is told, and what cannot be done is
    /// the service's to refuse.
    pub fn profile(mut self, profile: &ModelProfile) -> Self {
        self.profile = Some(profile.clone());
        self
    }

    /// The type of the numbers: `f32`, `i8`, `u8` or [`Bits`](bedrock_llm_schema::embed::Bits), of those that the model
    /// gives.
    pub fn element<U: Element>(self) -> EmbedderBuilder<U, S> {
        let Self { service, model, profile, settings, cache, element: _ } = self;
        EmbedderBuilder { service, model, profile, settings, cache, element: PhantomData }
    }

    /// By which of the service's types the element is asked for. It matters for
    /// [`Bits`](bedrock_llm_schema::embed::Bits) alone, which is both [`Ubinary`](EmbeddingType::Ubinary) and
    /// [`Binary`](EmbeddingType::Binary); where nothing is said `Ubinary` is asked for, if the model has it.
    ///
    /// ```
    /// # use bedrock_llm_client::Client;
    /// # use bedrock_llm_embeddings::Embedder;
    /// # use bedrock_llm_local::LocalBedrock;
    /// use bedrock_llm_schema::embed::{Bits, EmbeddingType};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = LocalBedrock::start().await?;
    /// # let client = Client::builder().endpoint_url(local.endpoint()).region("us-east-1").credentials("local", "local", None);
    /// # let client = client.build().await?;
    /// let builder = Embedder::builder(client, "cohere.embed-v4:0").element::<Bits>();
    /// let embedder = builder.encoding(EmbeddingType::Binary).build()?;
    /// embedder.embed_query("Is the sky blue?").await?;
    /// assert_eq!(local.received()[0].json["embedding_types"][0], "binary");
    /// # Ok(())
    /// # }
    /// ```
    pub fn encoding(mut self, encoding: EmbeddingType) -> Self {
        self.settings.encoding = Some(encoding);
        self
    }

    /// How long the vectors are to be.
    ///
    /// A length that the model does not give is cut out of the next longer one that it gives, and scaled to length 1, where
    /// the model was trained for that (Matryoshka) and the numbers are `f32`.
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.settings.dimensions = Some(dimensions);
        self
    }

    /// Whether the vectors have length 1 (L2). The model is told where it can be; else vectors are scaled here, which
    /// needs `f32`. An input whose vector is all zeros fails then.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.settings.normalize = Some(normalize);
        self
    }

    /// What the vectors of [`Embedder::embed`], [`Embedder::embed_each`] and [`Embedder::embed_stream`] are for. An image
    /// alone is told as an [`Image`](EmbedPurpose::Image), where the model has that purpose.
    pub fn purpose(mut self, purpose: EmbedPurpose) -> Self {
        self.settings.purpose = Some(purpose);
        self
    }

    /// What the vectors of [`Embedder::embed_documents`] and [`Embedder::embed_documents_stream`] are for.
    pub fn document_purpose(mut self, purpose: EmbedPurpose) -> Self {
        self.settings.document_purpose = Some(purpose);
        self
    }

    /// What the vectors of [`Embedder::embed_query`] are for.
    pub fn query_purpose(mut self, purpose: EmbedPurpose) -> Self {
        self.settings.query_purpose = Some(purpose);
        self
    }

    /// What becomes of texts that are longer than the model takes.
    pub fn long_texts(mut self, long_texts: LongText) -> Self {
        self.settings.long_texts = long_texts;
        self
    }

    /// Members of the model's native body that have no setting here, written to every call as they are.
    pub fn extra(mut self, extra: Extra) -> Self {
        self.settings.extra = extra;
        self
    }

    /// How many calls are under way at once, from 1, of the embedder and all its clones together. The client's own limits
    /// hold beside it.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.settings.concurrency = most;
        self
    }

    /// How many inputs [`Embedder::embed_stream`] gives out together, from 1. At most four times as many are in memory.
    /// Where nothing is said as many as fill half of the calls that may be under way, but at least 32.
    pub fn window(mut self, inputs: usize) -> Self {
        self.settings.window = Some(inputs);
        self
    }

    /// What is wanted of each call beside its answer, such as a priority or a time limit, in the place of the client's own
    /// options. [`CacheUse::Bypass`](bedrock_llm_schema::request::CacheUse::Bypass) is for this embedder's cache too.
    pub fn options(mut self, options: CallOptions) -> Self {
        self.settings.options = Some(options);
        self
    }

    /// Where vectors are kept. Several embedders may share one, of whatever model and settings: each finds only what is
    /// the same as its own. [`EmbedCache`] says which clients may not share one.
    pub fn cache(mut self, cache: EmbedCache) -> Self {
        self.cache = Some(cache);
        self
    }
}

impl<T: Element, S: EmbedService> EmbedderBuilder<T, S> {
    /// Makes the embedder. Sends nothing.
    ///
    /// # Errors
    /// When the model does not do what is asked of it, as far as is known, or a setting is out of range.
    pub fn build(self) -> Result<Embedder<T, S>, EmbedConfigError> {
        for (setting, number) in
            [("`concurrency`", Some(self.settings.concurrency)), ("`window`", self.settings.window)]
        {
            if number.is_some_and(|number| number == 0 || number > MOST) {
                return Err(EmbedConfigError::OutOfRange { setting, range: "from 1 to 1048576" });
            }
        }
        let profile = self.profile.unwrap_or_else(|| Catalog::builtin().profile(&self.model).into_owned());
        let plan = Plan::new::<T>(self.model, profile, self.settings)?;
        Ok(Embedder::assemble(self.service, plan, self.cache))
    }
}
