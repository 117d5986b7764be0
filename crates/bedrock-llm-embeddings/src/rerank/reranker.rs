//! [`Reranker`] and its settings.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bedrock_llm_client::Client;
use bedrock_llm_schema::model::RerankFacts;
use bedrock_llm_schema::rerank::{RerankApi, RerankRequest, RerankResponse};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{Call, CallOptions, Catalog, Error, ModelId};
use serde_json::Value;
use tower::Service;

use super::pieces::{Limits, json_bytes};
use super::{PartialRanking, Ranking, Rerank, RerankError, ToRerankDocument};

/// A service that ranks the documents of one call: a [`Client`], or any tower stack around one. Whatever fits has it.
pub trait RerankService:
    Service<Call<RerankRequest>, Response = RerankResponse, Error = Error, Future: Send> + Clone + Send + 'static
{
}

impl<S> RerankService for S where
    S: Service<Call<RerankRequest>, Response = RerankResponse, Error = Error, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// The most documents in one call where the catalog does not say: the agent runtime's own limit.
///
/// Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html>, `sources`: at most 1000
/// items; and `numberOfResults`: at most 1000.
const DOCUMENTS: usize = 1_000;

/// The largest body of InvokeModel, in bytes.
///
/// Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>, `body`.
const BODY: usize = 25_000_000;

/// What of a body is neither query, documents nor extra members, with some room.
const FRAME: usize = 4_096;

/// How many calls are under way at once where nothing is said.
const CONCURRENCY: usize = 8;

/// Ranks documents by how well they answer a query. Cheap to clone.
///
/// ```no_run
/// use bedrock_llm_client::Client;
/// use bedrock_llm_embeddings::rerank::Reranker;
///
/// # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let reranker = Reranker::new(client, "cohere.rerank-v3-5:0");
/// let documents = ["Lyon lies on the Rhône.", "Paris is the capital of France.", "France has a president."];
/// for found in reranker.rerank("What is the capital of France?", &documents).top_n(2).await? {
///     println!("{:.3} {}", found.score, found.document);
/// }
/// # Ok(())
/// # }
/// ```
///
/// | setting | where nothing is said |
/// |---|---|
/// | [`api`](Self::api) | InvokeModel |
/// | [`concurrency`](Self::concurrency) | 8 calls at once |
/// | [`max_documents`](Self::max_documents) | what the catalog knows of the model, or 1000 |
/// | [`options`](Self::options) | the service's own |
/// | [`extra`](Self::extra) | none |
///
/// - **Any number of documents.** More than a call takes, by number or by size, are divided over calls that run side by
///   side. Each call is asked for as many as are wanted in all, so that the merged ranking is that of one call: a
///   reranker scores each document by itself.
/// - **Borrows.** A result has its score, the document's place, and the caller's document itself.
/// - **Failures.** A call that fails, after the retries of the client, does not lose what others found: the
///   [`RerankError`] has it, says which documents are missing, and [`resume`](Self::resume) asks for those alone. After an
///   error that every call to the model would meet, as refused credentials or no access to it, no call is made, and those
///   under way are waited for.
/// - **Documents that cannot be ranked**, as blank ones, are not sent; a call that the service refuses for its content is
///   halved until what is to blame stands alone. The others are ranked, and the error has their ranking:
///   [`PartialRanking::refused`]. Where the first eight documents asked for alone are refused and nothing was ever ranked,
///   the query may be to blame: the rest is missing.
/// - **Cancellation.** Dropping the future drops the calls under way.
#[derive(Clone)]
pub struct Reranker<S = Client> {
    pub(super) service: S,
    pub(super) settings: Arc<Settings>,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) model: ModelId,
    pub(super) api: RerankApi,
    pub(super) concurrency: usize,
    pub(super) max_documents: usize,
    pub(super) options: Option<Arc<CallOptions>>,
    pub(super) extra: Extra,
}

impl Settings {
    /// Whether calls can be made by them.
    pub(super) fn check(&self) -> Result<(), RerankError> {
        for (setting, value) in [("concurrency", self.concurrency), ("max_documents", self.max_documents)] {
            if value == 0 {
                return Err(RerankError::OutOfRange { setting, range: "at least 1" });
            }
        }
        Ok(())
    }
}

impl Reranker<Client> {
    /// A reranker by a model: its id, or the ARN of a profile of one. What a call takes is what the client's catalog
    /// knows of it.
    pub fn new(client: Client, model: impl Into<ModelId>) -> Self {
        let model = model.into();
        let facts = client.profile(&model).rerank.clone();
        Self::with_facts(client, model, &facts)
    }
}

impl<S> Reranker<S> {
    /// A reranker over a service that is no [`Client`]; what a call takes is what the built-in catalog knows of the model.
    ///
    /// ```
    /// use bedrock_llm_embeddings::rerank::Reranker;
    /// use bedrock_llm_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
    /// use bedrock_llm_schema::{Call, Error};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), bedrock_llm_embeddings::rerank::RerankError> {
    /// // the longer, the better
    /// let by_length = tower::service_fn(|call: Call<RerankRequest>| async move {
    ///     let scored = call.documents.iter().enumerate().map(|(index, document)| RerankResult {
    ///         index,
    ///         relevance_score: document.text().len() as f32,
    ///         document: None,
    ///     });
    ///     Ok::<_, Error>(RerankResponse { results: scored.collect(), ..RerankResponse::default() })
    /// });
    /// let reranker = Reranker::over(by_length, "my.model").max_documents(2);
    /// let documents = ["a", "abc", "ab"];
    /// let ranking = reranker.rerank("?", &documents).top_n(2).await?;
    /// let best: Vec<_> = ranking.iter().map(|found| (found.index, *found.document)).collect();
    /// assert_eq!(best, [(1, "abc"), (2, "ab")]);
    /// assert_eq!(ranking.usage.calls, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn over(service: S, model: impl Into<ModelId>) -> Self {
        let model = model.into();
        let facts = Catalog::builtin().profile(&model).rerank.clone();
        Self::with_facts(service, model, &facts)
    }

    fn with_facts(service: S, model: ModelId, facts: &RerankFacts) -> Self {
        let known = facts.max_documents.and_then(|most| usize::try_from(most).ok());
        let settings = Settings {
            model,
            api: RerankApi::default(),
            concurrency: CONCURRENCY,
            max_documents: known.unwrap_or(DOCUMENTS).max(1),
            options: None,
            extra: Extra::new(),
        };
        Self { service, settings: Arc::new(settings) }
    }

    /// Which API of the service ranks.
    #[must_use]
    pub fn api(mut self, api: RerankApi) -> Self {
        self.change().api = api;
        self
    }

    /// How many calls of one ranking are under way at once, from 1; with 0, to rank is an error. The client's own limits hold
    /// beside it.
    #[must_use]
    pub fn concurrency(mut self, most: usize) -> Self {
        self.change().concurrency = most;
        self
    }

    /// How many documents go into one call, from 1; with 0, to rank is an error. More than the model takes are refused by the
    /// service.
    #[must_use]
    pub fn max_documents(mut self, most: usize) -> Self {
        self.change().max_documents = most;
        self
    }

    /// What is wanted of each call beside its answer: a priority, a time limit.
    #[must_use]
    pub fn options(mut self, options: CallOptions) -> Self {
        self.change().options = Some(Arc::new(options));
        self
    }

    /// Adds a member to the model's native body, such as Cohere's `max_tokens_per_doc`.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.change().extra.insert(name.into(), value.into());
        self
    }

    pub(super) fn limits(&self, query: &str) -> Limits {
        let Settings { max_documents, extra, .. } = &*self.settings;
        let around = json_bytes(query).saturating_add(json_bytes(extra)).saturating_add(FRAME);
        Limits { documents: *max_documents, bytes: BODY.saturating_sub(around) }
    }

    /// Whether calls can be made by its settings.
    pub(crate) fn check(&self) -> Result<(), RerankError> {
        self.settings.check()
    }

    fn change(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// The model that ranks.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        &self.settings.model
    }
}

impl<S: RerankService> Reranker<S> {
    /// Ranks documents; awaits to a [`Ranking`]. Nothing is sent until then.
    ///
    /// Documents are texts, JSON objects, or [what says how it is read](ToRerankDocument).
    pub fn rerank<'a, D: ToRerankDocument>(
        &self,
        query: impl Into<String>,
        documents: &'a [D],
    ) -> Rerank<'a, D, S> {
        Rerank { reranker: self.clone(), query: query.into(), documents, top_n: None }
    }

    /// Asks for those documents alone that were not ranked, and merges them with what came before.
    ///
    /// ```
    /// # use bedrock_llm_embeddings::rerank::{RerankError, Ranking, Reranker};
    /// async fn patiently<'a>(
    ///     reranker: &Reranker,
    ///     query: &str,
    ///     documents: &'a [String],
    /// ) -> Result<Ranking<'a, String>, RerankError> {
    ///     match reranker.rerank(query, documents).top_n(10).await {
    ///         Err(RerankError::Incomplete { partial, cause, .. }) if cause.is_retryable() => {
    ///             reranker.resume(*partial, documents).await
    ///         }
    ///         outcome => outcome,
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// As for a first try, and where the documents or the model are not those of before. Whether the documents are the
    /// same is known by their number alone: they must be. Where another model ranks by failover, the scores of before and of
    /// now are not mixed; [`PartialRanking::forget`] is the way out.
    pub fn resume<'a, D: ToRerankDocument + Sync>(
        &self,
        partial: PartialRanking,
        documents: &'a [D],
    ) -> impl Future<Output = Result<Ranking<'a, D>, RerankError>> + Send + use<'a, D, S> {
        super::run::resume(self.clone(), partial, documents)
    }
}

/// Does not show the service.
impl<S> fmt::Debug for Reranker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reranker").field("settings", &self.settings).finish_non_exhaustive()
    }
}
