//! Embeddings and rankings: encode, InvokeModel, decode.

use bedrock_llm_providers::{CodecError, InvocationMetrics};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rerank::RerankApi;
use bedrock_llm_schema::rules::{check_embed, check_rerank};
use bedrock_llm_schema::{
    Call, EmbedRequest, EmbedResponse, Error, ErrorKind, ModelId, Operation, RerankRequest, RerankResponse,
    Violations,
};
use bytes::Bytes;

use super::prepare::check_model;
use super::{Bedrock, Inner};
use crate::transport::call::{self, JSON, Reply};
use crate::transport::{Context, Outgoing, Sdk};

impl Bedrock {
    pub(super) async fn embed(self, call: Call<EmbedRequest>) -> Result<EmbedResponse, Error> {
        let (sdk, model) = self.inner.route(&call);
        let context = Context::new(Operation::InvokeModel, Some(&model));
        check_model(&model, Operation::InvokeModel)?;
        self.inner.check(&context, |profile| check_embed(&call, &model, profile), &model)?;
        let spoken = self.inner.spoken(&model);
        let explain = |error: CodecError| context.explain(error.into());
        let codec = self.inner.settings.registry.embed(&spoken).map_err(explain)?;
        let body = codec.encode_request(&call, &spoken).map_err(explain)?;
        let (reply, context) = invoke(&sdk, context.clone(), &model, body).await?;
        let decoded = codec.decode_response(reply.bytes(), &metrics(&reply));
        let mut response = decoded.map_err(|error| context.explain(error.into()))?;
        response.request_id = context.request_id;
        Ok(response)
    }

    pub(super) async fn rerank(self, call: Call<RerankRequest>) -> Result<RerankResponse, Error> {
        let (sdk, model) = self.inner.route(&call);
        let operation = match call.api {
            RerankApi::AgentRuntime => Operation::Rerank,
            _ => Operation::InvokeModel,
        };
        let context = Context::new(operation, Some(&model));
        check_model(&model, operation)?;
        self.inner.check(&context, |profile| check_rerank(&call, &model, profile), &model)?;
        if call.api == RerankApi::AgentRuntime {
            let error = Error::new(ErrorKind::Unsupported, "the agent runtime's Rerank is not built in");
            return Err(context.explain(error));
        }
        let spoken = self.inner.spoken(&model);
        let explain = |error: CodecError| context.explain(error.into());
        let codec = self.inner.settings.registry.rerank(&spoken).map_err(explain)?;
        let body = codec.encode_request(&call, &spoken).map_err(explain)?;
        let (reply, context) = invoke(&sdk, context.clone(), &model, body).await?;
        let decoded = codec.decode_response(reply.bytes(), &metrics(&reply));
        let mut response = decoded.map_err(|error| context.explain(error.into()))?;
        response.request_id = context.request_id;
        Ok(response)
    }
}

impl Inner {
    /// The model whose format is spoken: the one behind an id that does not tell, where the catalog names it.
    fn spoken(&self, model: &ModelId) -> ModelId {
        let profile = self.settings.preparation.profile(model);
        profile.base_model.clone().unwrap_or_else(|| model.clone())
    }

    fn check(
        &self,
        context: &Context,
        check: impl FnOnce(&ModelProfile) -> Result<(), Violations>,
        model: &ModelId,
    ) -> Result<(), Error> {
        let preparation = &self.settings.preparation;
        if !preparation.validate {
            return Ok(());
        }
        check(&preparation.profile(model)).map_err(|violations| {
            context.explain(context.advise(violations.into(), preparation.catalog(), self.home.region()))
        })
    }
}

async fn invoke(
    sdk: &Sdk,
    context: Context,
    model: &ModelId,
    body: Bytes,
) -> Result<(Reply, Context), Error> {
    let outgoing = Outgoing::json(context, call::model_path(model, "invoke"), body).header("accept", JSON);
    sdk.send(outgoing).await
}

fn metrics(reply: &Reply) -> InvocationMetrics {
    InvocationMetrics::from_headers(
        reply.head.amzn.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    )
}
