//! Prompts of models that know no template: the user's only turn as it stands.

use bedrock_llm_schema::{ChatRequest, Role};

use crate::CodecError;
use crate::families::common::template;
use crate::json::Lowering;

/// The prompt. A system prompt and other turns have no place in it; the last turn remains where they are
/// dropped.
pub(crate) fn lower(
    family: &'static str,
    request: &ChatRequest,
    lowering: &mut Lowering,
) -> Result<String, CodecError> {
    let turns = template::turns(family, request, lowering, |_| None)?;
    let mut turns = template::without_system(turns, request, lowering)?;
    if turns.len() > 1 || turns.first().is_some_and(|turn| turn.role != Role::User) {
        lowering.unsupported("messages", "turns other than one of the user")?;
    }
    Ok(turns.pop().map(|turn| turn.text).unwrap_or_default())
}
