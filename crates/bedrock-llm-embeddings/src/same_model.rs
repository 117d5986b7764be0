//! Which model made vectors or scores, and whether two can be compared.

use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::model::{ModelIdKind, ModelProfile};

/// The model itself, in whatever region and however it is named: what an opaque id is known to stand for, and without ARN
/// and geography.
pub(crate) fn identity(model: &ModelId, profile: &ModelProfile) -> ModelId {
    match &profile.base_model {
        // what a base is of such a model tells its limits, and not its numbers
        Some(base) if !is_trained_anew(model) => bare(base),
        _ => bare(model),
    }
}

/// Whether two ids are of one model, in whatever region and however it is named.
pub(crate) fn is_same_model(one: &ModelId, other: &ModelId) -> bool {
    bare(one) == bare(other)
}

fn bare(model: &ModelId) -> ModelId {
    match model.base() {
        Some(base) if !is_trained_anew(model) => ModelId::from(base),
        _ => model.clone(),
    }
}

fn is_trained_anew(model: &ModelId) -> bool {
    matches!(
        model.kind(),
        ModelIdKind::CustomModel | ModelIdKind::CustomModelDeployment | ModelIdKind::ImportedModel
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_many_names_and_a_custom_one_its_own() {
        let arn = |rest: &str| ModelId::from(format!("arn:aws:bedrock:us-east-1:{rest}"));
        let base = ModelId::from("cohere.embed-v4:0");
        assert!(is_same_model(&base, &"us.cohere.embed-v4:0".into()));
        assert!(is_same_model(&base, &arn(":foundation-model/cohere.embed-v4:0")));
        let custom = |id: &str| arn(&format!("111122223333:custom-model/cohere.embed-v4:0/{id}"));
        assert!(!is_same_model(&base, &custom("abcdefghijkl")));
        assert!(!is_same_model(&custom("abcdefghijkl"), &custom("bcdefghijklm")));

        let opaque = arn("111122223333:application-inference-profile/abcdefghijkl");
        assert_eq!(identity(&opaque, &ModelProfile::default()), opaque);
        let mut profile = ModelProfile::default();
        profile.base_model = Some("eu.cohere.embed-v4:0".into());
        assert_eq!(identity(&opaque, &profile), base);
        assert_eq!(identity(&custom("abcdefghijkl"), &profile), custom("abcdefghijkl"));
        profile.base_model = Some(custom("abcdefghijkl"));
        assert_eq!(identity(&opaque, &profile), custom("abcdefghijkl"));
    }
}
