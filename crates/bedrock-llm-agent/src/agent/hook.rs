//! What may step in before and after the model and the tools.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bedrock_llm_schema::{ChatRequest, ChatResponse, ToolResultBlock};
use serde_json::Value;

use crate::ToolOutput;
use crate::run::{Run, ToolCall};

/// Steps in before and after the model and the tools: looks, changes, denies, asks a human.
///
/// Of several hooks each sees what those before it made. The first that does not let a call pass has the last word; where it
/// asks a human and that one allows the call, all hooks are asked again, and only questions are passed over.
pub trait Hook: Send + Sync + 'static {
    /// Before the model is asked. The request may be changed; the run's history stays as it is.
    fn before_model(
        &self,
        _request: &mut ChatRequest,
        _run: &Run,
    ) -> impl Future<Output = ModelVerdict> + Send {
        async { ModelVerdict::Go }
    }

    /// After the model has answered, before the answer becomes part of the history. It may be changed.
    fn after_model(
        &self,
        _response: &mut ChatResponse,
        _run: &Run,
    ) -> impl Future<Output = ModelVerdict> + Send {
        async { ModelVerdict::Go }
    }

    /// Before a call is run.
    fn before_tool(&self, _call: &ToolCall, _run: &Run) -> impl Future<Output = ToolVerdict> + Send {
        async { ToolVerdict::Run }
    }

    /// After a call was run, before the model is told. What it is told may be changed.
    fn after_tool(
        &self,
        _call: &ToolCall,
        _result: &mut ToolResultBlock,
        _run: &Run,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What a [`Hook`] says of the model's turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelVerdict {
    /// Go on.
    #[default]
    Go,
    /// Stop the run, for this reason.
    Stop(String),
}

/// What a [`Hook`] says of a call.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum ToolVerdict {
    /// Run it.
    #[default]
    Run,
    /// Run it with other arguments. The history keeps the model's.
    RunWith(Value),
    /// Do not run it, and tell the model why.
    Deny(String),
    /// Do not run it, and tell the model this as if the tool had answered.
    Answer(ToolOutput),
    /// Ask a human first, with these words: see [`Approval`].
    Ask(String),
}

/// A human's word on a call.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Approval {
    /// Run it.
    Allow,
    /// Run it with other arguments. The history keeps the model's.
    AllowWith(Value),
    /// Do not run it, and tell the model why.
    Deny(String),
}

/// Without arguments, answers and questions.
impl fmt::Debug for ToolVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "Run",
            Self::RunWith(_) => "RunWith(…)",
            Self::Deny(_) => "Deny(…)",
            Self::Answer(_) => "Answer(…)",
            Self::Ask(_) => "Ask(…)",
        })
    }
}

/// Without arguments and reasons.
impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::AllowWith(_) => "AllowWith(…)",
            Self::Deny(_) => "Deny(…)",
        })
    }
}

type Working<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Hook`] without its type.
pub(super) trait ErasedHook: Send + Sync + 'static {
    fn before_model<'a>(&'a self, request: &'a mut ChatRequest, run: &'a Run) -> Working<'a, ModelVerdict>;
    fn after_model<'a>(&'a self, response: &'a mut ChatResponse, run: &'a Run) -> Working<'a, ModelVerdict>;
    fn before_tool<'a>(&'a self, call: &'a ToolCall, run: &'a Run) -> Working<'a, ToolVerdict>;
    fn after_tool<'a>(
        &'a self,
        call: &'a ToolCall,
        result: &'a mut ToolResultBlock,
        run: &'a Run,
    ) -> Working<'a, ()>;
}

impl<H: Hook> ErasedHook for H {
    fn before_model<'a>(&'a self, request: &'a mut ChatRequest, run: &'a Run) -> Working<'a, ModelVerdict> {
        Box::pin(Hook::before_model(self, request, run))
    }

    fn after_model<'a>(&'a self, response: &'a mut ChatResponse, run: &'a Run) -> Working<'a, ModelVerdict> {
        Box::pin(Hook::after_model(self, response, run))
    }

    fn before_tool<'a>(&'a self, call: &'a ToolCall, run: &'a Run) -> Working<'a, ToolVerdict> {
        Box::pin(Hook::before_tool(self, call, run))
    }

    fn after_tool<'a>(
        &'a self,
        call: &'a ToolCall,
        result: &'a mut ToolResultBlock,
        run: &'a Run,
    ) -> Working<'a, ()> {
        Box::pin(Hook::after_tool(self, call, result, run))
    }
}

/// Hooks of any types, in order.
pub(super) type Hooks = Vec<Arc<dyn ErasedHook>>;

/// Who is asked at once, where a human is there.
pub(super) type Approver = Arc<dyn Fn(ToolCall) -> Working<'static, Approval> + Send + Sync>;
