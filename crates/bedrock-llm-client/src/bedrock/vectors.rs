//! Embeddings and rankings: encode, call, decode.

use std::sync::Arc;

use bedrock_llm_providers::families::agent_runtime::AgentRuntimeRerank;
use bedrock_llm_providers::{CodecError, InvocationMetrics, RerankCodec};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rerank::RerankApi;
use bedrock_llm_schema::rules::{check_embed, check_rerank};
use bedrock_llm_schema::{
    Call, EmbedRequest, EmbedResponse, Error, ErrorKind, ModelId, Operation, Request, RerankRequest,
    RerankResponse, Violations,
};
use bytes::Bytes;

use super::prepare::check_model;
use super::{Bedrock, Inner};
use crate::transport::call::{self, JSON, Reply};
use crate::transport::{Context, Outgoing, Sdk};

impl Bedrock {
    pub(super) async fn embed(self, call: Call<EmbedRequest>) -> Result<EmbedResponse, Error> {
        let road = self
            .inner
            .road(&call, Operation::InvokeModel, |model, profile| check_embed(&call, model, profile))?;
        let codec = road.explain(self.inner.settings.registry.embed(&road.spoken))?;
        let body = road.explain(codec.encode_request(&call, &road.spoken))?;
        let (reply, context) = road.send(body).await?;
        let decoded = codec.decode_response(reply.bytes(), &metrics(&reply));
        let response = decoded.map_err(|error| context.explain(error.into()))?;
        Ok(EmbedResponse { request_id: context.request_id, ..response })
    }

    pub(super) async fn rerank(self, call: Call<RerankRequest>) -> Result<RerankResponse, Error> {
        let operation = match call.api {
            RerankApi::AgentRuntime => Operation::Rerank,
            _ => Operation::InvokeModel,
        };
        let road = self.inner.road(&call, operation, |model, profile| check_rerank(&call, model, profile))?;
        let (codec, named) = match call.api {
            RerankApi::AgentRuntime => (Arc::new(AgentRuntimeRerank) as Arc<dyn RerankCodec>, road.arn()?),
            _ => (road.explain(self.inner.settings.registry.rerank(&road.spoken))?, road.spoken.clone()),
        };
        let body = road.explain(codec.encode_request(&call, &named))?;
        let (reply, context) = road.send(body).await?;
        let decoded = codec.decode_response(reply.bytes(), &metrics(&reply));
        let response = decoded.map_err(|error| context.explain(error.into()))?;
        Ok(RerankResponse { request_id: context.request_id, ..response })
    }
}

/// Who carries a checked call, and to which model.
struct Road {
    sdk: Sdk,
    context: Context,
    model: ModelId,
    /// The model whose format is spoken: the one behind an id that does not tell, where the catalog names it.
    spoken: ModelId,
}

impl Inner {
    fn road<R: Request>(
        &self,
        call: &Call<R>,
        operation: Operation,
        check: impl FnOnce(&ModelId, &ModelProfile) -> Result<(), Violations>,
    ) -> Result<Road, Error> {
        let (sdk, model) = self.route(call);
        let context = Context::new(operation, Some(&model));
        check_model(&model, operation)?;
        let preparation = &self.settings.preparation;
        let profile = preparation.profile(&model);
        if preparation.validate {
            check(&model, &profile).map_err(|violations| {
                context.explain(context.advise(violations.into(), preparation.catalog(), sdk.region()))
            })?;
        }
        let spoken = profile.base_model.clone().unwrap_or_else(|| model.clone());
        Ok(Road { sdk, context, model, spoken })
    }
}

impl Road {
    fn explain<T>(&self, outcome: Result<T, CodecError>) -> Result<T, Error> {
        outcome.map_err(|error| self.context.explain(error.into()))
    }

    /// The model's ARN, which the agent runtime goes by.
    fn arn(&self) -> Result<ModelId, Error> {
        let region = self.sdk.region().unwrap_or_default();
        self.model.foundation_arn(region).ok_or_else(|| {
            let message =
                format!("bedrock-agent-runtime ranks by foundation models, and `{}` is none", self.model);
            let hint = "give a foundation model's id, such as cohere.rerank-v3-5:0, or an ARN";
            self.context.explain(Error::new(ErrorKind::InvalidRequest, message).with_hint(hint))
        })
    }

    async fn send(&self, body: Bytes) -> Result<(Reply, Context), Error> {
        let context = self.context.clone();
        let outgoing = match context.operation {
            Operation::Rerank => Outgoing::json(context, "/rerank".to_owned(), body),
            _ => {
                Outgoing::json(context, call::model_path(&self.model, "invoke"), body).header("accept", JSON)
            }
        };
        self.sdk.send(outgoing).await
    }
}

fn metrics(reply: &Reply) -> InvocationMetrics {
    InvocationMetrics::from_headers(
        reply.head.amzn.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    )
}
