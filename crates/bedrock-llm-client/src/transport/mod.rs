//! The way to the service and back: bytes out, bytes in.
//!
//! # Decision: the SDK carries, the schema speaks
//!
//! The transport rides `aws-sdk-bedrockruntime`: its credentials, endpoint rules, SigV4 and bearer signing,
//! timeouts and connection pool. It does not convert between the schema and the SDK's types. The serde form of
//! the schema *is* the JSON of the wire, so one mechanism serves every operation, members that neither side knows
//! survive in both directions, and no table of a thousand conversions can drift from the service.
//!
//! The mechanism: every call is the SDK's `InvokeModel` (of the agent runtime's SDK, `Rerank`), and [the client's interceptor](wire::Carrier) puts our request
//! serializer and response deserializer in the place of the generated ones, as the SDK's orchestrator allows.
//! Everything between the two runs as it does for the SDK's own operations.
//!
//! | file | knows |
//! |---|---|
//! | [`call`] | what goes out and what comes back, without AWS types |
//! | [`sdk`] | the SDK client that carries |
//! | [`agent`] | the same for bedrock-agent-runtime, whose SDK comes with the feature `agent-runtime` |
//! | [`wire`] | the interceptor, the serializer, the deserializer |
//! | [`frames`] | event-stream frames |
//! | [`events`] | what a frame means |
//! | [`failure`] | what failed and what to do about it |

mod agent;
pub(crate) mod call;
pub(crate) mod events;
mod failure;
mod frames;
mod sdk;
mod wire;

pub(crate) use agent::{Agent, NoAgent};
pub(crate) use call::{Context, Outgoing};
pub(crate) use failure::REGION_HINT;
pub(crate) use sdk::Sdk;
