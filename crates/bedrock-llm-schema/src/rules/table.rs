//! The table.

use super::rule::{Check, Rule};
use super::{cache, calls, embed, media, model, reasoning, rerank, settings, tools, turns};

/// Every rule, in the order in which the service looks: where several are broken, it names the first.
///
/// What the service's own model of the API refuses comes first, then what Converse refuses for all models and for
/// some, last what the model itself refuses.
pub static RULES: &[Rule] = &[
    Rule::new("R-MODEL-ID", "the model id is one the service can have", Check::Model(model::id))
        .source("recordings 45ced562fb34, 33cc8efe9605, 840e6eb7abc2")
        .says("The provided model identifier is invalid.")
        .mend("correct the id"),
    Rule::new(
        "R-ON-DEMAND",
        "a model without on-demand throughput is called by an inference profile",
        Check::Model(model::on_demand),
    )
        .applies_to("access.on_demand = false")
        .source("recording 9fe443003d6b")
        .says("Invocation of model ID {model} with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or ARN of an inference profile that contains this model.")
        .mend("call it by its inference profile"),
    Rule::new("R-OPERATION", "the model is served by the operation", Check::Model(model::operation))
        .applies_to("access.operations")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/models-api-compatibility.html")
        .mend("use another operation or another model"),
    Rule::new("R-COUNT-ID", "CountTokens is asked with a model's plain id", Check::Model(model::count_id))
        .source("recording 1424d1877034")
        .says("The provided model doesn't support counting tokens.")
        .mend("ask with the model's plain id"),
    Rule::new(
        "R-MESSAGES",
        "there is a message, unless a managed prompt holds the conversation",
        Check::Chat(turns::messages),
    )
        .mend("add the user's turn"),
    Rule::new("R-RANGE", "settings are within their ranges", Check::Chat(settings::ranges))
        .mend("choose a value within the range"),
    Rule::new(
        "R-METADATA",
        "there are 1 to 16 labels, of at most 256 allowed characters",
        Check::Chat(settings::metadata),
    )
        .mend("leave some out, or shorten them"),
    Rule::new(
        "R-GUARDRAIL",
        "the guardrail's id and version are ones it can have",
        Check::Chat(settings::guardrail),
    )
        .mend("correct them"),
    Rule::new(
        "R-STREAM-MODE",
        "only streams have `guardrailConfig.streamProcessingMode`",
        Check::Chat(settings::stream_mode),
    )
        .mend("leave it out or stream"),
    Rule::new("R-S3-URI", "what is named in S3 is named as S3 has it", Check::Chat(media::s3_uri))
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_S3Location.html")
        .mend("correct the URI or the owner"),
    Rule::new("R-TOOLS", "`toolConfig` has a tool", Check::Chat(tools::present))
        .source("github.com/genkit-ai/aws-bedrock-js-plugin/issues/43")
        .says("1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1")
        .mended("add a tool or leave `toolConfig` out"),
    Rule::new(
        "R-TOOL-NAME",
        "tools have names of their own, of allowed characters and length, and so have calls in the history",
        Check::Chat(tools::names),
    )
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html")
        .mended("rename them"),
    Rule::new("R-TOOL-DESCRIPTION", "a tool's description is not empty", Check::Chat(tools::description))
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html")
        .mended("leave it out"),
    Rule::new("R-FIRST-TURN", "the first turn is the user's", Check::Chat(turns::first))
        .applies_to("every model but those with turns.first_assistant = true")
        .source("github.com/elastic/kibana/pull/246393")
        .says("A conversation must start with a user message. Try again with a conversation that starts with a user message.")
        .mended("begin with the user's turn"),
    Rule::new("R-ALTERNATE", "no role has two turns in a row", Check::Chat(turns::alternate))
        .applies_to("turns.consecutive = false")
        .source("github.com/langchain-ai/langchain-aws/issues/130")
        .says("A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.")
        .mended("make them one"),
    Rule::new("R-CONTENT", "every turn has content", Check::Chat(turns::content))
        .source("github.com/archestra-ai/archestra/pull/4220")
        .says("The content field in the Message object at messages.{turn} is empty. Add a ContentBlock object to the content field and try again.")
        .mended("add a block or drop the turn"),
    Rule::new(
        "R-BLANK-TEXT",
        "no text is empty, and no turn is blank text alone",
        Check::Chat(turns::blank_text),
    )
        .source("recording 08327e4d4f6c (blank text passes beside other content); github.com/aws-samples/bedrock-engineer/issues/8")
        .says("The text field in the ContentBlock object at {place} is blank. Add text to the text field, and try again.")
        .mended("drop the block"),
    Rule::new("R-SYSTEM", "a model without system prompts gets none", Check::Chat(turns::system))
        .applies_to("features.system_messages = false")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html")
        .says("This model doesn't support system messages. Try again without system messages or use a model that supports system messages.")
        .mend("put it into the first turn"),
    Rule::new("R-SYSTEM-ROLE", "a model without system turns gets none", Check::Chat(turns::system_role))
        .applies_to("features.mid_conversation_system = false")
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html")
        .mend("put it into the system prompt"),
    Rule::new("R-MODALITY", "what the model cannot read is not sent to it", Check::Chat(media::modality))
        .applies_to("features.vision, document_input, pdf_input, video_input or audio_input = false")
        .source("recordings 0bf8f37d87a6, 459848571b9d")
        .says("This model doesn't support the {kind} content block that you provided. Update the content block and try again.")
        .mend("leave it out or choose another model"),
    Rule::new("R-S3", "what the model does not take from S3 comes as bytes", Check::Chat(media::s3))
        .applies_to("images.s3, documents.s3 or videos.s3 = false")
        .source("recordings 8825215bc413 (images), 05e097def00a (documents)")
        .says("This model doesn't support the s3Uri field. Remove s3Uri and try again.")
        .mend("put the bytes into the request"),
    Rule::new("R-FORMAT", "media are of formats that the model takes", Check::Chat(media::format))
        .applies_to("images.formats, documents.formats or videos.formats")
        .source("recording 01c245e48141 (values that are not known pass)")
        .mend("convert them"),
    Rule::new(
        "R-DOC-NAME",
        "documents have names of their own, of allowed characters and length",
        Check::Chat(media::document_names),
    )
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html; recording 3f12701e932a; github.com/vercel/ai/issues/20365")
        .says("The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request.")
        .mended("rename them"),
    Rule::new("R-DOC-TEXT", "a document has text beside it", Check::Chat(media::document_text))
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html; github.com/maximhq/bifrost/pull/5817")
        .says("A text block must be included when using documents.")
        .mended("say what to do with it"),
    Rule::new(
        "R-MEDIA-COUNT",
        "there are no more images, documents and videos than the model takes",
        Check::Chat(media::count),
    )
        .applies_to("images.max_count, documents.max_count or videos.max_count")
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html")
        .mend("leave some out"),
    Rule::new(
        "R-MEDIA-SIZE",
        "media are not empty, and not larger than the model takes",
        Check::Chat(media::size),
    )
        .applies_to("images.max_bytes, documents.max_bytes or videos.max_bytes; every model for what is empty")
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html; github.com/aws/aws-sdk-js-v3/issues/6785 (the size is that of the base64)")
        .mend("make them smaller"),
    Rule::new(
        "R-IMAGE-SIDE",
        "no side of an image has more pixels than the model takes",
        Check::Chat(media::side),
    )
        .applies_to("images.max_side, or images.many and images.max_side_of_many")
        .source("https://platform.claude.com/docs/en/build-with-claude/vision")
        .mend("make them smaller"),
    Rule::new(
        "R-TOOL-CONFIG",
        "tools are given where the conversation has their calls or results",
        Check::Chat(tools::config),
    )
        .source("github.com/langgenius/dify/issues/7328")
        .says("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        .mended("give the tools"),
    Rule::new("R-TOOL-USE", "a model without tools gets none", Check::Chat(tools::usable))
        .applies_to("features.tool_use = false")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html")
        .says("This model doesn't support tool use.")
        .mend("leave them out"),
    Rule::new(
        "R-TOOL-STREAM",
        "a model without tools in streams gets none there",
        Check::Chat(tools::streamed),
    )
        .applies_to("tools.streaming = false")
        .source("github.com/earendil-works/pi/issues/3739")
        .says("This model doesn't support tool use in streaming mode.")
        .mend("use Converse"),
    Rule::new(
        "R-TOOL-SCHEMA",
        "a tool's schema is an object's, with properties, and without references where the model takes none",
        Check::Chat(tools::schema),
    )
        .applies_to("every model; tools.schema_refs = false for references")
        .source("github.com/kirodotdev/Kiro/issues/11026, maximhq/bifrost/issues/1720, lastmile-ai/mcp-agent/pull/126")
        .says("The value at toolConfig.tools.{index}.toolSpec.inputSchema.json.type must be one of the following: object.")
        .mended("correct the schema"),
    Rule::new("R-TOOL-STRICT", "a model without strict tools gets none", Check::Chat(tools::strict))
        .applies_to("tools.strict = false")
        .source("github.com/BerriAI/litellm/pull/39115")
        .mend("leave `strict` out"),
    Rule::new(
        "R-TOOL-CHOICE",
        "`toolChoice` has a form that the model takes, and names a tool that is given",
        Check::Chat(tools::choice),
    )
        .applies_to("every model; tools.choice or features.tool_choice = false for the form")
        .source("github.com/strands-agents/harness-sdk/issues/1241")
        .says("This model doesn't support the toolConfig.toolChoice.{form} field. Remove toolConfig.toolChoice.{form} and try again.")
        .mended("leave it out, or choose `any` where there is one tool"),
    Rule::new(
        "R-SYSTEM-TOOL",
        "tools that the service runs are ones it has for the model",
        Check::Chat(tools::system_tools),
    )
        .applies_to("tools.system_tools")
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_SystemTool.html")
        .mend("leave them out"),
    Rule::new(
        "R-TOOL-PAIR",
        "every tool call is answered in the next turn, and every answer has its call in the turn before",
        Check::Chat(calls::pairs),
    )
        .source("github.com/zeroclaw-labs/zeroclaw/pull/1476 (missing), langgenius/dify-official-plugins/issues/765 (too many)")
        .says("Expected toolResult blocks at messages.{turn}.content for the following Ids: {ids}")
        .mended("add the missing result or drop the one without a call"),
    Rule::new(
        "R-TOOL-ID",
        "calls and results have ids of allowed characters and length; no two of a turn have one",
        Check::Chat(calls::ids),
    )
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html")
        .mended("give each call its own id"),
    Rule::new(
        "R-TOOL-RESULT",
        "a tool result holds what the model takes, its JSON is an object, and an error is not empty",
        Check::Chat(calls::result_content),
    )
        .applies_to("every model for errors and JSON; tools.result_content")
        .source("recording 422a9686572d; github.com/sigoden/aichat/pull/1550; github.com/aws-samples/sample-multi-agent-orchestration-chat-on-agentcore/issues/15")
        .mended("put it beside the result, or say it in text"),
    Rule::new(
        "R-TOOL-STATUS",
        "a tool result has no status where the model takes none",
        Check::Chat(calls::result_status),
    )
        .applies_to("tools.result_status = false")
        .source("github.com/strands-agents/harness-sdk/pull/2075 (`_MODELS_INCLUDE_STATUS`)")
        .mended("leave it out; say of an error that it is one"),
    Rule::new(
        "R-TOOL-COMPANY",
        "beside a tool result stands only what the model takes there",
        Check::Chat(calls::result_company),
    )
        .applies_to("tools.result_company")
        .source("github.com/strands-agents/harness-sdk/issues/1223")
        .says("messages.{turn}.content: Conversation blocks and tool result blocks cannot be provided in the same turn.")
        .mend("put it into another turn"),
    Rule::new("R-CACHE", "a model without prompt caching gets no cache points", Check::Chat(cache::support))
        .applies_to("features.prompt_caching = false")
        .source("github.com/anomalyco/opencode/issues/782, posit-dev/positron/issues/12142 (status 403 by BerriAI/litellm/pull/39210)")
        .says("You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.")
        .mend("leave them out"),
    Rule::new("R-CACHE-PLACE", "cache points stand where the model takes them", Check::Chat(cache::places))
        .applies_to("cache.places, cache.not_after or cache.not_after_documents")
        .source("github.com/danny-avila/LibreChat/issues/13838, earendil-works/pi/issues/2053")
        .mend("leave them out or move them"),
    Rule::new(
        "R-CACHE-COUNT",
        "there are no more cache points than the model takes",
        Check::Chat(cache::count),
    )
        .applies_to("cache.max_points")
        .source("github.com/BerriAI/litellm/issues/16062")
        .says("The model returned the following errors: A maximum of {limit} blocks with cache_control may be provided. Found {found}.")
        .mend("leave some out"),
    Rule::new(
        "R-CACHE-TTL",
        "cache points have lives that the model takes, none longer than one before",
        Check::Chat(cache::ttl),
    )
        .applies_to("every model; cache.ttls for the values")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html; github.com/Portkey-AI/gateway/issues/1762")
        .says("The model returned the following errors: messages.{turn}.content.{block}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.")
        .mend("let lives only shorten"),
    Rule::new(
        "R-MAX-TOKENS",
        "no more tokens are asked for than the model gives",
        Check::Chat(settings::max_tokens),
    )
        .applies_to("max_output_tokens")
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html")
        .says("The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens value that is lower than {limit}.")
        .mend("ask for fewer"),
    Rule::new(
        "R-STOP",
        "there are no more stop sequences than the model takes",
        Check::Chat(settings::stops),
    )
        .applies_to("sampling.max_stop_sequences")
        .source("github.com/langgenius/dify-official-plugins/issues/1767")
        .says("This model doesn't support the stopSequences field. Remove stopSequences and try again.")
        .mend("leave them out"),
    Rule::new(
        "R-SAMPLING",
        "`temperature` and `topP` are given to models that take them",
        Check::Chat(settings::sampling),
    )
        .applies_to("sampling.temperature or sampling.top_p = false")
        .source("github.com/NousResearch/hermes-agent/pull/111438")
        .says("This model doesn't support the {field} field. Remove {field} and try again.")
        .mend("leave them out"),
    Rule::new(
        "R-SAMPLING-BOTH",
        "`temperature` and `topP` are not given at once to models that take one",
        Check::Chat(settings::temperature_with_top_p),
    )
        .applies_to("sampling.temperature_with_top_p = false")
        .source("github.com/BerriAI/litellm/issues/15070")
        .says("The model returned the following errors: `temperature` and `top_p` cannot both be specified for this model. Please use only one.")
        .mend("give one of them"),
    Rule::new("R-TOP-K", "top-k stands where the model has it", Check::Chat(settings::top_k))
        .applies_to("sampling.top_k")
        .source("recording 7ee4fdbb91b2 (Nova's place); https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html")
        .mended("put it there, or leave it out"),
    Rule::new(
        "R-JSON-SCHEMA",
        "a model that does not hold answers to a schema gets none, and a schema is JSON",
        Check::Chat(settings::json_schema),
    )
        .applies_to("features.structured_output = false; every model for the JSON")
        .source("github.com/spring-projects/spring-ai/issues/2752")
        .says("This model doesn't support the outputConfig field. Remove outputConfig and try again.")
        .mend("force a tool with the schema"),
    Rule::new(
        "R-PREFILL",
        "the last turn is the user's, where the model does not continue its own",
        Check::Chat(turns::prefill),
    )
        .applies_to("features.assistant_prefill = false")
        .source("github.com/anomalyco/opencode/issues/29760")
        .says("The model returned the following errors: This model does not support assistant message prefill. The conversation must end with a user message.")
        .mend("end with the user's turn"),
    Rule::new(
        "R-REASONING",
        "what is asked of reasoning is written in the fields of the model's family",
        Check::Chat(reasoning::written),
    )
        .source("the member `reasoning` is this library's own: the service passes over it")
        .mended("normalise the request, or set `additionalModelRequestFields`"),
    Rule::new(
        "R-REASONING-TOOL",
        "no tool is forced together with reasoning",
        Check::Chat(reasoning::forced_tool),
    )
        .applies_to("reasoning.with_forced_tool = false")
        .source("github.com/vercel/ai/issues/11227")
        .says("The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.")
        .mended("choose `auto`, or ask for no reasoning"),
    Rule::new(
        "R-REASONING-SAMPLING",
        "`temperature`, `topP` and top-k are not set together with reasoning",
        Check::Chat(reasoning::sampling),
    )
        .applies_to("reasoning.with_sampling = false")
        .source("https://platform.claude.com/docs/en/build-with-claude/extended-thinking; github.com/Aider-AI/aider/issues/3720")
        .mended("leave them out, or ask for no reasoning"),
    Rule::new(
        "R-REASONING-BUDGET",
        "a budget for reasoning is large enough, and below `maxTokens`",
        Check::Chat(reasoning::budget),
    )
        .applies_to("reasoning.request; reasoning.min_budget for the least")
        .source("github.com/danny-avila/LibreChat/issues/8346, vercel/ai/issues/7927")
        .says("The model returned the following errors: thinking.enabled.budget_tokens: Input should be greater than or equal to {least}")
        .mended("raise `maxTokens` or change the budget"),
    Rule::new(
        "R-REASONING-EFFORT",
        "effort is asked for in the model's words",
        Check::Chat(reasoning::efforts),
    )
        .applies_to("reasoning.efforts")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html")
        .mend("choose one of them"),
    Rule::new(
        "R-REASONING-LIMIT",
        "`maxTokens`, `temperature` and `topP` are not set together with high effort",
        Check::Chat(reasoning::at_high),
    )
        .applies_to("reasoning.with_max_tokens_at_high = false")
        .source("https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html")
        .mended("leave them out, or ask for less effort"),
    Rule::new(
        "R-REASONING-SIGNATURE",
        "reasoning goes back with its signature",
        Check::Chat(reasoning::signature),
    )
        .applies_to("reasoning.signed = true")
        .source("github.com/run-llama/llama_index/issues/20851")
        .says("The model returned the following errors: {place}.thinking.signature: Field required")
        .mended("send it as it came, or leave it out"),
    Rule::new(
        "R-REASONING-REPLAY",
        "a model that takes no reasoning back gets none",
        Check::Chat(reasoning::replay),
    )
        .applies_to("reasoning.replay = false")
        .source("github.com/aws-samples/bedrock-chat/pull/851")
        .mended("leave it out"),
    Rule::new("R-EMBED-INPUT", "there is something to embed, and no text of it is empty", Check::Embed(embed::present))
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html")
        .mend("add a text or an image, or leave out the one that says nothing"),
    Rule::new(
        "R-EMBED-COUNT",
        "there are no more inputs, images and parts than the model takes in a call",
        Check::Embed(embed::count),
    )
        .applies_to("embedding.max_inputs, embedding.max_images or embedding.max_parts")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html")
        .mend("make several calls of it"),
    Rule::new("R-EMBED-MIXED", "texts and images go together where the model takes that", Check::Embed(embed::mixed))
        .applies_to("embedding.mixed = false, or embedding.max_images = 0")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html")
        .mend("embed them one by one"),
    Rule::new("R-EMBED-IMAGE", "images are of a format and size that the model takes", Check::Embed(embed::image))
        .applies_to("images.formats, images.s3 = false, images.max_bytes or images.max_side; every model for what is empty")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/titan-multiemb-models.html")
        .mend("convert them, or make them smaller"),
    Rule::new("R-EMBED-DIMENSIONS", "vectors are as long as the model gives them", Check::Embed(embed::dimensions))
        .applies_to("embedding.dimensions")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html")
        .mend("choose one of the lengths it gives"),
    Rule::new("R-EMBED-TYPE", "types are ones the model gives, each asked for once", Check::Embed(embed::types))
        .applies_to("embedding.types; every model for what is asked for twice")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html")
        .mend("choose among the types it gives"),
    Rule::new(
        "R-EMBED-PURPOSE",
        "a model that must be told a purpose is told one that it knows",
        Check::Embed(embed::purpose),
    )
        .applies_to("embedding.needs_purpose = true, or embedding.purposes")
        .source("https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html")
        .mend("say what the vectors are for, in a purpose that it knows"),
    Rule::new(
        "R-EMBED-TRUNCATION",
        "a model that cannot cut texts is not asked to",
        Check::Embed(embed::truncation),
    )
        .applies_to("embedding.truncations")
        .source("https://github.com/open-metadata/OpenMetadata/pull/29920")
        .mend("leave it out, and shorten texts that are too long"),
    Rule::new(
        "R-EMBED-NORMALIZE",
        "a model that has no choice of scaling is not told to scale",
        Check::Embed(embed::normalize),
    )
        .applies_to("embedding.normalize = false")
        .source("https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html")
        .mend("leave it out, and scale the vectors where they are not of length 1"),
    Rule::new("R-EMBED-LENGTH", "no text is longer than the model takes", Check::Embed(embed::length))
        .applies_to("embedding.max_characters; embedding.max_tokens for what is twice as long by our estimate")
        .source("github.com/alphagov/govuk-chat/pull/220, ScrapeGraphAI/Scrapegraph-ai/issues/400")
        .says("Malformed input request: {place}expected maxLength: {most}, actual: {length}, please reformat your input and try again.")
        .mend("shorten it, or split it"),
    Rule::new("R-RERANK-QUERY", "the query says something, and is not too long", Check::Rerank(rerank::query))
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RerankTextDocument.html")
        .mend("ask something, in fewer words where it is too long"),
    Rule::new(
        "R-RERANK-DOCUMENTS",
        "there are documents, no more than the model takes, none of them blank or too long",
        Check::Rerank(rerank::documents),
    )
        .applies_to("every model; rerank.max_documents for the most")
        .source("https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html")
        .mend("leave out those that say nothing; make several calls of too many"),
    Rule::new(
        "R-RERANK-TOP-N",
        "at least one result is wanted, and of `Rerank` no more than there are documents",
        Check::Rerank(rerank::top_n),
    )
        .source("https://github.com/langchain-ai/langchain-aws/issues/761")
        .says("Cannot provide numberOfResults value that exceeds the number of sources.")
        .mend("ask for fewer, or leave it out for all"),
    Rule::new(
        "R-RERANK-VERSION",
        "a native body names the API's version where the model wants that, and only there",
        Check::Rerank(rerank::version),
    )
        .applies_to("rerank.api_version")
        .source("https://github.com/genkit-ai/aws-bedrock-go-plugin/issues/190")
        .mend("leave it out for Amazon's, and set it to 2 for Cohere's"),
];
