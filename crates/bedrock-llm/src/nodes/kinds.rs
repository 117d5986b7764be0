//! Kinds of nodes that call models, for pipelines declared in TOML.

use bedrock_llm_client::Client;
use bedrock_llm_embeddings::Embedder;
use bedrock_llm_embeddings::rerank::Reranker;
use bedrock_llm_pipeline::graph::Registry;
use bedrock_llm_pipeline::{BoxError, Node};
use bedrock_llm_schema::embed::EmbedPurpose;
use bedrock_llm_schema::{ChatRequest, ModelId};
use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, Rerank, embed_batch};

/// Adds kinds that call models through a client to a registry of JSON kinds.
///
/// | kind | settings | what becomes of the object |
/// |---|---|---|
/// | `bedrock.chat` | `model`, `system`, `max_tokens`, `temperature`, `top_p`, `stop` | the text in `field` is asked, the answer's text goes into `into`, which is `answer` |
/// | `bedrock.embed` | `model`, `dimensions`, `purpose` (`document`, `query`, …) | the vector of the text in `field` goes into `into`, which is `vector`; takes `batch`, and a text that fails fails alone |
/// | `bedrock.rerank` | `model`, `query`, `documents`, `top_n`, `into` | the documents (an array of texts) by how well they answer the query, as objects with `index`, `score` and `document`, go into `into`, which is `ranked` |
///
/// `field` is `text`, `query` is `query` and `documents` is `documents` unless the file says otherwise. `bedrock.chat` and
/// `bedrock.embed` take `cache`. Retries, time limits and rate limits of the service are the client's.
///
/// ```
/// use bedrock_llm::nodes::register_kinds;
/// use bedrock_llm::pipeline::graph::Registry;
/// # use bedrock_llm::{Client, local::LocalBedrock};
/// use serde_json::{Value, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = LocalBedrock::start().await?;
/// # let client = Client::builder()
/// #     .endpoint_url(local.endpoint())
/// #     .region("us-east-1")
/// #     .credentials("local", "local", None)
/// #     .build()
/// #     .await?;
/// let mut registry = Registry::json();
/// register_kinds(&mut registry, client);
/// let graph = registry.load(
///     r#"
///     [nodes.split]
///     use = "text.split"
///     with = { max_chars = 300 }
///
///     [nodes.embed]
///     use = "bedrock.embed"
///     from = ["split"]
///     with = { model = "amazon.titan-embed-text-v2:0", dimensions = 256 }
///     batch = { size = 64, max_wait = "20ms" }
///     "#,
/// )?;
/// let pipeline = graph.build::<Value, Value>()?;
/// let chunks = pipeline.execute_all(json!({"id": 1, "text": "Lyon lies on the Rhône."})).await?;
/// assert_eq!(chunks[0]["vector"].as_array().map(Vec::len), Some(256));
/// # Ok(())
/// # }
/// ```
pub fn register_kinds(registry: &mut Registry, client: Client) {
    let chat = client.clone();
    registry
        .field("bedrock.chat", "answer", move |settings: ChatSettings| {
            Ok::<_, BoxError>(Ask::new(chat.clone(), settings.request()))
        })
        .cached_by(String::clone);

    let embed = client.clone();
    registry
        .field_batch("bedrock.embed", "vector", move |settings: EmbedSettings| {
            let embed = embed_batch(settings.embedder(embed.clone())?, String::clone);
            let numbers = move |texts: Vec<String>| {
                embed(texts).map(|vectors| {
                    vectors.into_iter().map(|vector| vector.map(|(_, vector)| short(&vector))).collect()
                })
            };
            Ok::<_, BoxError>(numbers)
        })
        .cached_by(String::clone);

    registry.node("bedrock.rerank", move |settings: RerankSettings| {
        let mut node = Rerank::new(Reranker::new(client.clone(), settings.model.clone()));
        if let Some(top_n) = settings.top_n {
            node = node.top_n(top_n);
        }
        Ok::<_, BoxError>(RerankFields { node, settings })
    });
}

#[derive(Deserialize)]
struct ChatSettings {
    model: ModelId,
    system: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    #[serde(default)]
    stop: Vec<String>,
}

impl ChatSettings {
    fn request(self) -> ChatRequest {
        let mut request = ChatRequest::new(self.model);
        if let Some(system) = self.system {
            request = request.system(system);
        }
        if let Some(max_tokens) = self.max_tokens {
            request = request.max_tokens(max_tokens);
        }
        if let Some(temperature) = self.temperature {
            request = request.temperature(temperature);
        }
        if let Some(top_p) = self.top_p {
            request = request.top_p(top_p);
        }
        self.stop.into_iter().fold(request, ChatRequest::stop_sequence)
    }
}

#[derive(Deserialize)]
struct EmbedSettings {
    model: ModelId,
    dimensions: Option<u32>,
    purpose: Option<String>,
}

impl EmbedSettings {
    fn embedder(self, client: Client) -> Result<Embedder, BoxError> {
        let mut embedder = Embedder::builder(client, self.model);
        if let Some(dimensions) = self.dimensions {
            embedder = embedder.dimensions(dimensions);
        }
        if let Some(purpose) = self.purpose {
            let known = EmbedPurpose::from(purpose.as_str());
            if matches!(known, EmbedPurpose::Unknown(_)) {
                return Err(format!("`purpose` is `{purpose}`, which is none that is known").into());
            }
            embedder = embedder.document_purpose(known);
        }
        Ok(embedder.build()?)
    }
}

/// The same numbers with no more digits than a 32-bit number has: JSON's are written as 64-bit ones.
fn short(vector: &[f32]) -> Vec<f64> {
    vector.iter().map(|number| number.to_string().parse().unwrap_or(f64::from(*number))).collect()
}

#[derive(Deserialize)]
struct RerankSettings {
    model: ModelId,
    #[serde(default = "query")]
    query: String,
    #[serde(default = "documents")]
    documents: String,
    top_n: Option<usize>,
    #[serde(default = "ranked")]
    into: String,
}

fn query() -> String {
    "query".to_owned()
}

fn documents() -> String {
    "documents".to_owned()
}

fn ranked() -> String {
    "ranked".to_owned()
}

/// Ranks the documents of an object.
struct RerankFields {
    node: Rerank,
    settings: RerankSettings,
}

impl Node<Value, Value> for RerankFields {
    async fn call(&self, mut value: Value) -> Result<Value, BoxError> {
        let RerankSettings { query, documents, into, .. } = &self.settings;
        let asked: String = field(&value, query)?;
        let texts: Vec<String> = field(&value, documents)?;
        let ranked = self.node.call((asked, texts)).await?;
        let ranked = ranked
            .into_iter()
            .map(|ranked| json!({"index": ranked.index, "score": ranked.score, "document": ranked.document}));
        if let Some(object) = value.as_object_mut() {
            object.insert(into.clone(), ranked.collect());
        }
        Ok(value)
    }
}

/// A field of an object, or what is wrong with it.
fn field<T: serde::de::DeserializeOwned>(value: &Value, name: &str) -> Result<T, BoxError> {
    let object = value.as_object().ok_or("the value is no object")?;
    let field = object.get(name).ok_or_else(|| format!("there is no field `{name}`"))?;
    T::deserialize(field).map_err(|error| format!("field `{name}`: {error}").into())
}
