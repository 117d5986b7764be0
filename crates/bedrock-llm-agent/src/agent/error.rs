//! Why a run could not go on.

use bedrock_llm_schema::{ChatResponse, Error};

use crate::RegistryError;
use crate::run::{Run, RunError};
use crate::store::StoreError;

/// Why a run could not go on. Nothing of it is lost: [`run`](Self::run) has its conversation and its calls, and can be
/// gone on with once the cause is gone.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct AgentError {
    #[source]
    kind: Box<AgentErrorKind>,
    run: Option<Box<Run>>,
}

/// What kind of failure it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentErrorKind {
    /// The model could not be asked, or its answer broke off.
    #[error(transparent)]
    Model(Error),
    /// The memory failed.
    #[error("the memory could not shorten the conversation")]
    Memory(#[source] Error),
    /// The store failed: what the run did since its last turn is not kept.
    #[error(transparent)]
    Store(StoreError),
    /// The run cannot take what came.
    #[error(transparent)]
    Run(RunError),
    /// The agent's tools do not go together.
    #[error(transparent)]
    Tools(RegistryError),
    /// A setting is wrong.
    #[error("{setting}: {message}")]
    Config {
        /// The builder's method.
        setting: &'static str,
        /// What is wrong with it, and what to do.
        message: String,
    },
}

impl AgentError {
    pub(super) fn new(kind: AgentErrorKind) -> Self {
        Self { kind: Box::new(kind), run: None }
    }

    pub(super) fn config(setting: &'static str, message: impl Into<String>) -> Self {
        Self::new(AgentErrorKind::Config { setting, message: message.into() })
    }

    pub(super) fn with_run(mut self, run: Run) -> Self {
        self.run = Some(Box::new(run));
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &AgentErrorKind {
        &self.kind
    }

    /// The run as far as it came; `None` where it had not begun.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        self.run.as_deref()
    }

    /// The run as far as it came, to go on with.
    #[must_use]
    pub fn into_run(self) -> Option<Run> {
        self.run.map(|run| *run)
    }

    /// The answer that broke off, as far as it came. It is not in the run's conversation.
    #[must_use]
    pub fn partial(&self) -> Option<&ChatResponse> {
        match &*self.kind {
            AgentErrorKind::Model(error) | AgentErrorKind::Memory(error) => error.partial(),
            _ => None,
        }
    }
}

macro_rules! kinds {
    ($($variant:ident: $type:ty),*) => {$(
        impl From<$type> for AgentErrorKind {
            fn from(error: $type) -> Self {
                Self::$variant(error)
            }
        }

        impl From<$type> for AgentError {
            fn from(error: $type) -> Self {
                Self::new(error.into())
            }
        }
    )*};
}

kinds!(Model: Error, Store: StoreError, Run: RunError, Tools: RegistryError);
