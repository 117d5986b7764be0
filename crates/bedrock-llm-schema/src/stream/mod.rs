//! Answers that come piece by piece.

mod accumulator;
mod event;
mod streams;

pub use accumulator::{Accumulator, Ending};
pub use event::{
    ContentBlockDelta, ContentBlockDeltaEvent, ContentBlockStart, ContentBlockStartEvent,
    ContentBlockStopEvent, ImageBlockDelta, ImageBlockStart, MessageStartEvent, MessageStopEvent,
    MetadataEvent, ReasoningDelta, StreamEvent, ToolResultDelta, ToolResultStart, ToolUseDelta, ToolUseStart,
};
pub use streams::{ChatStream, InvokeStream, TextStream};
