//! What a run begins with.

use std::collections::BTreeMap;
use std::fmt;

use bedrock_llm_schema::{ContentBlock, Conversation, Message, Role};

use super::Approval;
use crate::run::Run;

/// What a run begins with: something the user says, a whole conversation, or a run to go on with.
#[derive(Clone)]
#[non_exhaustive]
pub enum AgentInput {
    /// The user says this: in the agent's session where it has one, else in a new conversation.
    /// Where a session's last run ended with results of tools, as one that a tool stopped does, a short turn of the assistant's
    /// closes it first.
    Say(Message),
    /// This conversation, whose last turn is the user's. A session's own is set aside for it: it is its context from now on.
    Converse(Conversation),
    /// Go on with a run that was suspended, broke off, or whose process ended.
    Resume(Resume),
}

/// Goes on with a run: one that waits for a human's word, broke off, or whose process ended.
///
/// Calls that wait for a word that is not given here go on waiting.
#[derive(Debug, Clone, Default)]
pub struct Resume {
    pub(super) run: Option<Box<Run>>,
    pub(super) approvals: BTreeMap<String, Approval>,
}

impl Resume {
    /// Goes on with the run of the agent's session.
    #[must_use]
    pub fn session() -> Self {
        Self::default()
    }

    /// Goes on with this run.
    #[must_use]
    pub fn run(run: Run) -> Self {
        Self { run: Some(Box::new(run)), ..Self::default() }
    }

    /// A human's word on a call, by its id.
    #[must_use]
    pub fn approval(mut self, id: impl Into<String>, approval: Approval) -> Self {
        self.approvals.insert(id.into(), approval);
        self
    }

    /// The call may be run.
    #[must_use]
    pub fn allow(self, id: impl Into<String>) -> Self {
        self.approval(id, Approval::Allow)
    }

    /// The call may not be run; the model is told why.
    #[must_use]
    pub fn deny(self, id: impl Into<String>, reason: impl Into<String>) -> Self {
        self.approval(id, Approval::Deny(reason.into()))
    }
}

/// What kind it is, and never what is said.
impl fmt::Debug for AgentInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(message) => f.debug_struct("Say").field("blocks", &message.content.len()).finish(),
            Self::Converse(conversation) => f.debug_tuple("Converse").field(conversation).finish(),
            Self::Resume(resume) => f.debug_tuple("Resume").field(resume).finish(),
        }
    }
}

macro_rules! says {
    ($($type:ty),*) => {$(
        impl From<$type> for AgentInput {
            fn from(said: $type) -> Self {
                Self::Say(Message::user(said))
            }
        }
    )*};
}

says!(&str, String, ContentBlock);

impl From<Message> for AgentInput {
    fn from(message: Message) -> Self {
        Self::Say(message)
    }
}

impl From<Vec<ContentBlock>> for AgentInput {
    fn from(content: Vec<ContentBlock>) -> Self {
        Self::Say(Message::new(Role::User, content))
    }
}

impl From<Conversation> for AgentInput {
    fn from(conversation: Conversation) -> Self {
        Self::Converse(conversation)
    }
}

impl From<Resume> for AgentInput {
    fn from(resume: Resume) -> Self {
        Self::Resume(resume)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ToolOutput;
    use crate::agent::ToolVerdict;

    #[test]
    fn debug_shows_nothing_that_was_said() {
        let mut conversation = Conversation::new();
        conversation.push("secret").unwrap();
        let resume =
            Resume::session().approval("t1", Approval::AllowWith(json!("secret"))).deny("t2", "secret");
        let shown = [
            format!("{:?}", AgentInput::from("secret")),
            format!("{:?}", AgentInput::from(conversation)),
            format!("{:?}", AgentInput::from(resume)),
            format!("{:?}", ToolVerdict::RunWith(json!("secret"))),
            format!("{:?}", ToolVerdict::Answer(ToolOutput::text("secret"))),
            format!("{:?}", ToolOutput::text("secret")),
        ];
        for shown in shown {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
