//! Answers that come piece by piece.

mod accumulator;
mod chat_stream;
mod event;
mod events_of;
mod invoke_stream;
mod preceded;
mod replay;
mod resume;

pub use accumulator::{Accumulator, Ending};
pub use chat_stream::{ChatStream, TextStream};
pub use event::{
    ContentBlockDelta, ContentBlockDeltaEvent, ContentBlockStart, ContentBlockStartEvent,
    ContentBlockStopEvent, ImageBlockDelta, ImageBlockStart, MessageStartEvent, MessageStopEvent,
    MetadataEvent, ReasoningDelta, StreamEvent, ToolResultDelta, ToolResultStart, ToolUseDelta, ToolUseStart,
};
pub use events_of::events_of;
pub use invoke_stream::InvokeStream;
pub use replay::{KeptChat, KeptChunks};
pub use resume::{Conclusion, ResumePlan, Splice};
