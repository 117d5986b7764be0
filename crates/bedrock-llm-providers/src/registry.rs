//! Which codec speaks for which model.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::model::Mode;
use bedrock_llm_schema::{Catalog, Family, ModelId};
use serde_json::Value;

use crate::{CodecError, EmbedCodec, Provider, RerankCodec};

type Matches = Arc<dyn Fn(&ModelId) -> bool + Send + Sync>;
type Entries<T> = Vec<(Matches, Arc<T>)>;

/// Picks the codec for a model. The last one registered that matches wins, so that a user's own goes before
/// the built-in ones.
#[derive(Clone)]
pub struct Registry {
    entries: Entries<dyn Provider>,
    embed: Entries<dyn EmbedCodec>,
    rerank: Entries<dyn RerankCodec>,
}

impl Registry {
    /// A registry without any codec.
    #[must_use]
    pub fn empty() -> Self {
        Self { entries: Vec::new(), embed: Vec::new(), rerank: Vec::new() }
    }

    /// A registry with the codecs of this crate.
    #[must_use]
    pub fn builtin() -> Self {
        crate::families::register(Self::empty())
    }

    /// The same with one more codec, for every model that `matches`.
    #[must_use]
    pub fn register(
        mut self,
        matches: impl Fn(&ModelId) -> bool + Send + Sync + 'static,
        provider: impl Provider,
    ) -> Self {
        self.entries.push((Arc::new(matches), Arc::new(provider)));
        self
    }

    /// The same with one more codec for embeddings, for every model that `matches`.
    #[must_use]
    pub fn register_embed(
        mut self,
        matches: impl Fn(&ModelId) -> bool + Send + Sync + 'static,
        codec: impl EmbedCodec,
    ) -> Self {
        self.embed.push((Arc::new(matches), Arc::new(codec)));
        self
    }

    /// The same with one more codec for rankings, for every model that `matches`.
    #[must_use]
    pub fn register_rerank(
        mut self,
        matches: impl Fn(&ModelId) -> bool + Send + Sync + 'static,
        codec: impl RerankCodec,
    ) -> Self {
        self.rerank.push((Arc::new(matches), Arc::new(codec)));
        self
    }

    /// The codec for a model.
    ///
    /// # Errors
    /// [`CodecError::UnknownModel`] when none matches.
    pub fn get(&self, model: &ModelId) -> Result<Arc<dyn Provider>, CodecError> {
        let unknown = || CodecError::UnknownModel { model: model.to_string() };
        find(&self.entries, model).ok_or_else(unknown)
    }

    /// The codec for a model's embeddings.
    ///
    /// # Errors
    /// [`CodecError::NoEmbeddings`] when none matches.
    pub fn embed(&self, model: &ModelId) -> Result<Arc<dyn EmbedCodec>, CodecError> {
        let unknown = || CodecError::NoEmbeddings { model: model.to_string() };
        find(&self.embed, model).ok_or_else(unknown)
    }

    /// The codec for a model's rankings.
    ///
    /// # Errors
    /// [`CodecError::NoRanking`] when none matches.
    pub fn rerank(&self, model: &ModelId) -> Result<Arc<dyn RerankCodec>, CodecError> {
        let unknown = || CodecError::NoRanking { model: model.to_string() };
        find(&self.rerank, model).ok_or_else(unknown)
    }

    /// The codec for a request body. An id that does not tell the family (application profiles, provisioned and
    /// imported models, endpoints) leaves it to what the body looks like, where that is distinctive.
    ///
    /// ```
    /// use bedrock_llm_providers::Registry;
    ///
    /// let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr".into();
    /// let body = br#"{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []}"#;
    /// assert_eq!(Registry::builtin().get_for_request(&profile, body)?.name(), "anthropic");
    /// # Ok::<(), bedrock_llm_providers::CodecError>(())
    /// ```
    ///
    /// # Errors
    /// [`CodecError::UnknownModel`] when neither tells.
    pub fn get_for_request(&self, model: &ModelId, body: &[u8]) -> Result<Arc<dyn Provider>, CodecError> {
        let by_id = self.get(model);
        let mode = Catalog::builtin().get(model).and_then(|profile| profile.mode);
        let told = by_id.is_ok() && model.family() != Family::Unknown;
        if told || mode.is_some_and(|mode| mode != Mode::Chat) {
            return by_id;
        }
        match looks_like(body).map(|alike| self.get(&ModelId::from(alike))) {
            Some(Ok(provider)) => Ok(provider),
            _ => by_id,
        }
    }

    /// The codec for a request body for embeddings; for an id that does not tell, by what the body looks like. A bare
    /// `inputText` may be a chat's as well: whoever knows the model behind the id, asks by that.
    ///
    /// ```
    /// use bedrock_llm_providers::Registry;
    ///
    /// let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/otnfa2ysixqd".into();
    /// let body = br#"{"inputText": "Hello, world!", "normalize": true}"#;
    /// let codec = Registry::builtin().embed_for_request(&profile, body)?;
    /// assert_eq!(codec.name(), "amazon-titan-embed-text-v2");
    /// # Ok::<(), bedrock_llm_providers::CodecError>(())
    /// ```
    ///
    /// # Errors
    /// [`CodecError::NoEmbeddings`] when neither tells.
    pub fn embed_for_request(&self, model: &ModelId, body: &[u8]) -> Result<Arc<dyn EmbedCodec>, CodecError> {
        let by_id = self.embed(model);
        if by_id.is_ok() || model.family() != Family::Unknown {
            return by_id;
        }
        let mode = Catalog::builtin().get(model).and_then(|profile| profile.mode);
        if mode.is_some_and(|mode| mode != Mode::Embedding) {
            return by_id;
        }
        looks_like_embedding(body).map_or(by_id, |alike| self.embed(&ModelId::from(alike)))
    }

    /// The codec for a request body for a ranking; for an id that does not tell, by what the body looks like.
    ///
    /// # Errors
    /// [`CodecError::NoRanking`] when neither tells.
    pub fn rerank_for_request(
        &self,
        model: &ModelId,
        body: &[u8],
    ) -> Result<Arc<dyn RerankCodec>, CodecError> {
        let by_id = self.rerank(model);
        if by_id.is_ok() || model.family() != Family::Unknown {
            return by_id;
        }
        looks_like_ranking(body).map_or(by_id, |alike| self.rerank(&ModelId::from(alike)))
    }

    /// Every codec, in the order of their registration.
    pub fn providers(&self) -> impl Iterator<Item = &dyn Provider> {
        self.entries.iter().map(|(_, provider)| &**provider)
    }

    /// Every codec for embeddings, in the order of their registration.
    pub fn embed_codecs(&self) -> impl Iterator<Item = &dyn EmbedCodec> {
        self.embed.iter().map(|(_, codec)| &**codec)
    }

    /// Every codec for rankings, in the order of their registration.
    pub fn rerank_codecs(&self) -> impl Iterator<Item = &dyn RerankCodec> {
        self.rerank.iter().map(|(_, codec)| &**codec)
    }
}

fn find<T: ?Sized>(entries: &Entries<T>, model: &ModelId) -> Option<Arc<T>> {
    entries.iter().rev().find(|(matches, _)| matches(model)).map(|(_, codec)| Arc::clone(codec))
}

/// A model whose bodies look like this one.
fn looks_like(body: &[u8]) -> Option<&'static str> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let has = |name: &str| body.get(name).is_some();
    Some(match () {
        () if has("anthropic_version") => "anthropic.claude-3-5-sonnet-20240620-v1:0",
        () if has("max_tokens_to_sample") => "anthropic.claude-v2",
        () if has("inputText") => "amazon.titan-text-express-v1",
        () if has("inferenceConfig") || has("schemaVersion") => "amazon.nova-lite-v1:0",
        () if has("message") => "cohere.command-r-v1:0",
        () if has("max_gen_len") => "meta.llama3-70b-instruct-v1:0",
        () if has("maxTokens") => "ai21.j2-mid-v1",
        () if has("messages") || has("prompt") => "openai.gpt-oss-120b-1:0",
        () => return None,
    })
}

/// A model whose bodies for embeddings look like this one.
fn looks_like_embedding(body: &[u8]) -> Option<&'static str> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let has = |name: &str| body.get(name).is_some();
    let has_list = |name: &str| body.get(name).is_some_and(Value::is_array);
    Some(match () {
        () if has("inputImage") || has("embeddingConfig") => "amazon.titan-embed-image-v1",
        // with these it is Titan's chat
        () if has("inputText") && !has("textGenerationConfig") => "amazon.titan-embed-text-v2:0",
        () if has("singleEmbeddingParams") => "amazon.nova-2-multimodal-embeddings-v1:0",
        // chats of other makers have `images` and `inputs` too
        () if has("input_type") && ["texts", "images", "inputs"].into_iter().any(has_list) => {
            "cohere.embed-v4:0"
        }
        () => return None,
    })
}

/// A model whose bodies for rankings look like this one.
fn looks_like_ranking(body: &[u8]) -> Option<&'static str> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let has = |name: &str| body.get(name).is_some();
    Some(match () {
        () if !has("query") || !has("documents") => return None,
        () if has("api_version") => "cohere.rerank-v3-5:0",
        () => "amazon.rerank-v1:0",
    })
}

impl Default for Registry {
    fn default() -> Self {
        Self::builtin()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chat = self.entries.iter().map(|(_, codec)| codec.name());
        let embed = self.embed.iter().map(|(_, codec)| codec.name());
        let rerank = self.rerank.iter().map(|(_, codec)| codec.name());
        f.debug_list().entries(chat.chain(embed).chain(rerank)).finish()
    }
}
